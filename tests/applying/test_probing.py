"""Probes of containers, asked through connections to a server on this machine."""

from __future__ import annotations

import socketserver
import subprocess
import threading
from collections.abc import Iterator
from typing import Any, ClassVar, cast

import pytest

from deployer.applying.probing import answer_of, ask, programs
from deployer.errors import NotOfferedError, UnreachableError
from deployer.interfaces import Host, Stream
from deployer.model.settings import Probe
from deployer.transport.local import LocalSocket
from tests.applying.engines import IMAGE, Clock, app_engine, run


class Server(socketserver.StreamRequestHandler):
    """Answers what a test says, and keeps the request."""

    answer: ClassVar[bytes] = b""
    heard: ClassVar[list[str]] = []

    def handle(self) -> None:
        while line := self.rfile.readline().strip():
            self.heard.append(line.decode())
        self.wfile.write(self.answer)


@pytest.fixture
def port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


class Machine:
    """Connects as this machine does; `refused`: instead of every connection."""

    def __init__(self, refused: Exception | None = None) -> None:
        self.asked: list[tuple[str, int]] = []
        self._refused = refused

    def connect(self, address: str, port: int) -> Stream:
        self.asked.append((address, port))
        if self._refused is not None:
            raise self._refused
        return LocalSocket("/nowhere", 1.0).connect(address, port)


def said(probe: Probe, machine: Machine | None = None, **host: Any) -> str:
    engine = app_engine()
    container = run(engine, "app", **host)
    return ask(engine, lambda: cast("Host", machine or Machine()), Clock(), container, probe)


@pytest.mark.parametrize("program", ["curl", "bash", "wget"])
def test_what_is_asked_in_a_container_is_not_among_the_words_of_the_program(port: int, program: str) -> None:
    """As the programs of this machine do it; the lab's containers have nc."""
    Server.answer, Server.heard[:] = b"HTTP/1.1 204 x\r\n\r\n", []
    header = () if program == "wget" else (("X-Key", 'a "b" c\\d %s $HOME'),)
    probe = Probe(port, "/healthz?a=b&c", header=header)
    (found,) = (each for each in programs(probe) if each.command[0] == program)
    given = found.given.data if found.given else None
    done = subprocess.run(found.command, input=given, capture_output=True, timeout=20, check=False)
    assert answer_of(probe, done.returncode, done.stdout + done.stderr) == ""
    assert "GET /healthz?a=b&c HTTP/1.1" in Server.heard
    assert {f"{key}: {value}" for key, value in header} <= {*Server.heard}
    assert "X-Key" not in "".join(found.command)
    assert [each.command[0] for each in programs(probe)] == ["curl", "nc", "bash", *([] if header else ["wget"])]
    gone = subprocess.run(
        [*found.command[:-1], found.command[-1].replace(str(port), "1")],
        input=given and given.replace(str(port).encode(), b"1"),
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert answer_of(probe, gone.returncode, gone.stdout + gone.stderr) == "takes no connection"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.0 399 x\r\n\r\n", ""),
        (b"HTTP/1.1 500 Oh\r\n\r\n", "answered 500"),
        (b"220 mail\r\n", "gave no answer in HTTP"),
        (b"", "gave no answer in HTTP"),
    ],
)
def test_an_answer_in_http(port: int, answer: bytes, expected: str) -> None:
    Server.answer, Server.heard[:] = answer, []
    probe = Probe(port, "/healthz", header=(("Host", "shop"), ("X-Key", "a")))
    assert said(probe, NetworkMode="host") == expected
    assert Server.heard[0] == "GET /healthz HTTP/1.1"
    assert {"Host: shop", "X-Key: a", "Connection: close"} <= {*Server.heard}


def test_a_connection(port: int) -> None:
    assert said(Probe(port), NetworkMode="host") == ""
    assert "refused" in said(Probe(1), NetworkMode="host")


def test_a_command() -> None:
    assert said(Probe(command=("true",))) == ""
    assert said(Probe(command=("sh", "-c", "exit 3"))) == "ended with code 3: simulated: sh -c exit 3"


def test_its_address_and_then_the_published_port() -> None:
    machine, engine = Machine(UnreachableError("no route")), app_engine()
    host = {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}
    container, _ = engine.create_container(
        "app", {"Image": IMAGE, "ExposedPorts": {"80/tcp": {}}, "HostConfig": host}, ""
    )
    engine.start_container(container)
    assert ask(engine, lambda: cast("Host", machine), Clock(), container, Probe(80)) == "no route"
    assert [(address.partition(".")[0], port) for address, port in machine.asked[:2]] == [("172", 80), ("127", 8080)]
    assert said(Probe(80), Machine(), NetworkMode="none") == "it has no address"


def test_where_no_ports_are_forwarded_a_program_in_the_container_asks() -> None:
    """Simulated containers have curl, and nothing that takes a connection."""
    forbidden = Machine(NotOfferedError("web1 does not forward"))
    assert said(Probe(80, "/"), forbidden) == ""
    assert said(Probe(80, "/", lowest=300), forbidden) == "answered 200"
