"""Creating a container: what the request and the image make together, and what a list shows of it."""

from __future__ import annotations

from typing import Any

from tests.contract.sandbox import BUSYBOX, EVERYTHING, SLEEP, Sandbox


def test_image_environment_follows_the_users_own(sandbox: Sandbox) -> None:
    key = sandbox.container("a", {"Image": EVERYTHING}, Env=["A=mine", "C=new", "A=second"])
    image = sandbox.engine.inspect_image(EVERYTHING) or {}
    inherited = [entry for entry in image["Config"]["Env"] if not entry.startswith("A=")]
    assert sandbox.inspect(key)["Config"]["Env"] == ["A=mine", "C=new", "A=second", *inherited]


def test_labels_and_exposed_ports_are_united_with_the_images(sandbox: Sandbox) -> None:
    config = sandbox.inspect(
        sandbox.container("a", {"Image": EVERYTHING}, Labels={"shared": "own", "x": "y"}, ExposedPorts={"81/tcp": {}})
    )["Config"]
    assert config["Labels"] == {"img.label": "one", "shared": "own", "x": "y"}
    assert set(config["ExposedPorts"]) == {"80/tcp", "53/udp", "81/tcp"}


def test_a_health_check_is_completed_from_the_image_field_by_field(sandbox: Sandbox) -> None:
    key = sandbox.container("a", {"Image": EVERYTHING}, Healthcheck={"Retries": 9, "Timeout": 1_000_000})
    check = sandbox.inspect(key)["Config"]["Healthcheck"]
    assert check["Test"] == ["CMD-SHELL", "true"]
    assert (check["Retries"], check["Timeout"], check["Interval"]) == (9, 1_000_000, 7_000_000_000)


def test_user_directory_and_signal_come_from_the_image(sandbox: Sandbox) -> None:
    config = sandbox.inspect(sandbox.container("a", {"Image": EVERYTHING}))["Config"]
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("1000:1000", "/work", "SIGINT")


def test_a_text_command_is_stored_as_one_word(sandbox: Sandbox) -> None:
    assert sandbox.inspect(sandbox.container("a", Cmd="echo hi"))["Config"]["Cmd"] == ["echo hi"]


def test_empty_maps_and_lists_are_as_good_as_absent(sandbox: Sandbox) -> None:
    config = sandbox.inspect(sandbox.container("a", ExposedPorts={}, Volumes={}, Env=[], Shell=[]))["Config"]
    assert "ExposedPorts" not in config
    assert "Shell" not in config
    assert config["Volumes"] is None


def test_the_host_config_of_an_empty_request(sandbox: Sandbox) -> None:
    host = sandbox.host_config(sandbox.container("a"))
    assert host["RestartPolicy"] == {"Name": "no" if sandbox.modern else "", "MaximumRetryCount": 0}
    assert host["NetworkMode"] == ("bridge" if sandbox.modern else "default")
    assert host["LogConfig"] == {"Type": "json-file", "Config": {}}
    assert (host["ShmSize"], host["IpcMode"], host["CgroupnsMode"]) == (64 * 1024**2, "private", "host")
    assert (host["PidsLimit"], host["Binds"], host["PortBindings"], host["CapAdd"]) == (None, None, None, None)
    assert ("KernelMemory" in host) is not sandbox.modern
    assert ("/sys/devices/virtual/powercap" in host["MaskedPaths"]) is sandbox.modern


def test_a_stop_timeout_of_zero_is_not_an_absent_one(sandbox: Sandbox) -> None:
    assert sandbox.inspect(sandbox.container("a", StopTimeout=0))["Config"]["StopTimeout"] == 0


def test_privileged_takes_labels_and_masks_away(sandbox: Sandbox) -> None:
    host = sandbox.host_config(sandbox.container("a", HostConfig={"Privileged": True, "CapAdd": ["SYS_ADMIN"]}))
    assert host["SecurityOpt"] == ["label=disable"]
    assert host["MaskedPaths"] is None
    assert host["ReadonlyPaths"] is None
    assert host["CapAdd"] == ["SYS_ADMIN"]


REWRITTEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"PidsLimit": 0}, {"PidsLimit": None}),
    ({"PidsLimit": -1}, {"PidsLimit": None}),
    ({"MemorySwappiness": -1}, {"MemorySwappiness": None}),
    ({"Memory": 67108864}, {"MemorySwap": 134217728}),
    ({"Memory": 67108864, "MemorySwap": -1}, {"MemorySwap": -1}),
    ({"MemorySwap": -1}, {"MemorySwap": -1, "Memory": 0}),
    ({"MaskedPaths": [], "ReadonlyPaths": []}, {"MaskedPaths": [], "ReadonlyPaths": []}),
    ({"Init": False}, {"Init": False}),
    ({"CapAdd": [], "Dns": [], "Devices": []}, {"CapAdd": [], "Dns": [], "Devices": []}),
    ({"Links": []}, {"Links": None}),
    ({"CpuShares": 1}, {"CpuShares": 1}),
    ({"CpuQuota": -1}, {"CpuQuota": -1}),
    ({"Ulimits": [{"Name": "nofile", "Soft": 5, "Hard": 6}]}, {"Ulimits": [{"Name": "nofile", "Hard": 6, "Soft": 5}]}),
    ({"PortBindings": {"80/tcp": None}}, {"PortBindings": {"80/tcp": None}}),
    ({"Sysctls": {}, "StorageOpt": {}, "Tmpfs": {}, "Mounts": []}, {}),
]


