"""Asks containers from outside whether they work: through the connection to their host, or, where that forwards
nothing, with a program in the container."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

from msgspec import Struct

from deployer.applying.commands import Input, outcome, output_of
from deployer.engine import answers
from deployer.errors import NotOfferedError, ResourceError, UnreachableError
from deployer.interfaces import Clock, Engine, Host
from deployer.model.settings import Probe

_PATIENCE: Final = 5.0
"""Seconds in which an answer must begin."""

_LONGEST: Final = 4096
_STATUS: Final = re.compile(rb"HTTP/[\d.]+ (\d{3})")
_MISSING: Final = (126, 127)
"""Exit codes of a program that is not there."""

_ALLOW: Final = "allow TCP forwarding (sshd_config: AllowTcpForwarding, PermitOpen), or write exec instead"


def ask(engine: Engine, machine: Callable[[], Host], clock: Clock, container: str, probe: Probe) -> str:
    """What is wrong with the answer; "" for a good one. Raises `ResourceError` where nothing can be asked."""
    if probe.command:
        code, output = _run(engine, clock, container, probe.command)
        said = output if code is None else f"ended with code {code}{output}" if code else ""
        return " ".join(said.split())
    said = "it has no address"
    for address, port in _places(engine, container, probe.port):
        try:
            said = _asked(machine(), address, port, probe)
        except NotOfferedError as error:
            return _inside(engine, clock, container, probe, error)
        except UnreachableError as error:
            said = error.message
        if not said:
            return ""
    return said


def _asked(host: Host, address: str, port: int, probe: Probe) -> str:
    with closing(host.connect(address, port)) as stream:
        if not probe.path:
            return ""
        stream.settimeout(_PATIENCE)
        stream.write(_request(probe))
        answer = b""
        while b"\n" not in answer and len(answer) < _LONGEST and (data := stream.read()):
            answer += data
    return _judged(probe, _STATUS.match(answer), "gave no answer in HTTP")


def _request(probe: Probe) -> bytes:
    header = {"Host": "localhost", "User-Agent": "deployer", "Accept": "*/*", **dict(probe.header)}
    lines = (f"GET {probe.path} HTTP/1.1", *(f"{key}: {value}" for key, value in header.items()), "Connection: close")
    return "\r\n".join((*lines, "", "")).encode()


def _judged(probe: Probe, found: re.Match[bytes] | None, otherwise: str) -> str:
    if found is None:
        return otherwise
    return "" if probe.lowest <= int(found[1]) <= probe.highest else f"answered {int(found[1])}"


def _places(engine: Engine, container: str, port: int) -> Iterator[tuple[str, int]]:
    """Its addresses in its networks, then where the host publishes the port."""
    inspected: Any = engine.inspect_container(container) or {}
    kind, _, other = str((inspected.get("HostConfig") or {}).get("NetworkMode") or "").partition(":")
    if kind == "host":
        yield "127.0.0.1", port
    if kind == "container":
        inspected = engine.inspect_container(other) or {}
    settings = inspected.get("NetworkSettings") or {}
    networks = answers.read(settings, answers.NetworkSettings, "/containers/{id}/json").networks or {}
    for _, endpoint in sorted(networks.items()):
        if endpoint is not None and (address := endpoint.ipv4 or endpoint.ipv6):
            yield address, port
    for binding in (settings.get("Ports") or {}).get(f"{port}/tcp") or ():
        address = binding.get("HostIp") or "127.0.0.1"
        yield {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address), int(binding["HostPort"])


class _Program(Struct, frozen=True):
    """A way to ask. What it asks is not among its words, which every process of the host can read."""

    command: tuple[str, ...]
    given: Input | None = None


def _inside(engine: Engine, clock: Clock, container: str, probe: Probe, why: NotOfferedError) -> str:
    """With the first program that the container has."""
    known, beginning = programs(probe), slice(_LONGEST)
    for each in known:
        code, output = outcome(engine, clock, container, each.command, _PATIENCE, each.given, kept=beginning)
        if code not in _MISSING:
            return answer_of(probe, code, output)
    names = " and ".join(each.command[0] for each in known)
    raise ResourceError(f"cannot be asked: {why.message}, and it has no {names}", hint=_ALLOW)


def _run(engine: Engine, clock: Clock, container: str, command: tuple[str, ...]) -> tuple[int | None, str]:
    """Its exit code and output; no code if it does not end in time."""
    try:
        return output_of(engine, clock, container, command, _PATIENCE)
    except ResourceError as error:
        return None, error.message


def answer_of(probe: Probe, code: int | None, output: bytes) -> str:
    if not probe.path:
        # A server that takes the connection may keep it.
        return "takes no connection" if code else ""
    found = next((each for each in _STATUS.finditer(output) if each[1] != b"000"), None)
    return _judged(probe, found, "takes no connection" if code else "gave no answer in HTTP")


def programs(probe: Probe) -> tuple[_Program, ...]:
    """With only those options that all versions know. A server may take the end of the request for that of the
    connection; wget reads headers from its words only."""
    connect = ("nc", "127.0.0.1", str(probe.port))
    if not probe.path:
        return (_Program(connect),)
    request, url = Input(_request(probe), ends=False), f"http://127.0.0.1:{probe.port}{probe.path}"
    headers = (("header", f"{key}: {value}") for key, value in probe.header)
    config = "".join(f"{key} = {_in_quotes(value)}\n" for key, value in (("url", url), *headers))
    curl = ("curl", "-s", "-o", "/dev/null", "-w", "HTTP/1 %{http_code}", "-K", "-")
    bash = ("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{probe.port} && {{ cat <&3 & }} && cat >&3 && wait")
    found = (_Program(curl, Input(config.encode())), _Program(connect, request), _Program(bash, Input(request.data)))
    return found if probe.header else (*found, _Program(("wget", "-S", "-O", "/dev/null", url)))


def _in_quotes(text: str) -> str:
    """As curl reads them in its configuration."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
