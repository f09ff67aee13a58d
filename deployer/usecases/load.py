"""Reads and checks the whole input of a run before any host is contacted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from msgspec import Struct, field
from msgspec.structs import replace

from deployer import nodes
from deployer.config import image_lock
from deployer.config.image_lock import Pin
from deployer.config.inventory.inventory import load_inventory
from deployer.config.inventory.patterns import select, select_limit
from deployer.config.inventory.types import Inventory
from deployer.config.playbook import Play, check_tags, load_playbooks, read_key
from deployer.config.resolve import Inputs, resolve
from deployer.config.run_once import push_once, settle_run_once
from deployer.config.scripts import Prompt, RunScript
from deployer.config.tag_filter import TagFilter
from deployer.config.templates.templar import Templar, Templates
from deployer.config.variables.extra_vars import check_used, parse_extra_vars
from deployer.config.variables.variables import PlayVariables, Variables, play_vars
from deployer.config.variables.vars_files import VariableReader
from deployer.config.vault import VaultSecrets
from deployer.config.vault_secrets import load_secrets, password_sources
from deployer.diagnostics import Diagnostic, Missing, Origin, Problems, did_you_mean
from deployer.interfaces import Guarded
from deployer.model.desired import Desired, RunOnce
from deployer.reach.connection import ConnectionSpec
from deployer.usecases.batches import batches, in_order
from deployer.usecases.connections import connect_host
from deployer.usecases.joining import join
from deployer.usecases.move_input import MoveFrom, read_move
from deployer.usecases.named import check_containers, check_image_hosts, check_volumes, image_hosts
from deployer.usecases.references import variable_references
from deployer.values import duration

if TYPE_CHECKING:
    from deployer.reach.ssh_config import SshConfig

_PRUNE_HOST: Final = Origin("--prune-host")
BECOME: Final = "BECOME password"
"""Ansible's prompt."""

DEFAULT_INVENTORIES = ("inventory", "inventory.yml", "hosts.yml", "hosts")
"""Default inventories in the current directory, used without `-i`."""


class Request(Struct, frozen=True, kw_only=True):
    """The options of the command line. `containers`: names that must be declared. `pattern`: hosts, in place of
    `limit`. `moving`: what `deployer move` says, in place of the plays' `move`."""

    playbooks: tuple[str, ...] = ()
    inventory: tuple[str, ...] = ()
    limit: str = ""
    pattern: str = ""
    extra_vars: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    project: str = ""
    policy: tuple[str, ...] = ()
    forks: int = 50
    user: str = ""
    private_key: str = ""
    connect_timeout: float | None = None
    vault_ids: tuple[str, ...] = ()
    vault_password_files: tuple[str, ...] = ()
    ask_vault_pass: bool = False
    allow_commands: bool = False
    ask_become_pass: bool = False
    prune: bool = False
    prune_hosts: tuple[str, ...] = ()
    adopt: bool = False
    allow_data_loss: tuple[str, ...] = ()
    remove_volumes: tuple[str, ...] = ()
    volumes: bool = False
    containers: tuple[str, ...] = ()
    moving: MoveFrom | None = None


def inventories(request: Request) -> tuple[str, ...]:
    """The named ones, or the first default that exists."""
    return request.inventory or tuple(name for name in DEFAULT_INVENTORIES if Path(name).exists())[:1]


class PlayInput(Struct, frozen=True):
    """One play: the desired states of its hosts, in order, and its batches. `pause`: seconds between batches. `move`:
    where its containers may come from, None if they are not moved."""

    name: str
    desired: tuple[Desired, ...]
    batches: tuple[tuple[str, ...], ...]
    max_fail_percentage: float | None = None
    any_errors_fatal: bool = False
    pause: float = 0.0
    once: RunOnce | None = None
    move: MoveFrom | None = None


