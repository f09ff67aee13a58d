"""`on_change`: what containers do on real engines when their files change under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Site, ids, inspect, of_container
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

SCRIPT = """
log() { echo "$1 $(cat /etc/app/app.conf /run/configs/sub/copy | uniq)"; }
trap 'log signal' HUP; log start; while :; do sleep 0.1; done
"""
TELL = 'echo "exec $(cat /etc/app/app.conf)" > /proc/1/fd/1; ! grep -q broken /etc/app/app.conf'
HOW: Json = {
    "restart": "restart",
    "signal": {"signal": "SIGHUP"},
    "exec": {"exec": ["sh", "-c", TELL]},
    "none": "none",
    "recreate": "recreate",
}


def play(content: str) -> Json:
    """A container for every way to react."""

    def container(how: Json | str) -> Json:
        target, copy = {"target": "/etc/app/app.conf"}, {"target": "/run/configs/sub/copy"}
        files = [{"source": "app.conf", "on_change": how, **at} for at in (target, copy)]
        return {**SLEEP, "command": ["sh", "-c", SCRIPT], "configs": files, "keep_previous": 0}

    return {
        "configs": {"app.conf": {"content": f"{content}\n"}},
        "containers": {f"on-{name}": container(how) for name, how in HOW.items()},
    }


def said(host: Host, name: str) -> list[str]:
    return host.docker("logs", f"on-{name}").splitlines()


def started(host: Host) -> dict[str, tuple[str, str]]:
    return {name: (key, inspect(host, name)["State"]["StartedAt"]) for name, key in ids(host).items()}


def test_every_reaction(host: Host, tmp_path: Path) -> None:
    """Once, on a host that allows nothing but forwarding; and back, where the new content does not work."""
    faults.restart_sshd(host, {"ForceCommand": "/usr/sbin/nologin", "PermitTTY": "no"})
    site = Site(tmp_path, host).write(play("foo bar 1"))
    site.converge()
    before = started(host)
    applied = site.write(play("foo bar 2")).converge()
    fields = "configs./etc/app/app.conf.content, configs./run/configs/sub/copy.content"
    symbols = {name: "+/-" if name == "recreate" else "~" for name in HOW}
    assert applied.changes == sorted(f"{host.name}/container.on-{name} {symbols[name]} {fields}" for name in HOW)
    assert {name: said(host, name) for name in HOW} == {
        "restart": ["start foo bar 1", "start foo bar 2"],
        "signal": ["start foo bar 1", "signal foo bar 2"],
        "exec": ["start foo bar 1", "exec foo bar 2"],
        "none": ["start foo bar 1"],
        "recreate": ["start foo bar 2"],
    }
    assert of_container(host, "on-none", "cat", "/etc/app/app.conf") == "foo bar 2\n"
    after = started(host)
    assert {name for name, found in after.items() if found == before[name]} == {"on-signal", "on-exec", "on-none"}
    assert after["on-restart"][0] == before["on-restart"][0]

    failed = site.write(play("broken")).apply()
    (error,) = failed.errors
    assert (failed.code, error.partition(": ")[2]) == (3, "the command ended with code 1")
    assert said(host, "exec")[2:] == ["exec broken", "exec foo bar 2"]
    assert {of_container(host, f"on-{name}", "cat", "/etc/app/app.conf") for name in HOW} == {"foo bar 2\n"}
    assert ids(host)["on-recreate"] == after["on-recreate"][0]
    assert site.write(play("foo bar 2")).plan().changes == []
