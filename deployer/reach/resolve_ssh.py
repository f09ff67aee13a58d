"""The SSH part of a `ConnectionSpec`: user, address, keys, host key checking, jump hosts."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from deployer.reach.connection import (
    DEFAULT_TIMEOUT,
    SSH_PORT,
    SUDO_PROMPT,
    SUDO_READY,
    AddressFamily,
    CliConnectionOptions,
    ConnectionSpec,
    HostKeyChecking,
)
from deployer.reach.connectors import ConnectionType
from deployer.reach.machine import Machine
from deployer.reach.ssh_args import SshArguments, parse_ssh_args
from deployer.reach.ssh_config import Answers, SshConfig
from deployer.reach.ssh_tokens import Tokens, is_host, is_user
from deployer.reach.variables import Variables, bare, parse_port, parse_seconds

USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
"""ssh_config(5), UserKnownHostsFile and GlobalKnownHostsFile."""

_ARGUMENTS = ("ssh_args", "ssh_common_args", "ssh_extra_args")
_NONE = "none"
_MAX_JUMPS = 8
_CHECKING = {
    "yes": HostKeyChecking.STRICT,
    "true": HostKeyChecking.STRICT,
    "strict": HostKeyChecking.STRICT,
    "ask": HostKeyChecking.STRICT,
    "accept-new": HostKeyChecking.ACCEPT_NEW,
    "no": HostKeyChecking.NO,
    "off": HostKeyChecking.NO,
    "false": HostKeyChecking.NO,
}


@dataclass(frozen=True)
class _Sources:
    """All settings of one host, by source."""

    given: Variables
    arguments: SshArguments
    options: CliConnectionOptions
    config: SshConfig

    @functools.cached_property
    def target(self) -> str:
        """The name ssh would be called with, which ssh_config's patterns are compared with."""
        url = self.given.url("docker_host")
        by_url = url.hostname if url is not None and url.scheme == "ssh" else None
        return self.given.host() or by_url or bare(self.given.host_name)

    @functools.cached_property
    def stated_user(self) -> str:
        url = self.given.url("docker_host")
        by_url = (url.username if url is not None and url.scheme == "ssh" else None) or ""
        named = self.given.text("user") or by_url
        return named or self.arguments.first("user") or self.options.user

    @property
    def machine(self) -> Machine:
        return self.config.machine

    @functools.cached_property
    def answers(self) -> Answers:
        """Empty for a name that must not reach the commands of ssh_config."""
        if not is_host(self.target) or not is_user(self.stated_user):
            return Answers()
        return self.config.lookup(self.target, user=self.stated_user)

    def say(self, keyword: str) -> str:
        """ssh's arguments before ssh_config."""
        return self.arguments.first(keyword) or self.answers.first(keyword)

    def words(self, keyword: str) -> tuple[str, ...]:
        said = self.arguments.first(keyword)
        return tuple(said.split()) if said else self.answers.words.get(keyword, ())

    @functools.cached_property
    def host(self) -> str:
        tokens = Tokens(machine=self.machine, host=self.target, host_name=self.target)
        return tokens.expand(self.say("hostname")) or self.target

    @functools.cached_property
    def user(self) -> str:
        return self.stated_user or self.answers.first("user") or self.machine.user

    @functools.cached_property
    def port(self) -> int:
        url = self.given.url("docker_host")
        by_url = url.port if url is not None and url.scheme == "ssh" else None
        stated = self.given.port("port") or by_url
        if stated is None and self.say("port"):
            stated = parse_port(self.given, "Port", self.say("port"))
        return stated or SSH_PORT

    @functools.cached_property
    def become(self) -> tuple[str, str]:
        return _become(self.given, self.user, self.options.become_password)

    @property
    def docker_command(self) -> str:
        """Becoming another user means to reach the engine through a command."""
        before = self.become[0]
        return self.given.text("docker_command") or (f"{before} docker" if before else "")

    @property
    def tokens(self) -> Tokens:
        alias = self.say("hostkeyalias")
        return Tokens(
            machine=self.machine, host=self.target, host_name=self.host, user=self.user, port=self.port, alias=alias
        )

    def paths(self, files: Iterable[str]) -> tuple[str, ...]:
        """Each once; `none`, and what needs a home directory where there is none, are left out."""
        found = (self.tokens.expand_path(file) for file in files if file.lower() != _NONE)
        return tuple(dict.fromkeys(path for path in found if path))

    def check_names(self) -> None:
        """Report names of hosts and users that OpenSSH would refuse."""
        given = self.given
        if not is_host(self.target) or not is_host(self.host):
            name = self.host if is_host(self.target) else self.target
            given.error("host", f"{name!r} is not the name or address of a host", "set host")
        if not self.user:
            uid = f"uid {self.machine.uid} has no account here"
            given.error("user", f"no user to log in as: {uid}", "set user, or --user")
        elif not is_user(self.user):
            given.error("user", f"{self.user!r} is not the name of a user")


