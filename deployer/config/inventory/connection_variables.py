"""Variables that say how a host is reached, for editors and for the reference. `reach.resolve` reads them."""

from __future__ import annotations

from typing import Final

from schema import Or

from deployer.fields.leaves import NUMBER_OR_TEXT, TEXT
from deployer.fields.shapes import Entry, Leaf, one_or_many

_SECONDS = Leaf(Or(int, float, str), "seconds")
_SWITCH = Leaf(Or(bool, int, str), "true or false")

CONNECTION: Final = (
    Entry(name="ansible_host", aliases=("ansible_ssh_host", "host"), shape=TEXT, doc="Name or address to connect to."),
    Entry(name="ansible_port", aliases=("ansible_ssh_port", "port"), shape=NUMBER_OR_TEXT, doc="Port; 22 for SSH."),
    Entry(
        name="ansible_user",
        aliases=("ansible_ssh_user", "user"),
        shape=TEXT,
        doc="User to log in as; by default the local user's name.",
    ),
    Entry(
        name="ansible_password",
        aliases=("ansible_ssh_pass", "ansible_ssh_password", "password"),
        shape=NUMBER_OR_TEXT,
        doc="Password of the user; keep it in a vault.",
    ),
    Entry(
        name="ansible_connection",
        aliases=("connection",),
        shape=TEXT,
        doc="ssh (default), local, tcp, or simulated for trying a playbook out.",
    ),
    Entry(
        name="ansible_ssh_private_key_file",
        aliases=("ansible_private_key_file", "private_key_file"),
        shape=one_or_many(TEXT, "a file or a list of files"),
        doc="Private key, or several to be tried in order.",
    ),
    Entry(
        name="ansible_ssh_private_key",
        aliases=("ansible_private_key",),
        shape=TEXT,
        doc="The private key itself; keep it in a vault.",
    ),
    Entry(
        name="ansible_ssh_private_key_passphrase",
        aliases=("private_key_passphrase",),
        shape=NUMBER_OR_TEXT,
        doc="Passphrase of the private key; keep it in a vault.",
    ),
    Entry(name="ansible_ssh_args", shape=TEXT, doc="Arguments as for the ssh command."),
    Entry(name="ansible_ssh_common_args", shape=TEXT, doc="Further arguments as for the ssh command."),
    Entry(name="ansible_ssh_extra_args", shape=TEXT, doc="Further arguments as for the ssh command."),
    Entry(name="ansible_ssh_timeout", aliases=("ansible_timeout",), shape=_SECONDS, doc="Seconds for connecting; 10."),
    Entry(
        name="ansible_ssh_host_key_checking",
        aliases=("ansible_host_key_checking", "host_key_checking"),
        shape=_SWITCH,
        doc="strict (default), accept-new, or no. A changed key is refused by all but no.",
    ),
    Entry(
        name="known_hosts_file",
        aliases=("ansible_ssh_known_hosts_file",),
        shape=one_or_many(TEXT, "a file or a list of files"),
        doc="Files of known host keys, instead of the user's own.",
    ),
    Entry(name="proxy_jump", shape=TEXT, doc="Hosts to pass: `[user@]host[:port]`, several with commas."),
    Entry(name="ansible_become", shape=_SWITCH, doc="Reach the engine as another user, by way of a command."),
    Entry(name="ansible_become_user", shape=TEXT, doc="Which user; root."),
    Entry(name="ansible_become_method", shape=TEXT, doc="sudo (default) or doas."),
    Entry(name="docker_socket", shape=TEXT, doc="The engine's socket on the host; /var/run/docker.sock."),
    Entry(
        name="docker_command",
        shape=TEXT,
        doc="Docker's command on the host, such as `sudo -n docker`; the engine is then reached through it.",
    ),
    Entry(
        name="docker_host", shape=TEXT, doc="The engine's address as Docker writes it: `ssh://`, `tcp://`, `unix://`."
    ),
    Entry(name="tls_ca", shape=TEXT, doc="Certificate of the authority that signed the engine's, for tcp."),
    Entry(name="tls_cert", shape=TEXT, doc="Own certificate, for tcp."),
    Entry(name="tls_key", shape=TEXT, doc="Key of the own certificate, for tcp."),
    Entry(name="tls_verify", shape=_SWITCH, doc="Whether to check the engine's certificate; true."),
)
"""The first name is the one Ansible has, where it has one. Of several that are given, the first counts."""