def test_values_the_engine_rewrites_or_keeps(sandbox: Sandbox) -> None:
    for number, (given, stored) in enumerate(REWRITTEN):
        shown = sandbox.host_config(sandbox.container(f"a{number}", HostConfig=given))
        assert {key: shown[key] for key in stored} == stored, given
    assert not {"Sysctls", "StorageOpt", "Tmpfs", "Mounts"} & set(shown), "empty optional fields are not shown"


def test_fields_newer_than_the_engine_vanish_without_a_word(sandbox: Sandbox) -> None:
    key, warnings = sandbox.engine.create_container(
        sandbox.name("a"),
        {
            "Image": BUSYBOX,
            "Cmd": SLEEP,
            "Healthcheck": {"Test": ["CMD", "true"], "StartInterval": 1_000_000_000},
            "HostConfig": {"Annotations": {"a": "b"}},
        },
        "",
    )
    sandbox.remember_container(key)
    found = sandbox.inspect(key)
    assert list(warnings) == []
    assert ("Annotations" in found["HostConfig"]) is sandbox.modern
    assert ("StartInterval" in found["Config"]["Healthcheck"]) is sandbox.modern


def test_discarded_values_are_warned_about(sandbox: Sandbox) -> None:
    body = {
        "Image": BUSYBOX,
        "Cmd": SLEEP,
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {"NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostPort": "1"}]}, "OomKillDisable": True},
    }
    key, warnings = sandbox.engine.create_container(sandbox.name("a"), body, "")
    sandbox.remember_container(key)
    assert any("Published ports are discarded" in warning for warning in warnings)
    assert any("OOM killer is disabled" in warning for warning in warnings)


def test_modes_that_name_a_container_are_stored_with_its_id(sandbox: Sandbox) -> None:
    target = sandbox.container("t")
    name = f"container:{sandbox.name('t')}"
    host = sandbox.host_config(
        sandbox.container("a", HostConfig={"NetworkMode": name, "IpcMode": name, "PidMode": name})
    )
    assert [host[key] for key in ("NetworkMode", "IpcMode", "PidMode")] == [f"container:{target}"] * 3


def test_links_are_stored_with_both_names(sandbox: Sandbox) -> None:
    sandbox.container("t")
    host = sandbox.host_config(sandbox.container("a", HostConfig={"Links": [f"{sandbox.name('t')}:db"]}))
    assert host["Links"] == [f"/{sandbox.name('t')}:/{sandbox.name('a')}/db"]


def test_a_container_made_with_a_full_reference_keeps_the_text(sandbox: Sandbox) -> None:
    key = sandbox.container("a", {"Image": f"docker.io/library/{BUSYBOX}"})
    found = sandbox.inspect(key)
    assert found["Config"]["Image"] == f"docker.io/library/{BUSYBOX}"
    assert found["Image"] == (sandbox.engine.inspect_image(BUSYBOX) or {})["Id"]


def test_found_by_name_id_and_the_beginning_of_the_id(sandbox: Sandbox) -> None:
    key = sandbox.container("a")
    assert {sandbox.inspect(ref)["Id"] for ref in (key, key[:12], sandbox.name("a"))} == {key}
    assert sandbox.inspect(key)["Name"] == f"/{sandbox.name('a')}"


def test_the_list_shows_the_short_form(sandbox: Sandbox) -> None:
    key = sandbox.container("a", Cmd=["sh", "-c", "sleep 600"], Labels={"x": "y"})
    listed = next(each for each in sandbox.engine.list_containers() if each["Id"] == key)
    assert listed["Names"] == [f"/{sandbox.name('a')}"]
    assert listed["Command"] == "sh -c 'sleep 600'"
    assert (listed["State"], listed["Status"], listed["Labels"]) == ("created", "Created", {"x": "y"})
    assert (listed["Image"], listed["ImageID"]) == (BUSYBOX, sandbox.inspect(key)["Image"])
    assert listed["HostConfig"]["NetworkMode"] in {"default", "bridge"}
    assert set(listed["NetworkSettings"]) == {"Networks"}
    assert listed["Ports"] == []
    assert isinstance(listed["Created"], int)


def test_missing_objects_read_as_none(sandbox: Sandbox) -> None:
    nothing = sandbox.name("nothing")
    engine = sandbox.engine
    assert engine.inspect_container(nothing) is None
    assert engine.inspect_image(f"{nothing}:1") is None
    assert engine.inspect_network(nothing) is None
    assert engine.inspect_volume(nothing) is None


def test_the_engine_describes_itself(sandbox: Sandbox) -> None:
    described, info = sandbox.engine.describe(), sandbox.engine.info()
    assert (described.os, described.arch, described.kind) == ("linux", "amd64", "docker")
    api = tuple(map(int, described.api.split(".")))
    assert api >= (1, 51) if sandbox.newest else api == ((1, 45) if sandbox.modern else (1, 41))
    assert described.version.startswith(str(info["ServerVersion"]).partition("+")[0])
    assert (info["LoggingDriver"], info["DefaultRuntime"], info["OSType"]) == ("json-file", "runc", "linux")
    assert info["Architecture"] == "x86_64"
    assert info["NCPU"] > 0
