"""Two operators at once: one waits or is refused, and the hosts end up as if they had come one after the other."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import PROGRAM, SLEEP, Site, fetch, states
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

BASE: dict[str, Any] = {**SLEEP, "healthcheck": {"test": ["CMD", "true"], "interval": "5s"}}
"""Healthy after a while, during which the host is locked and `web` waits."""

HELD: dict[str, Any] = {
    **SLEEP,
    "healthcheck": {"test": ["CMD", "test", "-e", "/tmp/go"], "interval": "1s", "retries": 1000},
}
"""Healthy once the test says so, and never unhealthy: for what must happen while the host is locked."""

BOTH = {"base": "running", "web": "running"}

ELSEWHERE = ("unshare", "--pid", "--fork", "--kill-child")
"""Runs a program that nobody here can see to be dead, as one on another machine."""


@pytest.fixture
def site(host_26: Host, tmp_path: Path) -> Site:
    fetch(host_26, "busybox:1")
    return write(Site(tmp_path, host_26), 1)


def write(site: Site, version: int, base: dict[str, Any] = BASE) -> Site:
    """`base`, and when that is healthy `web`."""
    after = {"depends_on": {"base": {"condition": "service_healthy"}}}
    return site.write({"containers": {"base": base, "web": {**SLEEP, **after, "environment": {"VERSION": version}}}})


@contextmanager
def begun(site: Site, *words: str, prefix: Sequence[str] = (), lease: str = "60s") -> Iterator[subprocess.Popen[str]]:
    """An apply in another shell, which has the lock of the first host."""
    command = [*prefix, str(PROGRAM), "apply", "--yes", "--lock-lease", lease, *site.arguments, *words]
    environ = {**os.environ, "HOME": str(site.folder)}
    run = subprocess.Popen(
        command, cwd=site.folder, env=environ, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True
    )
    try:
        wait_for(lambda: bool(lock_volumes(site.hosts[0])), 20, "the lock")
        yield run
    finally:
        run.kill()
        run.communicate(timeout=60)


def lock_volumes(host: Host) -> list[str]:
    return sorted(name for name in volumes(host) if name.startswith("deployer.lock."))


def volumes(host: Host) -> list[str]:
    return [found["Name"] for found in host.api("GET", "/volumes")["Volumes"] or ()]


def version(host: Host) -> str:
    found: str = host.api("GET", "/containers/web/json")["Config"]["Env"][0]
    return found


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    wait_for(condition, seconds, "it")


@pytest.fixture
def held(site: Site) -> Site:
    return write(site, 1, HELD)


def until_it_waits(run: subprocess.Popen[str]) -> None:
    """The run says that it waits for the lock."""
    assert run.stderr is not None
    assert any("waiting for " in line for line in run.stderr)


def go(host: Host) -> None:
    """The base that was held becomes healthy."""
    until(lambda: states(host).get("base") == "running")
    host.docker("exec", "base", "touch", "/tmp/go")


def test_the_second_run_is_refused_and_learns_the_holder(held: Site, host_26: Host) -> None:
    site = held
    with begun(site) as first:
        second = site.run("apply", "--yes", *site.arguments)
        go(host_26)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 0, out
    assert second.code == 5
    assert f"{host_26.name}: nothing was changed: site is locked by " in second.out
    assert "(apply " in second.out
    assert "--lock-wait" in second.out
    assert lock_volumes(host_26) == []
    assert states(host_26) == BOTH
    site.converge()


def test_the_second_waits_and_finds_its_work_done(held: Site, host_26: Host) -> None:
    with begun(held) as first, begun(held, "--lock-wait", "60s") as second:
        until_it_waits(second)
        go(host_26)
        first.communicate(timeout=60)
        second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert states(host_26) == BOTH
    assert len([name for name in volumes(host_26) if name.startswith("deployer.history.")]) == 1


def test_the_second_waits_and_does_nothing_that_it_did_not_show(held: Site, host_26: Host, tmp_path: Path) -> None:
    """It showed a creation, and would have to replace what the first made."""
    (tmp_path / "other").mkdir()
    other = write(Site(tmp_path / "other", host_26), 2, HELD)
    with begun(held) as first, begun(other, "--lock-wait", "60s") as second:
        until_it_waits(second)
        go(host_26)
        first.communicate(timeout=60)
        out, _ = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 5)
    assert "nothing was changed: the host has changed since the plan was created: container.web" in out
    assert version(host_26) == "VERSION=1"
    other.converge()
    assert version(host_26) == "VERSION=2"


def test_another_project_is_not_kept_waiting(held: Site, host_26: Host, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Site(tmp_path / "other", host_26).write({"project": "other", "containers": {"blog": dict(SLEEP)}})
    with begun(held) as first:
        other.converge()
        assert first.poll() is None


def test_after_a_crash_on_this_machine_nobody_waits(site: Site, host_26: Host) -> None:
    with begun(site) as first:
        first.send_signal(signal.SIGKILL)
    assert lock_volumes(host_26)
    assert "expired, free for the next run" in site.run("lock", "status", "-i", str(site.inventory)).out
    site.converge()
    assert lock_volumes(host_26) == []


def test_after_a_crash_elsewhere_the_second_takes_over_when_the_lease_has_run_out(site: Site, host_26: Host) -> None:
    with begun(site, prefix=ELSEWHERE, lease="8s") as first:
        first.send_signal(signal.SIGKILL)
    assert site.apply().code == 5
    waited = site.run("apply", "--yes", "--lock-wait", "60s", *site.arguments)
    assert waited.code == 0, waited
    assert f"{host_26.name}  waiting for " in waited.err
    assert states(host_26) == BOTH
    assert lock_volumes(host_26) == []


def test_one_that_slept_writes_nothing_more(site: Site, host_26: Host, tmp_path: Path) -> None:
    """As a laptop whose lid was closed in the middle: its waking up must not disturb the run that took over."""
    (tmp_path / "other").mkdir()
    other = write(Site(tmp_path / "other", host_26), 2)
    with begun(site, prefix=ELSEWHERE, lease="3s") as first:
        until(lambda: states(host_26).get("base") == "running")
        group = [int(pid) for pid in _children(first.pid)]
        for pid in group:
            os.kill(pid, signal.SIGSTOP)
        second = other.run("apply", "--yes", "--lock-wait", "30s", *other.arguments)
        assert second.code == 0, second
        for pid in group:
            os.kill(pid, signal.SIGCONT)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 5, out
    assert "the lock of site was lost" in out
    assert version(host_26) == "VERSION=2"
    assert states(host_26) == BOTH
    assert lock_volumes(host_26) == []


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_link_lost_for_a_while_loses_neither_run_nor_lock(held: Site, host_26: Host) -> None:
    with begun(held, lease="9s") as first:
        before = lock_volumes(host_26)
        with faults.unreachable(host_26):
            time.sleep(4)
        until(lambda: lock_volumes(host_26) not in ([], before))
        go(host_26)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 0, out
    assert lock_volumes(host_26) == []


def test_sessions_cut_in_the_middle_lose_nothing(site: Site, host_26: Host) -> None:
    with begun(site) as first:
        until(lambda: states(host_26).get("base") == "running")
        faults.cut_sessions(host_26)
        first.communicate(timeout=60)
    again = site.run("apply", "--yes", "--lock-wait", "10s", *site.arguments)
    assert again.code == 0, again
    assert lock_volumes(host_26) == []


def test_ctrl_c_releases(held: Site, host_26: Host) -> None:
    with begun(held) as first:
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 130, out
    assert lock_volumes(host_26) == []


def test_released_by_hand_the_run_stops(held: Site, host_26: Host) -> None:
    site = held
    with begun(site, lease="3s") as first:
        inventory = ("-i", str(site.inventory))
        shown = site.run("lock", "status", *inventory)
        assert [line.split()[:2] for line in shown.out.splitlines()[1:]] == [[host_26.name, "site"]]
        assert site.run("lock", "release", *inventory).code == 5
        assert site.run("lock", "release", *inventory, "--yes").out.endswith("1 lock released.\n")
        # It renews its lock several times in a lease.
        time.sleep(3)
        go(host_26)
        out, _ = first.communicate(timeout=60)
    assert first.returncode == 5, out
    assert "released by hand" in out
    assert site.run("lock", "status", *inventory).out == "No host is locked.\n"
    site.converge()


def test_where_only_forwarding_is_allowed_and_no_shell(site: Site, host_26: Host) -> None:
    faults.restart_sshd(host_26, {"ForceCommand": "echo no shell for you", "PermitTTY": "no"})
    write(site, 1, HELD)
    with begun(site) as first:
        assert site.apply().code == 5
        go(host_26)
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert lock_volumes(host_26) == []


def test_two_of_several_hosts_in_opposite_orders_never_wait_in_a_circle(
    lab_hosts: tuple[Host, ...], tmp_path: Path
) -> None:
    hosts = lab_hosts[:3]
    for host in hosts:
        fetch(host, "busybox:1")
    one = write(Site(tmp_path, *hosts), 1)
    with begun(one, "--lock-wait", "60s") as first:
        with begun(one, "--lock-wait", "60s") as second:
            assert one.run("apply", "--yes", "--lock-wait", "60s", *one.arguments).code == 0
            second.communicate(timeout=60)
        first.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert [lock_volumes(host) for host in hosts] == [[], [], []]
    assert one.plan().changes == []


def test_a_plan_without_changes_takes_no_lock(site: Site, host_26: Host) -> None:
    site.converge()
    before = volumes(host_26)
    assert site.run("apply", *site.arguments).code == 0
    assert volumes(host_26) == before