def resolve_ssh(
    given: Variables, options: CliConnectionOptions, ssh_config: SshConfig, *, docker_socket: str
) -> ConnectionSpec:
    """Errors are added to `given.problems`."""
    arguments = _arguments(given, options)
    config = SshConfig(ssh_config.machine, (arguments.config_file,)) if arguments.config_file else ssh_config
    sources = _Sources(given, arguments, options, config)
    sources.check_names()
    jumps, command = _way(sources)
    return ConnectionSpec(
        name=given.host_name,
        kind=ConnectionType.SSH,
        host=sources.host,
        port=sources.port,
        user=sources.user,
        private_key_files=_key_files(sources),
        private_key=given.text("private_key"),
        private_key_passphrase=given.text("private_key_passphrase"),
        password=given.text("password") or options.password,
        identities_only=sources.say("identitiesonly").lower() in ("yes", "true"),
        identity_agent=_agent(sources),
        forward_agent=given.flag("forward_agent") is True,
        known_hosts_files=_known_hosts(sources),
        host_key_alias=sources.say("hostkeyalias"),
        host_key_checking=_checking(sources),
        docker_socket=docker_socket,
        docker_command=sources.docker_command,
        sudo_password=sources.become[1],
        become=sources.become[0],
        connect_timeout=_timeout(sources),
        jumps=jumps,
        proxy_command=command,
        address_family=_family(sources),
    )


def _arguments(given: Variables, options: CliConnectionOptions) -> SshArguments:
    merged = SshArguments()
    texts = [(name, given.text(name)) for name in _ARGUMENTS]
    for name, text in (*texts, ("--ssh-common-args", options.ssh_common_args)):
        parsed = parse_ssh_args(text)
        for keyword, values in parsed.options.items():
            merged.options.setdefault(keyword, []).extend(values)
        merged.config_file = merged.config_file or parsed.config_file
        for summary in parsed.errors:
            given.error(name, summary)
    return merged


def _key_files(sources: _Sources) -> tuple[str, ...]:
    """Named by variables or else on the command line, then those of ssh's arguments and of ssh_config."""
    named = sources.given.texts("private_key_file")
    if not named and sources.options.private_key_file:
        named = (sources.options.private_key_file,)
    if len(sources.paths(named)) < len(named):
        sources.given.error(
            "private_key_file", f"{named[0]}: there is no home directory", "set HOME, or write it in full"
        )
    files = (*named, *sources.arguments.options.get("identityfile", ()), *sources.answers.words.get("identityfile", ()))
    return sources.paths(files)


def _agent(sources: _Sources) -> str:
    said = sources.say("identityagent")
    if said.lower() == _NONE:
        return _NONE
    if said.startswith("$") and not said.startswith("${"):
        return sources.tokens.expand_path("${" + said[1:] + "}")
    return sources.tokens.expand_path(said) if said and said != "SSH_AUTH_SOCK" else ""


def _known_hosts(sources: _Sources) -> tuple[str, ...]:
    named = sources.given.texts("known_hosts_file")
    user = named or sources.words("userknownhostsfile") or USER_KNOWN_HOSTS
    everybody = sources.words("globalknownhostsfile") or GLOBAL_KNOWN_HOSTS
    return sources.paths((*user, *everybody))


def _checking(sources: _Sources) -> HostKeyChecking:
    given, name = sources.given, "host_key_checking"
    # A boolean is text here as well: YAML's false and ssh's `no` mean the same.
    word = str(given.raw(name)).strip().lower() if given.has(name) else sources.say("stricthostkeychecking").lower()
    if word and word not in _CHECKING:
        where = given.name(name) if given.has(name) else "StrictHostKeyChecking"
        given.error(where, f"expected strict, accept-new or no, got '{word}'")
    return _CHECKING.get(word, HostKeyChecking.STRICT)


def _timeout(sources: _Sources) -> float:
    given = sources.given
    stated = given.seconds("timeout") or sources.options.timeout
    if stated is None and sources.say("connecttimeout"):
        stated = parse_seconds(given, "ConnectTimeout", sources.say("connecttimeout"))
    return stated or DEFAULT_TIMEOUT


def _family(sources: _Sources) -> AddressFamily:
    word = sources.say("addressfamily").lower() or AddressFamily.ANY.value
    try:
        return AddressFamily(word)
    except ValueError:
        sources.given.error("AddressFamily", f"expected any, inet or inet6, got '{word}'")
        return AddressFamily.ANY


