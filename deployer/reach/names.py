"""The variables that say how a host is reached: one table, read by `reach.resolve`, editors and the reference.

Each has a name that begins with `deployer_` and those that Ansible has for it. Most also have a short one, which counts
only where an inventory itself names a host or group, so that a variable of an application never steers a connection.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from schema import Or

from deployer.diagnostics import closest
from deployer.fields.leaves import NUMBER_OR_TEXT, TEXT
from deployer.fields.shapes import Entry, Leaf, Shape, one_or_many

_SECONDS = Leaf(Or(int, float, str), "seconds")
_SWITCH = Leaf(Or(bool, int, str), "true or false")
_FILES = one_or_many(TEXT, "a file or a list of files")

PREFIX: Final = "deployer_"


class Setting(Struct, frozen=True):
    """`name`: behind the prefix, and alone where `short`."""

    name: str
    shape: Shape
    doc: str
    ansible: tuple[str, ...] = ()
    short: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """In order of precedence."""
        return (PREFIX + self.name, *self.ansible, *((self.name,) if self.short else ()))


SETTINGS: Final = (
    Setting("host", TEXT, "Name or address to connect to.", ("ansible_host", "ansible_ssh_host")),
    Setting("port", NUMBER_OR_TEXT, "Port; default 22 for SSH.", ("ansible_port", "ansible_ssh_port")),
    Setting("user", TEXT, "User to log in as; default: the local user name.", ("ansible_user", "ansible_ssh_user")),
    Setting(
        "password",
        NUMBER_OR_TEXT,
        "Password of the user; keep it in a vault.",
        ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password"),
    ),
    Setting(
        "connection",
        TEXT,
        "ssh (default), local, tcp, or simulated to try out a playbook.",
        ("ansible_connection",),
    ),
    Setting(
        "private_key_file",
        _FILES,
        "Private key file, or several to try in order.",
        ("ansible_ssh_private_key_file", "ansible_private_key_file"),
    ),
    Setting(
        "private_key",
        TEXT,
        "The private key itself; keep it in a vault.",
        ("ansible_ssh_private_key", "ansible_private_key"),
        short=False,
    ),
    Setting(
        "private_key_passphrase",
        NUMBER_OR_TEXT,
        "Passphrase of the private key; keep it in a vault.",
        ("ansible_ssh_private_key_passphrase",),
    ),
    Setting("ssh_args", TEXT, "Arguments in ssh syntax.", ("ansible_ssh_args",), short=False),
    Setting(
        "ssh_common_args",
        TEXT,
        "More arguments in ssh syntax.",
        ("ansible_ssh_common_args",),
        short=False,
    ),
    Setting(
        "ssh_extra_args",
        TEXT,
        "More arguments in ssh syntax.",
        ("ansible_ssh_extra_args",),
        short=False,
    ),
    Setting(
        "timeout",
        _SECONDS,
        "Connection timeout in seconds; default 10.",
        ("ansible_ssh_timeout", "ansible_timeout"),
        short=False,
    ),
    Setting(
        "host_key_checking",
        _SWITCH,
        "strict (default), accept-new, or no. Only no accepts a changed key.",
        ("ansible_ssh_host_key_checking", "ansible_host_key_checking"),
    ),
    Setting(
        "known_hosts_file",
        _FILES,
        "Files of known host keys, instead of the user's own.",
        ("ansible_ssh_known_hosts_file",),
    ),
    Setting("forward_agent", _SWITCH, "Whether the host may log in to other hosts to send them images."),
    Setting("proxy_jump", TEXT, "Jump hosts: `[user@]host[:port]`, separated by commas."),
    Setting(
        "become", _SWITCH, "Reach the engine as another user, through a command.", ("ansible_become",), short=False
    ),
    Setting("become_user", TEXT, "User to become; default root.", ("ansible_become_user",), short=False),
    Setting(
        "become_password",
        NUMBER_OR_TEXT,
        "Password for sudo; keep it in a vault, or use `--ask-become-pass`.",
        ("ansible_become_password", "ansible_become_pass"),
        short=False,
    ),
    Setting("become_method", TEXT, "sudo (default) or doas.", ("ansible_become_method",), short=False),
    Setting("docker_socket", TEXT, "The engine's socket on the host; default /var/run/docker.sock."),
    Setting(
        "docker_command",
        TEXT,
        "Docker command on the host to reach the engine through, such as `sudo -n docker`.",
    ),
    Setting("docker_host", TEXT, "The engine's address in Docker's form: `ssh://`, `tcp://`, `unix://`."),
    Setting("tls_ca", TEXT, "CA certificate of the engine's certificate, for tcp."),
    Setting("tls_cert", TEXT, "Client certificate, for tcp."),
    Setting("tls_key", TEXT, "Key of the client certificate, for tcp."),
    Setting("tls_verify", _SWITCH, "Whether to verify the engine's certificate; default true."),
)

BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
SHORT: Final = frozenset(setting.name for setting in SETTINGS if setting.short)

_KNOWN: Final = frozenset(name for setting in SETTINGS for name in setting.names)
ANSIBLE: Final = frozenset(name for setting in SETTINGS for name in setting.ansible) | {
    f"ansible_{name}"
    for name in (
        "become_exe", "become_flags", "control_path", "control_path_dir",
        "network_os", "paramiko_host_key_checking", "paramiko_proxy_command", "pipelining", "python_interpreter",
        "remote_tmp",
        "scp_executable", "scp_extra_args", "sftp_executable", "sftp_extra_args", "shell_executable", "shell_type",
        "ssh_control_path", "ssh_control_path_dir", "ssh_executable", "ssh_pipelining", "ssh_retries",
        "ssh_transfer_method", "ssh_use_tty", "sudo_pass", "winrm_transport",
    )
}  # fmt: skip
"""Ansible's own variables of connections, those included that mean nothing here: who gives one has an inventory for
Ansible, in which a short name is an ordinary variable."""

SPECIFIC: Final = frozenset({"docker_command", "docker_host", "docker_socket", "host_key_checking", "proxy_jump"})
"""Short names that an application hardly has for itself: one that is not read was probably meant."""


def entries() -> tuple[Entry, ...]:
    """For documentation and editors, under Ansible's name where there is one."""
    named = ((*setting.ansible, *((setting.name,) if setting.short else ())) for setting in SETTINGS)
    return tuple(
        Entry(name=names[0], aliases=(*names[1:], PREFIX + setting.name), shape=setting.shape, doc=setting.doc)
        for setting, names in zip(SETTINGS, named, strict=True)
    )


def is_connection(name: str) -> bool:
    """Whether a variable of that name steers the connection wherever it is given."""
    return name.startswith(("ansible_", PREFIX)) and name in _KNOWN


def misspelt(name: str) -> str:
    """The connection variable that was probably meant, "" for a name that is right or something else altogether."""
    head, _, rest = name.partition("_")
    if not rest or name in _KNOWN or name in ANSIBLE or not (head == "deployer" or head.startswith("an")):
        return ""
    if head != "deployer" and not closest(head, ["ansible"]):
        return ""
    prefix = PREFIX if head == "deployer" else "ansible_"
    known = {found.removeprefix(prefix): found for found in sorted(_KNOWN) if found.startswith(prefix)}
    return known.get(closest(rest, known), "")
