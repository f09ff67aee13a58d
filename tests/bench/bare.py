"""The yardstick: paramiko and nothing else, reading what a plan has to read of every host.

One thread a host: log in, list the containers, inspect each, one request after the other over one stream. Only the
opening of that stream is deployer's own code, because paramiko cannot open one to a Unix socket. The last line of
output is the time since all imports were done.

    python -m tests.bench.bare KEY SOCKET ADDRESS...
"""

import http.client
import json
import sys
import threading
import time
from typing import Any

from deployer.transport.lean import paramiko
from deployer.transport.link import Link
from deployer.transport.sockets import connect_tcp

SOCKET = "/var/run/docker.sock"


class _Engine(http.client.HTTPConnection):
    """HTTP over a stream that is open already."""

    sock: Any

    def __init__(self, stream: Any) -> None:
        super().__init__("docker")
        self.sock = stream

    def get(self, path: str) -> Any:
        self.request("GET", path)
        answer = self.getresponse()
        return json.loads(answer.read())


def read(address: str, key: paramiko.PKey, found: dict[str, int]) -> None:
    """Read one host and note how many containers it has."""
    link = Link(connect_tcp(address, 22, 30), timeout=30)
    try:
        link.start_client(timeout=90)
        link.auth_publickey("root", key)
        engine = _Engine(link.open_unix_socket(SOCKET))
        names = [item["Id"] for item in engine.get("/containers/json?all=1")]
        found[address] = len([engine.get(f"/containers/{name}/json") for name in names])
    finally:
        link.close()


def main(key_file: str, *addresses: str) -> int:
    """Read all hosts side by side; returns 1 when one could not be read."""
    began = time.perf_counter()
    key = paramiko.Ed25519Key.from_private_key_file(key_file)
    found: dict[str, int] = {}
    threads = [threading.Thread(target=read, args=(address, key, found)) for address in addresses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(found)} hosts, {sum(found.values())} containers")
    print(f"{time.perf_counter() - began:.3f}")
    return 0 if len(found) == len(addresses) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