class Loaded(Guarded, frozen=True):
    """The input of a run. `hosts`: how to reach each host; `files`: those that variables and lookups were read from;
    `aside`: how to reach hosts that only send or build images for others, or may have containers that are moved;
    `passwords`: new ones, by the path of the file that is to contain them; `beyond`: what plays that move containers
    declare for hosts that the limit excludes."""

    hidden: ClassVar[tuple[str, ...]] = ("secrets", "passwords")
    plays: tuple[PlayInput, ...]
    hosts: Mapping[str, ConnectionSpec]
    warnings: tuple[Diagnostic, ...] = ()
    secrets: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    aside: Mapping[str, ConnectionSpec] = field(default_factory=dict)
    passwords: Mapping[str, str] = field(default_factory=dict)
    beyond: tuple[Desired, ...] = ()

    @property
    def desired(self) -> Iterator[Desired]:
        """Of all plays, in order."""
        return (desired for play in self.plays for desired in play.desired)

    def of_host(self, host: str) -> tuple[Desired, ...]:
        return tuple(desired for desired in self.desired if desired.host == host)


class Asking(Struct, frozen=True):
    """Access of input to the system: run a script, prompt for a password, read the user's ssh_config, and the key that
    seals secrets in records. `learn` receives every secret as soon as it is read."""

    run: RunScript
    prompt: Prompt
    ssh_config: Callable[[], SshConfig]
    sealing_key: Callable[[], bytes] = bytes
    learn: Callable[[Iterable[str]], object] = tuple


class Sources(Guarded, frozen=True):
    """Shared by all plays."""

    hidden: ClassVar[tuple[str, ...]] = ("become_password",)
    request: Request
    asking: Asking
    problems: Problems
    vault: VaultSecrets
    inventory: Inventory
    extra: Mapping[str, nodes.Node]
    become_password: str = ""

    def templates(self) -> Templates:
        return Templates(vault=self.vault, run=self.asking.run if self.request.allow_commands else None)

    def reader(self, problems: Problems) -> VariableReader:
        return VariableReader(problems, self.vault, self.asking.run)


def open_sources(request: Request, asking: Asking, problems: Problems) -> Sources:
    """Vault passwords, inventory and extra variables."""
    prompts = ("prompt",) if request.ask_vault_pass else ()
    sources = password_sources(request.vault_password_files, (*request.vault_ids, *prompts))
    named = inventories(request)
    vault = load_secrets(sources, problems, run=asking.run, prompt=asking.prompt, learn=asking.learn)
    inventory = load_inventory(named, problems, run=asking.run, vault=vault)
    with problems.reading(Missing.VARIABLE):
        extra = parse_extra_vars(request.extra_vars, problems, vault)
    become_password = asking.prompt(BECOME) if request.ask_become_pass else ""
    asking.learn((become_password,))
    return Sources(request, asking, problems, vault, inventory, extra, become_password)


def load(request: Request, asking: Asking) -> Loaded:
    """Raises `InputError` with all errors in the input. Whoever asks learns the secrets."""
    problems = Problems()
    sources = open_sources(request, asking, problems)
    plays = load_playbooks(request.playbooks, problems, sources.vault, request.policy)
    check_tags(request.tags, plays, problems)
    check_tags(request.skip_tags, plays, problems, "--skip-tags")
    limit = _limit(sources)
    reader = _Reader(sources, limit)
    read = [reader.play(play) for play in plays]
    if limit is not None and any(found is not None and found.move is not None for found in read):
        reader.read_beyond(plays)
    if request.prune_hosts:
        read = reader.with_pruned_hosts(plays, read)
    loaded = join(tuple(found for found in read if found is not None), problems)
    idle = request.limit and not request.moving and not any(play.desired for play in loaded)
    if idle and plays and not problems.errors:
        problems.add(Origin("--limit"), f"'{request.limit}' matches no host of any play")
    wishes = [wish for play in loaded for wish in play.desired]
    if request.containers and not problems.errors:
        check_containers(request.containers, wishes, problems)
    check_used(dict(sources.extra), variable_references(sources.inventory, reader.files, plays), problems)
    if request.ask_become_pass and not any(spec.sudo_password for spec in reader.specs.values()):
        problems.warn(Origin("--ask-become-pass"), "no host of this run uses sudo", hint="set ansible_become: true")
    check_image_hosts(wishes, sources.inventory.hosts, problems)
    reader.tell_of_outside()
    known = {wish.host for wish in wishes}
    check_volumes(request, known, sources.inventory, problems)
    problems.raise_if_any()
    secrets = frozenset(reader.secrets).union(*(wish.secrets for wish in wishes))
    asking.learn(secrets)
    hosts = {host: spec for host, spec in reader.specs.items() if host in known}
    aside = {host: spec for host, spec in reader.specs.items() if host not in known}
    beyond = tuple(reader.beyond)
    return Loaded(loaded, hosts, problems.warnings, secrets, reader.read, aside, reader.passwords, beyond)


