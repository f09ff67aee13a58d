"""`deployer run` and `deployer cp` on several real hosts at once."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.support import PROGRAM, Site, environment, fetch, of_container, states
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

FILL = """mkdir -p /srv/x/sub; cd /srv/x; dd if=/dev/urandom of=big bs=1M count=20 2>/dev/null
ln big hard; ln -s big soft
chown 5:6 big; chmod 751 big; echo a > "sub/$(printf %0150d 0)"; mknod dev c 1 3; mkfifo pipe"""
SHOW = "cd /srv/{}; find . | sort | while read -r f; do stat -c '%n %a %u %g %Y %F %h' \"$f\"; done; md5sum big sub/*"


def test_many_hosts(host_20: Host, host_28: Host, host_containerd: Host, tmp_path: Path) -> None:
    hosts = (host_20, host_28, host_containerd)
    for host in hosts:
        fetch(host, "busybox:1")
    site = Site(tmp_path, *hosts).containers(one={}, two={})
    assert site.apply().code == 0
    inventory = ("-i", str(site.inventory))
    of_container(host_20, "one", "sh", "-c", FILL)
    there = ",".join(host.name for host in hosts)
    for name, words, to in (("kept", ("--archive",), "two:/srv/kept"), ("plain", (), "two:/srv/plain")):
        for host in hosts:
            of_container(host, "two", "mkdir", "-p", "/srv")
        found = site.run("cp", *inventory, *words, f"{host_20.name}/one:/srv/x", f"{there}/{to}")
        assert found.code == 0, found.err
        before = of_container(host_20, "one", "sh", "-c", SHOW.format("x"))
        wanted = before if words else before.replace("./big 751 5 6", "./big 751 0 0")
        wanted = wanted if words else wanted.replace("./hard 751 5 6", "./hard 751 0 0")
        for host in hosts:
            assert of_container(host, "two", "sh", "-c", SHOW.format(name)) == wanted
    _run(site, hosts, inventory)


def _run(site: Site, hosts: tuple[Host, ...], inventory: tuple[str, ...]) -> None:
    command = ("run", *inventory, "--playbook", str(site.file), "all", "one", "--", "sh", "-c")
    found = site.run(*command, "echo said; exit 2")
    assert (found.code, sorted(found.out.splitlines())) == (2, sorted(f"{host.name}/one | said" for host in hosts))
    # Interrupted, it leaves no container.
    process = subprocess.Popen(
        [PROGRAM, *command, "sleep 1000"], env=environment(site.folder), cwd=site.folder, stdin=subprocess.DEVNULL
    )
    wait_for(lambda: all(list(states(host).values()) == ["running"] * 3 for host in hosts), 60, "the containers")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert [states(host) for host in hosts] == [{"one": "running", "two": "running"}] * len(hosts)
