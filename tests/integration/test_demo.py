"""`make demo` does what it says, on real hosts and where there are none, and fails when something is not so."""

from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.lab import demo
from tests.lab import lab as the_lab
from tests.lab.host import Host
from tests.lab.shell import LabUnavailableError


@pytest.fixture
def no_lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine that has neither root nor Docker."""

    def refuse(_count: int) -> NoReturn:
        raise LabUnavailableError("the lab needs root")

    monkeypatch.setattr(the_lab, "up", refuse)
    monkeypatch.setattr(demo, "SOCKET", tmp_path / "docker.sock")


def headings(output: str) -> list[str]:
    """The steps that were shown."""
    known = ("Hosts", "The plan", "Change it", "Again", "A new version", "Where to go next")
    return [line for line in output.splitlines() if line.startswith(known)]


STEPS = [
    "Hosts",
    "The plan: what would change",
    "Change it",
    "Again: nothing to do",
    "A new version, 1.1: replaced, checked, its data kept",
    "Where to go next",
]


@pytest.mark.lab
@pytest.mark.alone
def test_the_demo_keeps_its_promises_on_real_hosts(first_hosts: tuple[Host, ...], capfd: Any) -> None:
    assert demo.main() == 0
    output = capfd.readouterr().out
    assert headings(output) == STEPS
    for host in first_hosts:
        assert f"http://{host.address}:8080/  version 1.0, visits 1, 2, 3" in output
        assert f"http://{host.address}:8080/  version 1.1, visits 4, 5, 6" in output
    assert output.count("Plan: no changes on 3 hosts.") == 2


@pytest.mark.lab
@pytest.mark.alone
def test_a_page_that_does_not_count_is_a_broken_promise(first_hosts: tuple[Host, ...], monkeypatch: Any) -> None:
    monkeypatch.setattr(demo, "_page", lambda _url: ("1.0", 7))
    assert demo.main() == 1


@pytest.mark.lab
@pytest.mark.alone
def test_with_docker_alone_it_runs_there(no_lab: None, host_26: Host, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.setattr(demo, "SOCKET", host_26.docker_socket)
    monkeypatch.setattr(demo, "_LOCAL", (*demo._LOCAL, "-e", f"deployer_docker_socket={host_26.docker_socket}"))
    monkeypatch.setattr(demo, "_LOCAL_PAGE", f"redis://{host_26.address}:6379")
    assert demo.main() == 0
    output = capfd.readouterr().out
    assert f"redis://{host_26.address}:6379  visits 1, 2, 3" in output
    assert "Plan: no changes on 1 host.\n" in output


def test_without_real_hosts_it_says_why_and_continues(no_lab: None, capfd: Any) -> None:
    assert demo.main() == 0
    output = capfd.readouterr().out
    assert "They cannot run here: the lab needs root." in output
    assert headings(output) == STEPS
    assert output.count("Plan: no changes on 2 hosts (simulated).") == 2


def test_a_command_that_fails_is_a_broken_promise(no_lab: None, monkeypatch: Any, capfd: Any) -> None:
    monkeypatch.setattr(demo, "_SIMULATED", ("-i", "no-such-inventory.yml"))
    assert demo.main() == 1
    assert "Not as promised: `deployer plan` ended with exit code 1" in capfd.readouterr().out


def test_a_second_plan_that_is_not_empty_is_a_broken_promise(no_lab: None, monkeypatch: Any, capfd: Any) -> None:
    original = demo._deployer

    def forgetful(stage: demo.Stage, command: str, *options: str, version: str) -> None:
        if command != "apply":
            original(stage, command, *options, version=version)

    monkeypatch.setattr(demo, "_deployer", forgetful)
    assert demo.main() == 1
    assert "`deployer plan` ended with exit code 2" in capfd.readouterr().out