def _limit(sources: Sources) -> frozenset[str] | None:
    if not sources.request.limit:
        return None
    return frozenset(select_limit(sources.request.limit, sources.inventory, sources.problems))


def _with_leaver(play: PlayInput | None, name: str, wish: Desired) -> PlayInput:
    """After all others of the play."""
    if play is None:
        return PlayInput(name, (wish,), ((wish.host,),))
    return replace(play, desired=(*play.desired, wish), batches=(*play.batches, (wish.host,)))


class _Reader:
    """Resolves plays for their hosts; collects connections and secrets."""

    def __init__(self, sources: Sources, limit: frozenset[str] | None) -> None:
        self.specs: dict[str, ConnectionSpec] = {}
        self.secrets: set[str] = set()
        self.beyond: list[Desired] = []
        self._sources = sources
        self._limit = limit
        self.files = sources.reader(sources.problems)
        self._templates = sources.templates()
        self._variables: dict[Path, Variables] = {}
        self._pins: dict[str, dict[str, Pin]] = {}
        self._sealing_key = sources.asking.sealing_key()

    @property
    def read(self) -> frozenset[str]:
        """The files of variables and of lookups."""
        return frozenset(self.files.paths) | self._templates.files

    @property
    def passwords(self) -> Mapping[str, str]:
        return self._templates.outside.made

    def tell_of_outside(self) -> None:
        """Warns of programs that were run, and of passwords that are not in a file yet."""
        for command in self._templates.outside.commands:
            self._sources.problems.warn(Origin("--allow-commands"), f"ran on this machine: {command}")
        for path in self.passwords:
            summary = "does not exist: apply creates it with a new password"
            self._sources.problems.warn(Origin(os.path.relpath(path)), summary)

    def play(self, play: Play) -> PlayInput | None:
        """None if the play's hosts do not exist, or the limit excludes all of them."""
        every = self._hosts(play)
        hosts = tuple(host for host in every if self._limit is None or host in self._limit)
        if not hosts:
            return None
        origin = play.keys["move"].origin if "move" in play.keys else play.origin
        move = read_move(self._key(play, "move"), origin, every, self._limit, self._sources)
        wishes = self._resolve(play, hosts, move.hosts if move is not None else ())
        settled, once = settle_run_once(push_once(wishes), every[0], self._sources.problems)
        return PlayInput(
            name=play.name,
            desired=settled,
            batches=batches(hosts, self._sizes(play)),
            max_fail_percentage=self._key(play, "max_fail_percentage"),
            any_errors_fatal=bool(self._key(play, "any_errors_fatal")),
            pause=(self._key(play, "pause") or 0) / duration.SECOND,
            once=once,
            move=move,
        )

    def read_beyond(self, plays: Sequence[Play]) -> None:
        for play in plays:
            hosts = tuple(host for host in self._hosts(play) if self._limit is None or host not in self._limit)
            self.beyond += self._resolve(play, hosts) if hosts else []

    def with_pruned_hosts(self, plays: Sequence[Play], read: Sequence[PlayInput | None]) -> list[PlayInput | None]:
        """Adds the hosts of `--prune-host`, with nothing declared, to a play of every project whose plays no longer
        include them. `--limit` does not apply to them."""
        found = list(read)
        for host in dict.fromkeys(self._sources.request.prune_hosts):
            if host not in self._sources.inventory.hosts:
                hint = did_you_mean(host, self._sources.inventory.hosts)
                self._sources.problems.add(
                    _PRUNE_HOST, f"no host '{host}' in the inventory", hint=hint, missing=Missing.HOST
                )
                continue
            bare = {number: self._bare(play, host) for number, play in enumerate(plays)}
            staying = [number for number, play in enumerate(plays) if host in self._hosts(play)]
            projects = {bare[number].project for number in staying}
            left = {wish.project: number for number, wish in reversed(bare.items()) if wish.project not in projects}
            for number in left.values():
                found[number] = _with_leaver(found[number], plays[number].name, bare[number])
            if staying and not left:
                hint = "remove it from the play's hosts first; to remove undeclared resources there, use --prune"
                summary = f"'{host}' is still a host of play '{plays[staying[0]].name}'"
                self._sources.problems.add(_PRUNE_HOST, summary, hint=hint)
        return found

    def _bare(self, play: Play, host: str) -> Desired:
        """The desired state of a host with nothing declared."""
        keys = ("name", "project", "vars", "vars_files", "on_failure")
        rest = replace(play, keys={key: node for key, node in play.keys.items() if key in keys})
        (found,) = self._resolve(rest, (host,))
        return replace(found, prune=True)

    def _resolve(self, play: Play, hosts: tuple[str, ...], also: Iterable[str] = ()) -> list[Desired]:
        """`also`: further hosts that the play needs."""
        request, problems = self._sources.request, self._sources.problems
        variables = self._variables_of(play)
        own = PlayVariables(play_vars(play.keys.get("vars"), problems), play.keys.get("vars_files"), hosts)
        inputs = Inputs(
            problems,
            self._sources.vault,
            TagFilter(request.tags, request.skip_tags),
            request.project,
            self._sealing_key,
            pins=self._pins_of(play),
        )
        desired = []
        for host in hosts:
            known = variables.of_play(host, own, problems)
            templar = variables.templar(known)
            self._connect(host, variables.of_connection(host, known.variables, problems), templar)
            found = resolve(play, host, templar, inputs)
            desired.append(replace(found, prune=found.prune or request.prune))
        others = {name for wish in desired for _, _, name in image_hosts(wish)} & self._sources.inventory.hosts.keys()
        for host in sorted({*also, *others} - self.specs.keys()):
            known = variables.of_play(host, own, problems)
            self._connect(host, variables.of_connection(host, known.variables, problems), variables.templar(known))
        return desired

    def _connect(self, host: str, known: Mapping[str, nodes.Node], templar: Templar) -> None:
        if host in self.specs:
            return
        spec = connect_host(host, known, templar, self._sources)
        if spec is not None:
            self.specs[host] = spec
            found = (spec.password, spec.private_key, spec.private_key_passphrase, spec.sudo_password)
            self.secrets.update(filter(None, found))

    def _variables_of(self, play: Play) -> Variables:
        folder = Path(play.file).parent
        if folder not in self._variables:
            sources = self._sources
            self._variables[folder] = Variables(
                sources.inventory, self.files, self._templates, playbook_dir=folder, extra=sources.extra
            )
        return self._variables[folder]

    def _pins_of(self, play: Play) -> dict[str, Pin]:
        path = image_lock.path_of(play.file)
        if path not in self._pins:
            self._pins[path] = image_lock.read(path, self._sources.problems)
        return self._pins[path]

    def _hosts(self, play: Play) -> tuple[str, ...]:
        problems = self._sources.problems
        node, rendered = play.keys.get("hosts"), self._rendered(play, "hosts")
        if node is None or rendered is None:
            return ()
        patterns = [item.value for item in _scalars(rendered) if isinstance(item.value, str)]
        if not patterns:
            problems.add(node.origin, "expected a host, a group or a pattern", address="hosts")
            return ()
        hosts = select(patterns, self._sources.inventory, problems, origin=node.origin)
        return in_order(hosts, self._key(play, "order") or "inventory")

    def _sizes(self, play: Play) -> list[int | str]:
        found = self._key(play, "serial")
        return found if isinstance(found, list) else [found] if found else []

    def _key(self, play: Play, key: str) -> Any:
        """The value of a play's key that is the same for all hosts; None if it is missing or invalid."""
        rendered = self._rendered(play, key)
        if rendered is None:
            return None
        return read_key(key, rendered, self._sources.problems)

    def _rendered(self, play: Play, key: str) -> nodes.Node | None:
        """Rendered with the play's and the extra variables only; None if it is missing or invalid."""
        node, unrendered = play.keys.get(key), Problems()
        if node is None:
            return None
        known = play_vars(play.keys.get("vars"), self._sources.problems) | dict(self._sources.extra)
        rendered = Templar(known, templates=self._templates).render(node, unrendered, key)
        self._sources.problems.extend(unrendered)
        return None if unrendered.errors else rendered


def _scalars(node: nodes.Node) -> Iterable[nodes.Scalar]:
    items = node.items if isinstance(node, nodes.Sequence) else (node,)
    return (item for item in items if isinstance(item, nodes.Scalar))
