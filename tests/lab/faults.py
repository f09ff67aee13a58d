"""What can go wrong on a host, done to a real one; every fault here is undone by `repair`.

Each function acts on one host of the running lab and returns when the fault is in force.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.lab import lifecycle
from tests.lab.host import Host
from tests.lab.lifecycle import restart_host as restart_host
from tests.lab.settings import veth
from tests.lab.shell import LabError, run, wait_for

_SMALL_DISK = "small-disk"
# Lies on the host's /run while `drop_packets` is in force.
_FIREWALL_MARK = "run/lab-firewall"


def may_be_broken(host: Host) -> bool:
    """Whether a fault was done to the host since it was last repaired."""
    return _mark(host).exists()


def _mark(host: Host) -> Path:
    return host.folder / "faulty"


def link_down(host: Host) -> None:
    """Pull the host's cable: packets vanish, connections hang until their own timeout."""
    _mark(host).touch()
    run("ip", "link", "set", veth(host.name), "down")


def link_up(host: Host) -> None:
    """Plug the cable in again."""
    run("ip", "link", "set", veth(host.name), "up")


@contextlib.contextmanager
def unreachable(host: Host) -> Iterator[None]:
    """Have the cable pulled for the length of a block."""
    link_down(host)
    try:
        yield
    finally:
        link_up(host)


def drop_packets(host: Host, port: int = 22) -> None:
    """Let the host ignore new and established traffic to a TCP port, as a firewall does; `repair` ends it."""
    _mark(host).touch()
    host.run("iptables", "-w", "-I", "INPUT", "-p", "tcp", "--dport", str(port), "-j", "DROP")
    (host.root / _FIREWALL_MARK).touch()


def freeze_engine(host: Host) -> None:
    """Stop dockerd in its tracks: its socket takes connections and never answers."""
    _signal_engine(host, "STOP")


def thaw_engine(host: Host) -> None:
    """Let a frozen dockerd go on."""
    _signal_engine(host, "CONT")


def stop_engine(host: Host) -> None:
    """Stop dockerd and its containers as a service manager does; the socket refuses connections."""
    _mark(host).touch()
    lifecycle.stop_dockerd(host)


def kill_engine(host: Host) -> None:
    """Kill dockerd without warning; its containers run on until it starts again, which stops them first."""
    _signal_engine(host, "KILL")
    wait_for(lambda: lifecycle.dockerd_pid(host) is None, 10, f"dockerd of {host.name} to die")


def start_engine(host: Host, options: Mapping[str, Any] | None = None) -> None:
    """Start dockerd; the options are keys of `daemon.json` beside the lab's own, e.g. `{"log-opts": {…}}`."""
    _mark(host).touch()
    lifecycle.start_dockerd(host, options)


def restart_engine(host: Host, options: Mapping[str, Any] | None = None) -> None:
    """Stop dockerd and start it with options of `daemon.json` beside the lab's own."""
    stop_engine(host)
    start_engine(host, options)


def restart_sshd(host: Host, options: Mapping[str, str] | None = None) -> None:
    """End every session and start sshd with options, e.g. `{"AllowStreamLocalForwarding": "no"}`."""
    _mark(host).touch()
    lifecycle.stop_sshd(host)
    lifecycle.start_sshd(host, options)


def cut_sessions(host: Host) -> None:
    """Kill the server's end of every SSH session; sshd goes on and takes new ones."""
    lifecycle.kill_inside(host, lifecycle.sshd_sessions(host))


def create_user(
    host: Host, name: str, *, docker: bool = False, sudo: bool = False, password: str | None = None
) -> None:
    """Have a user whom the lab's key lets in: with the socket, with `sudo -n`, or without any right.

    The user stays until the host is started anew.
    """
    groups = ("--groups", "docker") if docker else ()
    if name not in host.run("cut", "-d:", "-f1", "/etc/passwd").split():
        host.run("useradd", "--create-home", "--shell", "/bin/bash", *groups, name)
    if password is None:
        # No password fits, yet the account is not locked, so that keys are accepted.
        host.run("usermod", "-p", "*", name)
    else:
        host.run("chpasswd", stdin=f"{name}:{password}\n")
    if sudo:
        allow_sudo(host, name, "NOPASSWD: ")


def allow_sudo(host: Host, name: str, tag: str = "") -> None:
    """With the user's password, unless the tag says otherwise."""
    file = host.root / "etc/sudoers.d" / name
    file.write_text(f"{name} ALL=(ALL) {tag}ALL\n")
    file.chmod(0o440)


def small_disk(host: Host, size: str = "64m") -> None:
    """Restart dockerd with an empty `/var/lib/docker` of that size, soon full.

    Pull by a full name (`10.77.0.2:5000/library/redis:7`) to see the engine's own error: after a failure with the
    lab's mirror it asks the public registry, which is not there, and reports that.
    """
    stop_engine(host)
    host.run("mount", "-t", "tmpfs", "-o", f"size={size}", _SMALL_DISK, "/var/lib/docker")
    start_engine(host)


def restore_disk(host: Host) -> None:
    """Give the host its own `/var/lib/docker` back; harmless when it has it."""
    if not _has_small_disk(host):
        return
    stop_engine(host)
    host.run("umount", "--lazy", "/var/lib/docker")
    start_engine(host)


def repair(host: Host) -> None:
    """Undo every fault; on a host without any it costs a few milliseconds."""
    link = Path("/sys/class/net", veth(host.name), "flags")
    if not int(link.read_text(), 16) & 1:
        link_up(host)
    _repair_engine(host)
    mark = host.root / _FIREWALL_MARK
    if mark.exists():
        host.run("iptables", "-w", "-F", "INPUT")
        mark.unlink()
    config = (host.root / "etc/ssh/sshd_config.d/lab.conf").read_text()
    if config != lifecycle.sshd_config() or not lifecycle.sshd_greets(host):
        restart_sshd(host)
    _mark(host).unlink(missing_ok=True)


def _repair_engine(host: Host) -> None:
    """Bring dockerd back to the lab's own configuration, disk and good health."""
    pid = lifecycle.dockerd_pid(host)
    if pid is not None and _is_frozen(host, pid):
        thaw_engine(host)
    restore_disk(host)
    if lifecycle.dockerd_pid(host) is None:
        start_engine(host)
    config = (host.root / "etc/docker/daemon.json").read_text()
    if config != lifecycle.daemon_json(host.plan) or not lifecycle.engine_answers(host):
        restart_engine(host)


def _has_small_disk(host: Host) -> bool:
    return f"{_SMALL_DISK} /var/lib/docker " in Path(f"/proc/{host.init_pid}/mounts").read_text()


def _is_frozen(host: Host, pid: int) -> bool:
    return "State:\tT" in (host.root / "proc" / str(pid) / "status").read_text()


def _signal_engine(host: Host, signal: str) -> None:
    _mark(host).touch()
    pid = lifecycle.dockerd_pid(host)
    if pid is None:
        raise LabError(f"dockerd of {host.name} does not run")
    lifecycle.kill_inside(host, [pid], signal)