def _become(given: Variables, user: str, become_password: str) -> tuple[str, str]:
    """The words before a command that becomes another user, and the password for sudo. Root need not become root; with
    a `docker_command`, nobody becomes anyone."""
    stated = given.text("docker_command")
    become_user = given.text("become_user") or "root"
    if stated or not given.flag("become") or become_user == user:
        return "", ""
    method = given.text("become_method").removeprefix("ansible.builtin.") or "sudo"
    password = given.text("become_password") or become_password
    if method not in ("sudo", "doas"):
        given.error("become_method", f"'{method}' is not supported", "use sudo or doas, or docker_command")
    if method == "doas" and password:
        hint = "let doas run docker without one (nopass), use sudo, or add the user to group docker"
        given.error("become_password", "doas reads a password from a terminal only", hint)
    if not is_user(become_user):
        given.error("become_user", f"{become_user!r} is not the name of a user")
    other = "" if become_user == "root" else f" -u {shlex.quote(become_user)}"
    if not password:
        return f"{method} -n{other}", ""
    # Quoted in parts: sudo repeats the command when it refuses it.
    words = " ".join(f'"{word}"' for word in SUDO_READY.split())
    ready = shlex.quote(f'echo {words} >&2; exec "$@"')
    return f"{method} -S -p {shlex.quote(SUDO_PROMPT)}{other} sh -c {ready} sh", password


def _way(sources: _Sources) -> tuple[tuple[ConnectionSpec, ...], str]:
    """The jump hosts, or the ProxyCommand. Variables override the settings of ssh."""
    stated = sources.given.text("proxy_jump")
    jump = stated or sources.say("proxyjump")
    command = "" if stated else sources.say("proxycommand")
    if sources.arguments.first("proxycommand") and not sources.arguments.first("proxyjump"):
        jump = stated
    if jump and jump.lower() != _NONE:
        return _jumps(jump, sources, depth=0), ""
    if not command or command.lower() == _NONE:
        return (), ""
    try:
        return (), sources.tokens.expand_command(command)
    except ValueError as error:
        if not sources.given.problems.errors:
            sources.given.error("ProxyCommand", str(error))
        return (), ""


def _jumps(text: str, sources: _Sources, depth: int) -> tuple[ConnectionSpec, ...]:
    """`[user@]host[:port]`, several with commas; the first may have jumps of its own in ssh_config."""
    found: list[ConnectionSpec] = []
    for position, part in enumerate(part.strip() for part in text.split(",")):
        hop, further = _jump(part, sources)
        if position == 0 and further and further.lower() != _NONE:
            if depth >= _MAX_JUMPS:
                sources.given.error("proxy_jump", f"{part} is its own jump host")
                return ()
            found.extend(_jumps(further, sources, depth + 1))
        found.append(hop)
    return tuple(found)


def _jump(part: str, sources: _Sources) -> tuple[ConnectionSpec, str]:
    """One jump host, with its own ProxyJump. Settings missing in ssh_config are those of the host: its keys come after
    the jump host's own, and its passphrase is used for both."""
    given = sources.given
    user, _, address = part.removeprefix("ssh://").rpartition("@")
    name, port = _split_port(address)
    stated = {"deployer_host": name, "deployer_user": user, "deployer_port": port or None}
    hop_variables = Variables(given.host_name, stated)
    hop = _Sources(hop_variables, SshArguments(), CliConnectionOptions(), sources.config)
    hop.check_names()
    spec = ConnectionSpec(
        name=name,
        host=hop.host,
        port=hop.port,
        user=hop.user,
        private_key_files=tuple(dict.fromkeys((*_key_files(hop), *_key_files(sources)))),
        private_key=given.text("private_key"),
        private_key_passphrase=given.text("private_key_passphrase"),
        identities_only=hop.say("identitiesonly").lower() in ("yes", "true"),
        identity_agent=_agent(hop),
        known_hosts_files=_known_hosts(hop if hop.words("userknownhostsfile") else sources),
        host_key_alias=hop.say("hostkeyalias"),
        host_key_checking=_checking(hop if hop.say("stricthostkeychecking") else sources),
        connect_timeout=_timeout(sources),
        address_family=_family(hop),
    )
    given.problems.extend(hop_variables.problems)
    return spec, hop.answers.first("proxyjump")


def _split_port(address: str) -> tuple[str, str]:
    """`host`, `host:22`, `[::1]:22`; a bare IPv6 address has no port."""
    if address.startswith("["):
        name, _, rest = address[1:].partition("]")
        return name, rest.removeprefix(":")
    name, colon, port = address.rpartition(":")
    return (name, port) if colon and ":" not in name else (address, "")
