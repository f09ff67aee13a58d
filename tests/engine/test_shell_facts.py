"""What a shell on a host tells: the script is run by a real `sh`, its output read."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from deployer.engine.shell_facts import ShellFacts, owners_script, read, read_owners, script
from deployer.model.preflight import Listener, Process, Questions, Room, Route

WHOLE = """\
Welcome to web1!
[host]
web1
[dev]
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets
    lo: 100  1
docker0: 200 2
[tcp]
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000 100 0 0 10 0
   2: 0100007F:A0A0 0A00000A:0000 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000 100 0 0 10 0
[tcp6]
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4714 1 0
   1: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4715 1 0
   2: 00000000000000000000000001000000:0052 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4716 1 0
[udp]
   0: 0B004D0A:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4717 2 0000 0
[udp6]
[route]
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t01004D0A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
[root]
yes
[missing]
/srv/a b
[df]
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda1           1000      600       300      67% /
[end]
"""


def test_everything_is_read() -> None:
    assert read(WHOLE, "/data", "amd64") == ShellFacts(
        name="web1",
        interfaces=frozenset({"lo", "docker0"}),
        listeners=(
            Listener("tcp", "127.0.0.1", 8080, 4711),
            Listener("tcp", "0.0.0.0", 22, 4712),
            Listener("tcp", "::", 80, 4714),
            Listener("tcp", "127.0.0.1", 81, 4715),
            Listener("tcp", "::1", 82, 4716),
            Listener("udp", "10.77.0.11", 53, 4717),
        ),
        routes=(Route("10.77.0.0/24", "eth0"),),
        missing=frozenset({"/srv/a b"}),
        has_root=True,
        room=Room("/data", 300 * 1024, 400 * 1024),
    )


def test_a_big_endian_kernel_writes_addresses_the_other_way_round() -> None:
    found = read(WHOLE.replace("0100007F:1F90", "7F000001:1F90"), "/data", "s390x")
    assert found is not None
    assert found.listeners[0] == Listener("tcp", "127.0.0.1", 8080, 4711)


@pytest.mark.parametrize("said", ["", "This account is not available.\n", WHOLE.removesuffix("[end]\n"), "[end]\n"])
def test_incomplete_script_output_is_ignored(said: str) -> None:
    assert read(said, "/data", "amd64") is None


OWNERS = """\
[owner] [4711] 812 nginx
0::/system.slice/nginx.service
[owner] [4712] 900 Web Content
12:pids:/docker/{key}
11:cpu:/docker/{key}
[owner] [4711] 813 nginx
[end]
"""


def test_who_holds_sockets() -> None:
    key = "0123456789abcdef" * 4
    assert read_owners(OWNERS.replace("{key}", key)) == {
        4711: Process(812, "nginx"),
        4712: Process(900, "Web Content", key),
    }
    assert read_owners("sh: not found\n") == {}


@pytest.mark.parametrize("name", ["a\n[owner] x", "a\n[owner] [1", "[owner]", "a\n[owner] [4] 5 6", "\x1b[2J\n"])
def test_a_process_whose_name_looks_like_output_hides_nothing_else(name: str) -> None:
    """A process may give itself any name of 15 bytes."""
    found = read_owners(OWNERS.replace("nginx", name, 1).replace("{key}", "0" * 64))
    assert found[4712] == Process(900, "Web Content", "0" * 64)
    assert found[4711] == Process(812, name.partition("\n")[0])


def test_names_that_the_shell_could_take_for_more_are_names(tmp_path: Path) -> None:
    made = tmp_path / "made"
    odd = {f"/no/$(touch {made})", f"/no/`touch {made}`", f"/no/'; touch {made}; '", "/no/\\", "/-e", "/no/*"}
    relative = {"no", "-e", "c:/no", "!"}
    found = looked(Questions(sources=frozenset(odd | relative), room=True), tmp_path)
    assert found.missing == odd
    assert not made.exists()
    assert looked(Questions(room=True), Path(f"--help$(touch {made})")).room is None
    assert not made.exists()


def run(text: str) -> str:
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=False).stdout


def looked(questions: Questions, root: Path) -> ShellFacts:
    found = read(run(script(questions, str(root))), str(root), "amd64")
    assert found is not None
    return found


def test_the_script_finds_this_machines_own_sockets(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number, inode = server.getsockname()[1], os.fstat(server.fileno()).st_ino
        found = looked(Questions(ports=frozenset({f"{number}:80/tcp"})), tmp_path)
        assert Listener("tcp", "127.0.0.1", number, inode) in found.listeners
        assert (found.name, "lo" in found.interfaces) == (os.uname().nodename, True)
        name = Path("/proc/self/comm").read_text().strip()
        assert read_owners(run(owners_script([inode])))[inode].pid == os.getpid()
        assert read_owners(run(owners_script([inode])))[inode].name == name


def test_the_script_says_what_is_missing_and_keeps_silent_where_it_cannot_see(tmp_path: Path) -> None:
    there, link = tmp_path / "with 'quotes' and blanks", tmp_path / "link"
    there.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    gone = {str(tmp_path / "gone"), str(there / "deep" / "er"), "/no-such-folder-at-all"}
    unknown = {str(there), str(link), str(link / "below")}
    found = looked(Questions(sources=frozenset(gone | unknown)), tmp_path)
    assert found.missing == gone
    assert found.has_root
    assert not looked(Questions(sources=frozenset({"/"})), tmp_path / "gone").has_root


def test_a_folder_that_may_not_be_searched_hides_what_is_in_it() -> None:
    with tempfile.TemporaryDirectory() as name:
        closed = Path(name) / "closed"
        closed.mkdir(mode=0)
        Path(name).chmod(0o755)
        text = script(Questions(sources=frozenset({str(closed / "in"), f"{name}/gone"})), "/")
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
        output = subprocess.run([*as_nobody, "sh", "-c", text], capture_output=True, text=True, check=False).stdout
        found = read(output, "/", "amd64")
        assert found is not None
        assert found.missing == {f"{name}/gone"}


def test_the_script_measures_the_room(tmp_path: Path) -> None:
    found = looked(Questions(room=True), tmp_path)
    assert found.room is not None
    assert 0 <= found.room.free <= found.room.left
    assert found.room.folder == str(tmp_path)
    assert looked(Questions(room=True), tmp_path / "gone").room is None
