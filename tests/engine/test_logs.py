"""Frames and times of the engine's logs as lines, however they are cut into pieces."""

from __future__ import annotations

import struct

import pytest

from deployer.engine.logs import log_lines, log_parameters
from deployer.interfaces import LogQuery

T1, T2 = "2026-01-01T00:00:01.000000001Z", "2026-01-01T00:00:01.000000002Z"


def frame(stream: int, text: str) -> bytes:
    payload = text.encode()
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def lines(data: bytes, size: int, *, framed: bool) -> list[tuple[str, int, str]]:
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    return [(line.time, line.stream, line.text) for found in log_lines(pieces, framed=framed) for line in found]


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
def test_frames(size: int) -> None:
    part = "x" * 16384
    data = b"".join(
        [
            frame(1, f"{T1} one\n"),
            frame(1, f"{T1} {part}"),
            frame(2, f"{T2} err\n"),
            frame(1, f"{T2} rest\r\n"),
            frame(2, f"{T2} \n"),
            frame(2, f"{T2} cut off"),
        ]
    )
    assert lines(data, size, framed=True) == [
        (T1, 1, "one"),
        (T2, 2, "err"),
        (T1, 1, f"{part}rest"),
        (T2, 2, ""),
        (T2, 2, "cut off"),
    ]


@pytest.mark.parametrize("size", [50, 1000, 100_000])
def test_a_terminal(size: int) -> None:
    part = "x" * 16384
    data = f"{T1} one\r\n{T1} {part}{T2} {part}{T2} rest\r\n{T2} {T1} two times\r\n".encode()
    assert lines(data, size, framed=False) == [
        (T1, 1, "one"),
        (T1, 1, f"{part}{part}rest"),
        (T2, 1, f"{T1} two times"),
    ]


def test_a_line_without_an_end_does_not_fill_the_memory() -> None:
    data = b"".join(frame(1, f"{T1} {'x' * 16384}") for _ in range(100))
    found = lines(data, 65536, framed=True)
    assert [len(text) for _, _, text in found] == [65 * 16384, 35 * 16384]
    raw = f"{T1} {'x' * 2_000_000}".encode()
    assert [len(text) for _, _, text in lines(raw, 600_000, framed=False)] == [1_200_000 - 31, 800_031]


def test_undecodable_bytes_are_replaced() -> None:
    data = struct.pack(">BxxxL", 1, 33) + f"{T1} ".encode() + b"\xff\n"
    assert lines(data, 100, framed=True) == [(T1, 1, "�")]


def test_parameters() -> None:
    always = {"stdout": "1", "stderr": "1", "timestamps": "1"}
    assert log_parameters(LogQuery()) == always
    assert log_parameters(LogQuery("5.5", "6", 0, follow=True)) == always | {
        "since": "5.5",
        "until": "6",
        "tail": "0",
        "follow": "1",
    }
