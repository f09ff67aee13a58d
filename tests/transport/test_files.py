"""Files of a host: the same over every type of connection, and on a host of the lab."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.engine.connect import Connections
from deployer.errors import FileError, NotOfferedError, UnreachableError
from deployer.interfaces import FileInfo, FileKind, Files, Host
from deployer.reach.connection import ConnectionSpec
from deployer.reach.connectors import CONNECTORS, ConnectionType, Connector
from deployer.simulated import SimulatedEngine
from deployer.simulated.host import SimulatedMachine
from tests.lab import faults
from tests.lab.host import Host as LabHost
from tests.transport.conftest import Remote
from tests.transport.ssh_server import SshServer

BIG = bytes(range(256)) * 20_000


def read(files: Files, path: str) -> bytes:
    with files.read(path) as chunks:
        return b"".join(chunks)


def parts(found: FileInfo | None) -> tuple[str, FileKind, int]:
    assert found is not None
    return found.name, found.kind, found.mode


def check(files: Files, root: str) -> None:
    """Everything `Files` says, in a folder that is there and empty."""
    assert (files.list(root), files.stat(f"{root}/none")) == ([], None)
    files.make_directory(f"{root}/conf", mode=0o750)
    files.write(f"{root}/conf/a", [b"one ", b"", b"two"], mode=0o640)
    files.write(f"{root}/conf/big", io.BytesIO(BIG), mode=0o600)
    assert [parts(found) for found in files.list(f"{root}/conf")] == [
        ("a", FileKind.FILE, 0o640),
        ("big", FileKind.FILE, 0o600),
    ]
    assert [parts(found) for found in files.list(root)] == [("conf", FileKind.DIRECTORY, 0o750)]
    assert (read(files, f"{root}/conf/a"), read(files, f"{root}/conf/big") == BIG) == (b"one two", True)

    files.write(f"{root}/conf/a", [b"three"], mode=0o600)
    found = files.stat(f"{root}/conf/a")
    assert (parts(found), found and found.size) == (("a", FileKind.FILE, 0o600), 5)
    assert found is not None
    files.set_attributes(f"{root}/conf/a", mode=0o4711, uid=found.uid, gid=found.gid)
    files.write(f"{root}/conf/b", [b"old"], mode=0o600)
    files.rename(f"{root}/conf/a", f"{root}/conf/b")
    assert (parts(files.stat(f"{root}/conf/b")), files.stat(f"{root}/conf/a")) == (("b", FileKind.FILE, 0o4711), None)
    files.rename(f"{root}/conf/b", f"{root}/conf/a")
    with pytest.raises(FileError) as raised:
        files.rename(f"{root}/none", f"{root}/x")
    assert raised.value.not_found
    with pytest.raises(FileError) as raised:
        files.set_attributes(f"{root}/none", mode=0, uid=0, gid=0)
    assert raised.value.not_found

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the disk went away")

    for name in ("a", "new"):
        with pytest.raises(OSError, match="the disk went away"):
            files.write(f"{root}/conf/{name}", broken(), mode=0o600)
    assert ([each.name for each in files.list(f"{root}/conf")], read(files, f"{root}/conf/a")) == (
        ["a", "big"],
        b"three",
    )
    check_refusals(files, root)
    files.remove(f"{root}/conf/a")
    files.remove(f"{root}/conf/a")
    assert [each.name for each in files.list(f"{root}/conf")] == ["big"]


def check_refusals(files: Files, root: str) -> None:
    for path in (f"{root}/none", f"{root}/none/below"):
        with pytest.raises(FileError, match=f"^{path} on .*: No such file") as caught:
            read(files, path)
        assert caught.value.not_found
    with pytest.raises(FileError) as caught:
        files.write(f"{root}/none/below", [b"x"], mode=0o600)
    assert caught.value.not_found
    with pytest.raises(FileError) as caught:
        files.list(f"{root}/none")
    assert caught.value.not_found
    with pytest.raises(FileError) as caught:
        files.make_directory(f"{root}/conf", mode=0o700)
    assert not caught.value.not_found


@pytest.fixture
def reached(remote: Remote) -> Iterator[Host]:
    with Connections() as connections:
        host = connections.open(remote.spec())
        yield host
        host.close()


@pytest.fixture
def host_by_ssh(reached: Host) -> Host:
    return reached


@pytest.fixture
def host_by_local() -> Iterator[Host]:
    with Connections() as connections:
        yield connections.open(ConnectionSpec(name="here", kind=ConnectionType.LOCAL))


@pytest.fixture
def host_by_tcp() -> Iterator[Host]:
    with Connections() as connections:
        yield connections.open(ConnectionSpec(name="there", kind=ConnectionType.TCP, host="192.0.2.1", port=2375))


@pytest.fixture
def host_by_simulated() -> Host:
    return SimulatedMachine(SimulatedEngine())


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda connector: connector.kind.value)
def test_every_type_of_connection(request: pytest.FixtureRequest, connector: Connector, tmp_path: Path) -> None:
    """A new type needs a fixture `host_by_TYPE` here."""
    host: Host = request.getfixturevalue(f"host_by_{connector.kind.value}")
    if connector.kind is ConnectionType.TCP:
        with pytest.raises(NotOfferedError, match=r"^a connection to .* port 2375 alone offers no files$"):
            host.files()
        return
    (tmp_path / "srv").mkdir()
    check(host.files(), "/srv" if connector.kind is ConnectionType.SIMULATED else str(tmp_path / "srv"))


def test_the_files_of_a_simulated_host_are_in_its_state() -> None:
    engine = SimulatedEngine()
    SimulatedMachine(engine).files().write("/srv/a", [b"a"], mode=0o600)
    assert sorted(engine.snapshot().files) == ["/srv/a"]


def test_links_over_sftp(reached: Host, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("srv")
    assert parts(reached.files().stat(str(tmp_path / "link")))[:2] == ("link", FileKind.LINK)
    assert reached.files() is reached.files()


@pytest.mark.lab
def test_on_a_real_host(host_26: LabHost) -> None:
    host_26.run("mkdir", "/srv/files")
    with Connections() as connections:
        host = connections.open(host_26_spec(host_26))
        check(host.files(), "/srv/files")
        host.close()
    host_26.run("rm", "-r", "/srv/files")


def host_26_spec(host: LabHost) -> ConnectionSpec:
    return ConnectionSpec(
        name=host.name,
        host=host.address,
        user="root",
        private_key_files=(str(host.key),),
        known_hosts_files=(str(host.known_hosts),),
    )


def test_a_broken_transfer_ends(reached: Host, remote: Remote, tmp_path: Path) -> None:
    files, path = reached.files(), tmp_path / "file"
    path.write_bytes(BIG)

    def breaking() -> Iterator[bytes]:
        yield BIG
        remote.server.drop_all()
        while True:
            yield BIG

    with pytest.raises(UnreachableError, match=f"lost during the transfer of {tmp_path}/other"):
        files.write(f"{tmp_path}/other", breaking(), mode=0o600)
    with files_again(reached).read(str(path)) as chunks:
        next(chunks)
        remote.server.drop_all()
        with pytest.raises(UnreachableError, match=f"lost during the transfer of {path}"):
            list(chunks)
    assert hashlib.sha256(read(files_again(reached), str(path))).digest() == hashlib.sha256(BIG).digest()


def files_again(host: Host) -> Files:
    """After a connection broke: until that is noticed a channel may still be asked of it."""
    for _ in range(50):
        try:
            return host.files()
        except UnreachableError:
            time.sleep(0.1)
    return host.files()


def offers(host: Host) -> tuple[str, str]:
    """Why there is no shell, and why no files."""
    with pytest.raises(NotOfferedError) as shell:
        host.shell().run("true")
    with pytest.raises(NotOfferedError) as files:
        host.files()
    return shell.value.message.partition(" offers no ")[2], files.value.message.partition(" offers no ")[2]


def test_a_server_that_allows_socket_forwarding_only(reached: Host, remote: Remote) -> None:
    assert reached.engine().describe().version == "26.1.5"
    server: SshServer = remote.server
    server.traits.max_sessions = 0
    forwarding = "the server allows socket forwarding only (Connect failed)"
    assert offers(reached) == (f"shell: {forwarding}", f"files: {forwarding}")
    server.traits.max_sessions, server.traits.sftp, server.traits.commands = 10, False, False
    assert [said.partition(" (")[0] for said in offers(reached)] == [
        "shell: the server allows socket forwarding only",
        "files: the server starts no SFTP",
    ]
    server.traits.forced, server.traits.commands = "echo only this", True
    shell, files = offers(reached)
    assert shell == "shell: the server runs another command instead (ForceCommand), which said: only this"
    assert files.startswith("files: the server starts no SFTP (")
    # It is asked once: each file that is written would ask again.
    server.traits.forced, server.traits.sftp = "", True
    assert offers(reached) == (shell, files)
    assert reached.engine().describe().version == "26.1.5"


@pytest.mark.lab
def test_a_real_server_that_allows_socket_forwarding_only(host_26: LabHost) -> None:
    faults.restart_sshd(host_26, {"MaxSessions": "0"})
    try:
        with Connections() as connections:
            host = connections.open(host_26_spec(host_26))
            assert host.engine().describe().version.startswith("26.1")
            for said in offers(host):
                assert "the server allows socket forwarding only" in said
            host.close()
    finally:
        faults.repair(host_26)
