"""What is said of a build while it runs, and when it fails."""

from __future__ import annotations

import base64

import pytest

from deployer.engine.buildkit.progress import TRACE, Trace
from deployer.engine.buildkit.protobuf import encode
from deployer.errors import EngineError
from deployer.interfaces import Json

TEXT = "FROM node:22\n\nRUN npm ci \\\n  --omit=dev\nCMD x\n"


def traced(*vertexes: dict[int, int | str | bytes], logs: tuple[tuple[str, str], ...] = ()) -> Json:
    data = b"".join(encode({1: encode(each)}) for each in vertexes)
    data += b"".join(encode({3: encode({1: digest, 4: text})}) for digest, text in logs)
    return {"id": TRACE, "aux": base64.b64encode(data).decode()}


def test_each_instruction_is_said_once_when_it_begins() -> None:
    heard: list[Json] = []
    trace = Trace("Dockerfile", TEXT, heard.append)
    trace.take(
        traced({1: "a", 3: "[internal] load build definition", 5: b"\x08\x01"}, {1: "b", 3: "[2/2] RUN  npm ci"})
    )
    trace.take(
        traced({1: "b", 3: "[2/2] RUN  npm ci", 5: b"\x08\x01"}, {1: "c", 3: "[1/2] FROM", 4: 1, 5: b"\x08\x01"})
    )
    trace.take(traced({1: "b", 3: "[2/2] RUN  npm ci", 5: b"\x08\x01", 6: b"\x08\x02"}))
    trace.take({"id": "moby.image.id", "aux": {"ID": "sha256:1"}})
    assert heard == [{"step": "[2/2] RUN npm ci"}], "what is cached is not said"


def test_a_failure_has_the_instruction_its_line_and_the_last_output() -> None:
    trace = Trace("build/Dockerfile", TEXT, lambda _: None)
    vertex: dict[int, int | str | bytes] = {1: "b", 3: "[deps 2/2] RUN npm ci   --omit=dev", 5: b"\x08\x01"}
    output = "".join(f"line {n}\n" for n in range(20))
    trace.take(traced(vertex, logs=(("b", output), ("b", "\x1b[31mnpm err"), ("b", "or!\n"), ("other", "no\n"))))
    trace.take(traced(vertex | {7: "exit code: 1"}, {1: "o", 3: "other", 7: "context canceled"}))
    with pytest.raises(EngineError) as raised:
        trace.take({"errorDetail": {"message": "process did not complete: exit code: 1"}, "error": "x"})
    assert raised.value.message == (
        "RUN npm ci --omit=dev (build/Dockerfile:3): process did not complete: exit code: 1"
    )
    assert raised.value.hint.splitlines() == [*(f"line {n}" for n in range(6, 20)), "npm error!"]


def test_a_failure_before_any_instruction_is_what_the_engine_says() -> None:
    trace = Trace("Dockerfile", TEXT, lambda _: None)
    with pytest.raises(EngineError, match=r"^dockerfile parse error on line 3$"):
        trace.take({"error": "dockerfile parse error on line 3"})
    with pytest.raises(EngineError, match="cannot be read"):
        trace.take({"id": TRACE, "aux": base64.b64encode(b"\xff").decode()})
