"""Starting the lab survives whatever an earlier run left, and removing it leaves nothing but the cache."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import faults, inventory, lifecycle, machine, network, registry
from tests.lab import lab as the_lab
from tests.lab.lab import Lab
from tests.lab.settings import BRIDGE, CACHE, CGROUP, CHECKOUT, DOCKER_26, INVENTORY, STATE, netns, veth
from tests.lab.shell import read_pid, run, start_time, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.of_lab]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: start_time(pid) is None, 5, f"{pid} to die")


@pytest.fixture(autouse=True)
def restored(exclusive_lab: Lab) -> Iterator[None]:
    """Whatever a test breaks, the next one finds the lab up."""
    yield
    the_lab.up(len(exclusive_lab.hosts))


def test_a_host_whose_first_process_was_killed_restarts_and_the_others_run_on(exclusive_lab: Lab) -> None:
    first, *others = exclusive_lab.hosts
    before = [host.init_pid for host in others]
    kill(first.init_pid)
    the_lab.up()
    assert first.ssh("hostname").strip() == first.name
    assert [host.init_pid for host in others] == before


def test_daemons_that_were_killed_run_again_in_the_same_host(exclusive_lab: Lab) -> None:
    host = exclusive_lab.of_kind(DOCKER_26)
    before = host.init_pid
    faults.kill_engine(host)
    lifecycle.stop_sshd(host)
    the_lab.up()
    assert host.ssh("docker", "ps", "-q") == ""
    assert host.init_pid == before


def test_a_killed_registry_serves_again(exclusive_lab: Lab) -> None:
    pid = read_pid(registry.FOLDER / "registry.pid")
    assert pid
    kill(pid)
    the_lab.up()
    assert registry.answers()


def test_a_registry_whose_pid_file_is_lost_gives_its_port_up(exclusive_lab: Lab) -> None:
    (registry.FOLDER / "registry.pid").unlink()
    the_lab.up()
    assert registry.answers()


def test_a_lost_bridge_is_made_again_and_the_hosts_are_plugged_in(exclusive_lab: Lab) -> None:
    before = [host.init_pid for host in exclusive_lab.hosts]
    run("ip", "link", "delete", BRIDGE)
    the_lab.up()
    assert [host.init_pid for host in exclusive_lab.hosts] == before
    assert all(lifecycle.sshd_greets(host) for host in exclusive_lab.hosts)


def test_hosts_whose_records_are_lost_give_way_to_new_ones(exclusive_lab: Lab) -> None:
    before = [host.init_pid for host in exclusive_lab.hosts]
    shutil.rmtree(STATE)
    lab = the_lab.up(len(exclusive_lab.hosts))
    assert all(start_time(pid) is None for pid in before)
    assert all(host.ssh("hostname").strip() == host.name for host in lab.hosts)


def test_another_checkout_finds_the_lab_running(exclusive_lab: Lab, tmp_path: Path) -> None:
    before = [host.init_pid for host in exclusive_lab.hosts]
    shutil.copytree(CHECKOUT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    # The other process must not wait for the lock that this test holds.
    environment = os.environ | {"DEPLOYER_LAB_CACHE": str(tmp_path / "cache")}
    (tmp_path / "cache").mkdir()
    for name in ("layers", "packed"):
        (tmp_path / "cache" / name).symlink_to(CACHE / name)
    subprocess.run([sys.executable, "-m", "tests.lab", "up"], cwd=tmp_path, env=environment, check=True, timeout=60)
    assert [host.init_pid for host in exclusive_lab.hosts] == before
    assert (tmp_path / INVENTORY.relative_to(CHECKOUT) / "hosts.yml").read_text() == inventory.text(exclusive_lab.hosts)


def test_removing_the_lab_leaves_nothing_and_removing_it_again_is_harmless(exclusive_lab: Lab) -> None:
    pids = [host.init_pid for host in exclusive_lab.hosts]
    the_lab.down()
    assert all(start_time(pid) is None for pid in pids)
    assert network.namespaces() == []
    assert not [link for link in Path("/sys/class/net").iterdir() if link.name.startswith((BRIDGE, veth("")))]
    assert BRIDGE not in run("iptables-save")
    assert not STATE.exists()
    assert not INVENTORY.exists()
    mounts = Path("/proc/mounts").read_text()
    assert str(STATE) not in mounts
    assert netns("") not in mounts
    assert not list(Path("/sys/fs/cgroup").glob(f"*/{CGROUP}"))
    the_lab.down()
    assert the_lab.running() is None


def test_a_user_without_permission_gets_one_reason() -> None:
    os.seteuid(65534)
    try:
        assert machine.refusal() == "the lab needs root"
    finally:
        os.seteuid(0)
