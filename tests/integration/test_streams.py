"""Bodies, answers and plain streams of any size, through the socket and through `docker system dial-stdio`."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deployer.errors import UnreachableError
from deployer.interfaces import Engine
from deployer.transport.opening import SharedSsh
from deployer.transport.pool import HttpPool, Request
from deployer.transport.ssh import SshHost
from deployer.transport.streams import DuplexStream
from tests.integration.streaming import MEGABYTE, archive, blocks
from tests.integration.test_transport import opened, spec
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab
WAYS = ("", "docker")


def container(engine: Engine) -> str:
    engine.pull_image("docker.io/library/busybox:1", "", None, lambda _: None)
    body = {"Image": "busybox:1", "Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True, "HostConfig": {}}
    return engine.create_container("streams", body, "")[0]


def test_a_big_file_there_and_back_needs_no_memory(host_26: Host) -> None:
    found = {"name": host_26.name, "host": host_26.address, "user": "deploy", "identities_only": True}
    found |= {"private_key_files": [str(host_26.key)], "known_hosts_files": [str(host_26.known_hosts)]}
    with opened(spec(host_26)) as engine:
        key = container(engine)
        for way in WAYS:
            text = json.dumps(found | {"docker_command": way})
            command = [sys.executable, "-m", "tests.integration.streaming", text, key, "64"]
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            assert done["same"], way
            assert done["grown"] < 24, way
        engine.remove_container(key, force=True, anonymous_volumes=True)


def test_a_broken_transfer_ends(host_26: Host) -> None:
    with opened(spec(host_26)) as engine:
        key = container(engine)
        engine.put_archive(key, "/tmp", archive(10))
    for way in WAYS:
        with opened(spec(host_26, docker_command=way)) as engine, ThreadPoolExecutor(1) as threads:
            sending = threads.submit(engine.put_archive, key, "/var", slowly(archive(10_000)))
            time.sleep(0.5)
            faults.cut_sessions(host_26)
            with pytest.raises(UnreachableError, match=r"was lost during PUT|SSH connection to .* was lost"):
                sending.result(20)
        with opened(spec(host_26, docker_command=way)) as engine, engine.get_archive(key, "/tmp/big") as chunks:
            next(chunks)
            faults.cut_sessions(host_26)
            with pytest.raises(UnreachableError, match="was lost during GET"):
                list(chunks)
    with opened(spec(host_26)) as engine:
        engine.remove_container(key, force=True, anonymous_volumes=True)


def slowly(blocks: Iterator[bytes]) -> Iterator[bytes]:
    for block in blocks:
        yield block
        time.sleep(0.01)


def test_a_plain_stream_goes_both_ways_and_ends_one_way_first(host_26: Host) -> None:
    """Attached to a container that gives back what it gets: it ends when its input has ended. Without
    `StdinOnce`, the engine ends the output too when the input ends."""
    for way in WAYS:
        with opened(spec(host_26)) as engine:
            key = container(engine)
            pool = HttpPool(SshHost(spec(host_26, docker_command=way), SharedSsh()))
            stream = pool.upgrade(Request("POST", f"/v1.41/containers/{key}/attach?stream=1&stdin=1&stdout=1"))
            assert isinstance(stream, DuplexStream), way
            engine.start_container(key)
            with stream, ThreadPoolExecutor(1) as threads:
                reading = threads.submit(lambda read: b"".join(iter(read, b"")), stream.read)
                for block in blocks(4):
                    stream.write(block)
                stream.end_writing()
                payload = sum(len(frame) for frame in frames(reading.result(30)))
            assert payload == 4 * MEGABYTE, way
            refused = pool.upgrade(Request("POST", "/v1.41/containers/nobody/attach?stream=1"))
            assert not isinstance(refused, DuplexStream)
            assert refused.status == 404
            refused.close()
            assert pool.fetch(Request("GET", "/version")).status == 200
            pool.close()
            engine.remove_container(key, force=True, anonymous_volumes=True)


def frames(data: bytes) -> Iterator[bytes]:
    """Of the engine's frames: a header of eight bytes that ends with the length."""
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position + 4 : position + 8], "big")
        yield data[position + 8 : position + 8 + length]
        position += 8 + length
