"""The lab's image registry: Debian's docker-registry in a network namespace of its own.

A namespace means that no port of the machine is taken, and that whatever an earlier run left can be found and
killed by the namespace alone.
"""

import contextlib
import http.client
import socket
from pathlib import Path

from tests.lab import network
from tests.lab.rootfs import HOSTS
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_PORT, STATE, netns
from tests.lab.shell import LabError, kill_pids, read_pid, run, start_detached, wait_for, write_pid

NAME = "registry"
FOLDER = STATE / NAME
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

_CONFIG = """\
version: 0.1
log: {{level: warn, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {data}}}
  delete: {{enabled: true}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "{address}:{port}"}}
"""


def ensure() -> None:
    """Make sure that the registry answers."""
    if read_pid(FOLDER / "registry.pid") and answers():
        return
    network.disconnect(NAME)
    network.connect(NAME, REGISTRY_ADDRESS)
    # Hosts ask this address for names. Nothing serves them, and without a limit each question is refused at once;
    # with the kernel's limit of one refusal a second the others time out after five.
    run("nsenter", f"--net=/run/netns/{netns(NAME)}", "sh", "-c", "echo 0 > /proc/sys/net/ipv4/icmp_ratelimit")
    FOLDER.mkdir(parents=True, exist_ok=True)
    config = _CONFIG.format(data=FOLDER / "data", address=REGISTRY_ADDRESS, port=REGISTRY_PORT)
    serve("registry", config, REGISTRY_PORT)
    wait_for(answers, 30, f"the registry, see {FOLDER}/registry.log")


def serve(name: str, config: str, port: int) -> None:
    """Start docker-registry with a configuration, in the registry's namespace."""
    file = FOLDER / f"{name}.yml"
    file.write_text(config)
    program = HOSTS["bookworm"].folder / "usr/bin/docker-registry"
    # The shell writes its own pid and becomes the registry.
    script = f'echo $$ > "{FOLDER}/{name}.new"; exec "{program}" serve "{file}"'
    (FOLDER / f"{name}.new").unlink(missing_ok=True)
    start_detached(["nsenter", f"--net=/run/netns/{netns(NAME)}", "sh", "-c", script], FOLDER / f"{name}.log")
    wait_for(lambda: _pid(name) is not None, 10, f"{name} on port {port} to start")
    write_pid(FOLDER / f"{name}.pid", _pid(name) or 0)


def stop(name: str) -> None:
    """Stop one registry process; harmless when it does not run."""
    pid = read_pid(FOLDER / f"{name}.pid")
    if pid:
        kill_pids([pid])


def answers(port: int = REGISTRY_PORT) -> bool:
    """Whether a registry answers plain HTTP on a port."""
    connection = http.client.HTTPConnection(REGISTRY_ADDRESS, port, timeout=5)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Whether something takes TCP connections on a port of the registry's address."""
    try:
        with socket.create_connection((REGISTRY_ADDRESS, port), timeout=5):
            return True
    except OSError:
        return False


class Pusher:
    """One HTTP connection to the registry, for storing blobs and manifests."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection(REGISTRY_ADDRESS, REGISTRY_PORT, timeout=60)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def has_manifest(self, repository: str, tag: str, digest: str) -> bool:
        """Whether the tag already stands for the manifest of this digest."""
        status, headers = self._ask("HEAD", f"/v2/{repository}/manifests/{tag}", accept=MANIFEST)
        return status == 200 and headers.get("docker-content-digest") == digest

    def blob(self, repository: str, digest: str, content: Path | bytes) -> None:
        """Store a blob unless the repository has it."""
        if self._ask("HEAD", f"/v2/{repository}/blobs/{digest}")[0] == 200:
            return
        status, headers = self._ask("POST", f"/v2/{repository}/blobs/uploads/")
        if status != 202:
            raise LabError(f"the registry refused an upload to {repository}: {status}")
        target = headers["location"]
        separator = "&" if "?" in target else "?"
        status, _ = self._ask("PUT", f"{target}{separator}digest={digest}", content, "application/octet-stream")
        if status != 201:
            raise LabError(f"the registry refused blob {digest} of {repository}: {status}")

    def manifest(self, repository: str, tag: str, content: bytes) -> None:
        """Store a manifest under a tag; its blobs must be there."""
        status, _ = self._ask("PUT", f"/v2/{repository}/manifests/{tag}", content, MANIFEST)
        if status != 201:
            raise LabError(f"the registry refused {repository}:{tag}: {status}")

    def _ask(
        self, method: str, target: str, content: Path | bytes = b"", kind: str = "", accept: str = "*/*"
    ) -> tuple[int, dict[str, str]]:
        headers = {"Accept": accept} | ({"Content-Type": kind} if kind else {})
        path = target.removeprefix(f"http://{REGISTRY_ADDRESS}:{REGISTRY_PORT}")
        with contextlib.ExitStack() as stack:
            if isinstance(content, Path):
                headers["Content-Length"] = str(content.stat().st_size)
                self._connection.request(method, path, stack.enter_context(content.open("rb")), headers)
            else:
                self._connection.request(method, path, content, headers)
            answer = self._connection.getresponse()
            answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def _pid(name: str) -> int | None:
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = int((FOLDER / f"{name}.new").read_text())
        if Path(f"/proc/{pid}/comm").read_text().startswith("docker-regis"):
            return pid
    return None
