"""The private members of paramiko's Transport that `Link` is made from, and what it makes of them."""

from __future__ import annotations

import inspect
import socket
import subprocess
import sys

import paramiko
import pytest

from deployer.transport.link import ChannelRefusedError, LinkLostError, Wire
from deployer.transport.opening import SharedSsh, open_link
from tests.transport.conftest import Remote


def test_the_installed_paramiko_is_one_that_link_was_written_for() -> None:
    """Link registers a channel as `Transport.open_channel` does; another release may do it differently."""
    assert paramiko.__version__.split(".")[:2] == ["5", "1"]
    source = inspect.getsource(paramiko.Transport.open_channel)
    used = ("_next_channel()", "_channels.put(", "channel_events[", "channels_seen[", "_set_transport(self)",
            "_set_window(", "_send_user_message(", "_channels.get(")  # fmt: skip
    assert [member for member in used if member not in source] == []
    handlers = inspect.getsource(paramiko.Transport._parse_channel_open_failure)  # type: ignore[attr-defined]
    assert "_channels.delete(chanid)" in handlers and "channel_events[chanid].set()" in handlers


def test_paramiko_is_loaded_without_invoke() -> None:
    code = "import sys; from deployer.transport.lean import paramiko; sys.exit('invoke' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_stream_carries_bytes_both_ways(remote: Remote) -> None:
    link = open_link(remote.spec(), SharedSsh())
    channel = link.open_unix_socket(str(remote.engine.socket))
    channel.sendall(b"GET /version HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert channel.recv(12) == b"HTTP/1.1 200"
    link.close()


def test_refused_streams_and_lost_connections_are_distinguished(remote: Remote) -> None:
    link = open_link(remote.spec(), SharedSsh())
    with pytest.raises(ChannelRefusedError):
        link.open_unix_socket("/nowhere")
    remote.server.drop_all()
    with pytest.raises((LinkLostError, ChannelRefusedError)):
        link.open_unix_socket(str(remote.engine.socket))
    with pytest.raises(LinkLostError):
        link.open_unix_socket(str(remote.engine.socket))


def test_refused_streams_leave_nothing_behind(remote: Remote) -> None:
    link = open_link(remote.spec(), SharedSsh())
    for _ in range(5):
        with pytest.raises(ChannelRefusedError):
            link.open_unix_socket("/nowhere")
    assert link.channel_events == {}
    link.close()


def test_closing_ends_the_reading_thread_at_once(remote: Remote) -> None:
    link = open_link(remote.spec(), SharedSsh())
    link.close()
    link.join(0.5)
    assert not link.is_alive()


def test_a_wire_reads_ahead() -> None:
    ours, theirs = socket.socketpair()
    wire = Wire.over(ours)
    theirs.sendall(b"0123456789")
    assert (wire.recv(4), wire.recv(4), wire.recv(4)) == (b"0123", b"4567", b"89")
    theirs.close()
    assert wire.recv(4) == b""
    wire.close()


def test_a_wire_keeps_the_timeout() -> None:
    ours, theirs = socket.socketpair()
    wire = Wire.over(ours)
    wire.settimeout(0.01)
    with pytest.raises(TimeoutError):
        wire.recv(4)
    wire.close()
    theirs.close()
