"""Starting and stopping hosts and the two daemons inside them."""

import contextlib
import hashlib
import json
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab import network
from tests.lab.host import KEY, Host
from tests.lab.rootfs import HOSTS
from tests.lab.settings import CGROUP, REGISTRY_ADDRESS, REGISTRY_PORT, HostPlan, netns
from tests.lab.shell import LabError, kill_pids, read_pid, run, start_detached, wait_for, write_pid

_INIT = Path(__file__).with_name("host-init.sh")
_RECORD = "host.json"
# Raise it when hosts that run must be started anew for what changed here.
FORMAT = 2
# A host's first start competes with all others for two cores.
START_TIMEOUT = 90.0


def running_host(plan: HostPlan) -> Host | None:
    """The host as it runs, if it was started from today's recipe and its first process lives."""
    with contextlib.suppress(FileNotFoundError, KeyError, json.JSONDecodeError):
        record = json.loads((plan.folder / _RECORD).read_text())
        if record["recipe"] == recipe(plan) and read_pid(plan.folder / "init.pid"):
            return _host(plan, record["engine_version"], record["api_version"])
    return None


def recipe(plan: HostPlan) -> str:
    """Hash of what decides how a host starts; one that was started otherwise is started anew."""
    parts = (FORMAT, HOSTS[plan.kind.suite].key, _INIT.read_text(), daemon_json(plan))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def start_host(plan: HostPlan) -> Host:
    """Start a host afresh, whatever an earlier run left in its place."""
    remove_host(plan)
    for name in ("upper", "work", "root", "docker"):
        (plan.folder / name).mkdir(parents=True)
    _write_files(plan)
    host = _boot(plan)
    version = host.api("GET", "/version")
    record = {
        "recipe": recipe(plan),
        "engine_version": str(version["Version"]).partition("+")[0],
        "api_version": version["ApiVersion"],
    }
    (plan.folder / _RECORD).write_text(json.dumps(record))
    return _host(plan, record["engine_version"], record["api_version"])


def restart_host(host: Host) -> None:
    """Cut a host's power and start it again with the same disk, keys and address."""
    _power_off(host.plan)
    shutil.rmtree(host.folder / "work", ignore_errors=True)
    (host.folder / "work").mkdir()
    _boot(host.plan)


def remove_host(plan: HostPlan) -> None:
    """Kill everything in a host and forget it; harmless when there is nothing."""
    _power_off(plan)
    remove_cgroups(f"{CGROUP}/{plan.name}")
    if plan.folder.exists():
        shutil.rmtree(plan.folder)


def remove_cgroups(path: str) -> None:
    """Remove the empty control groups that containers of killed hosts leave behind."""
    for hierarchy in (Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").iterdir()):
        top = hierarchy / path
        for folder in sorted(top.rglob("*/"), reverse=True) if top.is_dir() else ():
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            top.rmdir()


def _power_off(plan: HostPlan) -> None:
    """Kill the host's first process, with which the kernel ends every process of the host, and cut its cable."""
    pid = read_pid(plan.folder / "init.pid")
    if pid:
        kill_pids([pid])
    (plan.folder / "init.pid").unlink(missing_ok=True)
    network.disconnect(plan.name)


def _host(plan: HostPlan, engine_version: str, api_version: str) -> Host:
    return Host(plan.name, plan.address, plan.kind.suite, engine_version, api_version, plan.folder)


def _boot(plan: HostPlan) -> Host:
    network.connect(plan.name, plan.address)
    (plan.folder / "init.new").unlink(missing_ok=True)
    start_detached(
        [
            *("nsenter", f"--net=/run/netns/{netns(plan.name)}"),
            *("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork"),
            *("sh", str(_INIT), str(plan.folder), plan.name, HOSTS[plan.kind.suite].lower),
        ],
        plan.folder / "init.log",
    )
    wait_for(lambda: _init_ready(plan), START_TIMEOUT, f"{plan.name} to boot")
    write_pid(plan.folder / "init.pid", int((plan.folder / "init.new").read_text()))
    host = _host(plan, "", "")
    start_sshd(host)
    start_dockerd(host)
    return host


def _init_ready(plan: HostPlan) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        text = (plan.folder / "init.new").read_text().strip()
        if text == "failed":
            raise LabError(f"{plan.name} did not boot: {_tail(plan.folder / 'init.log')}")
        return bool(text) and Path(f"/proc/{text}/comm").read_text().strip() == "tini"
    return False


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return " | ".join(lines[-3:]) or "its log is empty"


def _write_files(plan: HostPlan) -> None:
    """Write what differs from host to host: name, keys, and the resolver.

    Nothing answers DNS at the registry's address, so a name that is not known is refused at once.
    """
    etc = plan.folder / "upper/etc"
    (etc / "ssh/sshd_config.d").mkdir(parents=True)
    (etc / "docker").mkdir()
    (etc / "hostname").write_text(f"{plan.name}\n")
    (etc / "hosts").write_text(f"127.0.0.1 localhost\n{plan.address} {plan.name}\n{REGISTRY_ADDRESS} registry.lab\n")
    (etc / "resolv.conf").write_text(f"nameserver {REGISTRY_ADDRESS}\n")
    key = plan.folder / "ssh_host_ed25519_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", plan.name, "-f", key)
    shutil.copy(key, etc / "ssh")
    shutil.copy(KEY.with_suffix(".pub"), etc / "ssh/authorized_keys")


