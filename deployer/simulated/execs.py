"""Commands in simulated containers: they say what they are, give back their input, and end with a code."""

from __future__ import annotations

import struct
import threading

from deployer.interfaces import ExecQuery
from deployer.simulated.behaviour import exit_code_of
from deployer.simulated.lookup import need_container
from deployer.simulated.refusals import conflict, missing
from deployer.simulated.state import Record, SimulatedHost, sha256

_CTRL_D = b"\x04"


def create(host: SimulatedHost, ref: str, query: ExecQuery) -> str:
    container = need_container(host, ref)
    state = container["State"]
    if not state["Running"]:
        raise conflict(f"Container {container['Id']} is not running")
    if state["Paused"]:
        raise conflict(f"Container {ref} is paused, unpause the container before exec")
    key = sha256(f"{container['Id']}/exec/{host.state.tick()}")
    code = exit_code_of(list(query.command)) or 0
    container.setdefault("execs", {})[key] = {"command": list(query.command), "stdin": query.stdin, "code": code}
    return key


def need(host: SimulatedHost, key: str) -> Record:
    for container in host.state.containers.values():
        if key in container.get("execs", {}):
            found: Record = container["execs"][key]
            return found
    raise missing(f"No such exec instance: {key}")


def attached(container: Record) -> ExecStream:
    """The process of a container behaves as a command does."""
    config = container["Config"]
    found = {"command": [container["Path"], *container["Args"]], "stdin": config["OpenStdin"]}
    return ExecStream(found, framed=not config["Tty"])


class ExecStream:
    """`cat` gives back its input once that has ended, `curl` gets an answer; any other command says what it is."""

    def __init__(self, found: Record, *, framed: bool) -> None:
        command = found["command"]
        self._framed = framed
        self._echoes = command[0] == "cat"
        self._output = b"" if self._echoes else f"simulated: {' '.join(command)}\n".encode()
        if command[0] == "curl":
            self._output = b"HTTP/1 200"
        self._complete = threading.Event()
        if not (self._echoes and found["stdin"]):
            self._complete.set()

    def read(self, size: int = 65536) -> bytes:
        self._complete.wait()
        payload, self._output = self._output[:size], self._output[size:]
        return struct.pack(">BxxxL", 1, len(payload)) + payload if payload and self._framed else payload

    def write(self, data: bytes) -> None:
        if self._echoes:
            self._output += data
            if data.endswith(_CTRL_D) and not self._framed:
                self._complete.set()

    def end_writing(self) -> None:
        self._complete.set()

    def settimeout(self, seconds: float | None) -> None:
        """It waits for its input only."""

    def close(self) -> None:
        self._complete.set()
