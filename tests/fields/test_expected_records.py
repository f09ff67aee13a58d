"""What is expected of a live container by what was recorded, what its image gives, and what engine and kernel do by
themselves.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from tests.fields.comparing import container, shown

WEB_ID = "a" * 64
PLAIN = container()


def test_a_zero_declares_nothing_where_the_daemon_has_a_default() -> None:
    usual = container(ShmSize=67108864, Runtime="runc")
    zeros = {"shm_size": 0, "runtime": ""}
    assert shown(zeros, usual) == []
    assert shown({}, usual, recorded=zeros) == []
    assert shown(zeros, container(ShmSize=134217728), recorded={"shm_size": "128m"}) == [
        "shm_size: 128 MiB → the default (replace)"
    ]
    assert shown({"init": False}, container(Init=True)) == ["init: true → false (replace)"]


def test_a_shared_namespace_is_compared_by_the_id_its_name_has_now() -> None:
    live = container({}, {}, NetworkMode=f"container:{WEB_ID}", PidMode=f"container:{WEB_ID}")
    declared = {"network_mode": "container:web", "pid": "container:web"}
    assert shown(declared, live, ids={"web": WEB_ID}) == []
    assert shown(declared, live, ids={"web": "b" * 64}) == [
        f"network_mode: container:{WEB_ID} → container:{'b' * 64} (replace)",
        f"pid: container:{WEB_ID} → container:{'b' * 64} (replace)",
    ]


class TestNoLongerDeclared:
    """What was declared when the container was made, and is not any more, goes back to the default."""

    def test_daemon_defaulted_fields(self) -> None:
        live = container(ShmSize=67108864, Init=True, Runtime="crun", IpcMode="shareable")
        assert shown({}, live, recorded={"shm_size": "64m", "init": True, "runtime": "crun"}) == [
            "init: true → the default (replace)",
            "runtime: crun → the default (replace)",
            "shm_size: 64 MiB → the default (replace)",
        ]

    def test_log_options(self) -> None:
        live = container(LogConfig={"Type": "local", "Config": {"max-size": "1m", "labels": "x"}})
        recorded = {"logging": {"options": {"max-size": "1m"}}}
        assert shown({}, live, recorded=recorded) == ["logging.options.max-size: 1m →  (replace)"]

    def test_a_driver_alone_goes_back_and_options_stay_as_they_are(self) -> None:
        live = container(LogConfig={"Type": "json-file", "Config": {"max-size": "10m", "labels": "x"}})
        recorded = {"logging": {"driver": "json-file", "options": {"max-size": "10m"}}}
        assert shown({"logging": {"options": {"max-size": "10M"}}}, live, recorded=recorded) == [
            "logging.driver: json-file → the default (replace)"
        ]

    def test_ulimits(self) -> None:
        live = container(Ulimits=[{"Name": name, "Soft": 1, "Hard": 2} for name in ("core", "nofile", "nproc")])
        recorded = {"ulimits": {"nofile": 5, "nproc": {"soft": 1, "hard": 2}}}
        assert shown({"ulimits": {"nproc": {"soft": 1, "hard": 2}}}, live, recorded=recorded) == [
            "ulimits.nofile: 1:2 →  (replace)"
        ]

    def test_swap(self) -> None:
        live = container(Memory=67108864, MemorySwap=-1)
        recorded = {"mem_limit": "64m", "memswap_limit": -1}
        assert shown({"mem_limit": "64m"}, live, recorded=recorded) == [
            "memswap_limit: unlimited → 128 MiB (update in place)"
        ]

    def test_an_anonymous_volume(self) -> None:
        live = container({"Volumes": {"/data": {}}})
        assert shown({}, live, recorded={"volumes": ["/data"]}) == ["volumes./data: anonymous volume →  (replace)"]


class TestWhatTheKernelCannotDo:
    """Dropped by the engine with a warning: declared the same before, and not there, it is no difference."""

    @pytest.mark.parametrize("declared", [{"mem_swappiness": 10}, {"oom_kill_disable": True}, {"mem_limit": "64m"}])
    def test_it_was_dropped(self, declared: dict[str, Any]) -> None:
        assert shown(declared, PLAIN, recorded=declared) == []
        assert len(shown(declared, PLAIN)) == 1

    def test_part_of_a_map_was_dropped(self) -> None:
        declared = {"blkio_config": {"weight": 300, "device_read_bps": [{"path": "/dev/sda", "rate": "1m"}]}}
        live = container(BlkioDeviceReadBps=[{"Path": "/dev/sda", "Rate": 1048576}])
        assert shown(declared, live, recorded=declared) == []

    def test_swap_without_accounting_is_unlimited(self) -> None:
        declared = {"mem_limit": "64m", "memswap_limit": "128m"}
        assert shown(declared, container(Memory=67108864, MemorySwap=-1), recorded=declared) == []


class TestImage:
    """What an image hands down counts where nothing is declared."""

    IMAGE: ClassVar[dict[str, Any]] = {
        "Env": ["PATH=/bin", "A=img"],
        "Labels": {"a": "img"},
        "User": "app",
        "WorkingDir": "/work",
        "StopSignal": "SIGINT",
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/data": {}},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": 5_000_000_000},
        "Entrypoint": ["run"],
        "Cmd": ["it"],
    }

    def test_everything_inherited(self) -> None:
        assert shown({}, container(self.IMAGE), image=self.IMAGE) == []

    def test_everything_overridden_by_hand(self) -> None:
        assert shown({}, PLAIN, image=self.IMAGE) == [
            "command: [] → it (replace)",
            "entrypoint: [] → run (replace)",
            "environment.A:  → img (replace)",
            "environment.PATH:  → /bin (replace)",
            "labels.a:  → img (replace)",
            'user: "" → app (replace)',
            'working_dir: "" → /work (replace)',
            "stop_signal: SIGTERM → SIGINT (replace)",
            "expose: none → 80/tcp (replace)",
            "healthcheck.interval:  → 5s (replace)",
            "healthcheck.test:  → CMD, true (replace)",
            "volumes./data:  → anonymous volume (replace)",
        ]

    def test_declared_over_it(self) -> None:
        live = container(
            self.IMAGE
            | {
                "Env": ["A=mine", "PATH=/bin", "B"],
                "Labels": {"a": "mine"},
                "ExposedPorts": {"80/tcp": {}, "81/tcp": {}},
                "Healthcheck": {"Test": ["CMD", "true"], "Interval": 9_000_000_000},
                "Entrypoint": ["mine"],
                "Cmd": None,
            }
        )
        declared = {
            "environment": {"A": "mine", "B": None},
            "labels": {"a": "mine"},
            "expose": [81],
            "healthcheck": {"interval": "9s"},
            "entrypoint": ["mine"],
        }
        assert shown(declared, live, image=self.IMAGE) == []

    def test_a_disabled_healthcheck_keeps_no_times(self) -> None:
        disabled = {"Healthcheck": {"Test": ["NONE"], "Interval": 5_000_000_000}}
        assert shown({}, container(disabled), image=disabled) == []
        assert shown({"healthcheck": {"interval": "9s"}}, container(disabled), image=disabled) == []
        assert shown({"healthcheck": {"disable": True}}, PLAIN) == []


def test_a_namespace_of_a_container_that_was_recreated_is_another() -> None:
    """W13."""
    live = container({"Hostname": "db"}, {}, NetworkMode="container:old-id")
    declared = {"network_mode": "container:db"}
    assert shown(declared, live, ids={"db": "old-id"}) == []
    assert shown(declared, live, ids={"db": "new-id"}) == [
        "network_mode: container:old-id → container:new-id (replace)"
    ]


def test_capabilities_dropped_by_podman_are_restored() -> None:
    drops = {"cap_drop": ["AUDIT_WRITE", "MKNOD", "NET_RAW"]}
    live = container(CapDrop=drops["cap_drop"])
    assert shown({}, live, recorded=drops) == ["cap_drop: AUDIT_WRITE, MKNOD, NET_RAW → none (replace)"]