def host_public_key(plan: HostPlan) -> str:
    """The host's public key as known_hosts has it, without comment."""
    words = (plan.folder / "ssh_host_ed25519_key.pub").read_text().split()
    return " ".join(words[:2])


def start_sshd(host: Host, options: Mapping[str, str] | None = None) -> None:
    """Start sshd with options that override Debian's and wait until it greets."""
    (host.root / "etc/ssh/sshd_config.d/lab.conf").write_text(sshd_config(options))
    host.run("/usr/sbin/sshd", "-E", "/var/log/sshd.log")
    wait_for(lambda: sshd_greets(host), START_TIMEOUT, f"sshd of {host.name}")


def sshd_config(options: Mapping[str, str] | None = None) -> str:
    """What is read before Debian's configuration, where the first value of an option counts."""
    lines = {"AuthorizedKeysFile": ".ssh/authorized_keys /etc/ssh/authorized_keys"} | dict(options or {})
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def sshd_greets(host: Host, timeout: float = 2) -> bool:
    """Whether an SSH server answers at the host's address."""
    with contextlib.suppress(OSError), socket.create_connection((host.address, host.port), timeout) as connection:
        return connection.recv(4) == b"SSH-"
    return False


def stop_sshd(host: Host) -> None:
    """Kill sshd and every session of it."""
    listener = _sshd_listener(host)
    kill_inside(host, [*listener, *sshd_sessions(host)])
    wait_for(lambda: not _sshd_listener(host), 10, f"sshd of {host.name} to die")


def sshd_sessions(host: Host) -> list[int]:
    """The pids, inside the host, of the processes that serve SSH connections."""
    listener = _sshd_listener(host)
    return [pid for pid in processes(host, "sshd") if pid not in listener]


def _sshd_listener(host: Host) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid = int((host.root / "run/sshd.pid").read_text())
        return [pid] if pid in processes(host, "sshd") else []
    return []


def processes(host: Host, prefix: str) -> list[int]:
    """The host's own pids of its processes (not of containers' alone) whose command line begins so."""
    found = []
    for folder in (host.root / "proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(prefix.encode()):
                found.append(int(folder.name))
    return sorted(found)


def kill_inside(host: Host, pids: list[int], signal: str = "KILL") -> None:
    """Signal processes by the pids they have inside the host."""
    if pids:
        host.run("sh", "-c", f"kill -{signal} {' '.join(map(str, pids))} || true")


def start_dockerd(host: Host, options: Mapping[str, Any] | None = None) -> None:
    """Start dockerd with `daemon.json` of the lab's defaults and these options, and wait until it answers."""
    (host.root / "etc/docker/daemon.json").write_text(daemon_json(host.plan, options))
    flags = f"--cgroup-parent=/{CGROUP}/{host.name}"
    host.run("sh", "-c", f"exec setsid --fork dockerd {flags} >>/var/log/dockerd.log 2>&1 </dev/null")
    started = time.monotonic()

    def up() -> bool:
        if time.monotonic() - started > 3 and dockerd_pid(host) is None:
            raise LabError(f"dockerd of {host.name} ended: {_tail(host.root / 'var/log/dockerd.log')}")
        return engine_answers(host)

    wait_for(up, START_TIMEOUT, f"dockerd of {host.name}")


def daemon_json(plan: HostPlan, options: Mapping[str, Any] | None = None) -> str:
    """The daemon's configuration: images by their true names come from the lab's registry."""
    base = {
        "registry-mirrors": [f"http://{REGISTRY_ADDRESS}:{REGISTRY_PORT}"],
        "insecure-registries": [f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}"],
    }
    return json.dumps(base | dict(plan.kind.options) | dict(options or {}), indent=2, sort_keys=True) + "\n"


def engine_answers(host: Host, timeout: float = 5) -> bool:
    """Whether the engine answers a ping in time."""
    with contextlib.suppress(LabError, OSError):
        host.api("GET", "/_ping", timeout=timeout)
        return True
    return False


def stop_dockerd(host: Host) -> None:
    """Stop dockerd as a service manager does: its containers stop, then it exits."""
    pid = dockerd_pid(host)
    if pid is None:
        return
    kill_inside(host, [pid], "CONT")
    kill_inside(host, [pid], "TERM")
    wait_for(lambda: dockerd_pid(host) is None, 30, f"dockerd of {host.name} to stop")


def dockerd_pid(host: Host) -> int | None:
    """The pid of dockerd inside the host."""
    pids = processes(host, "dockerd\0")
    return pids[0] if pids else None
