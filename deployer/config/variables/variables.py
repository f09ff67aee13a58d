"""A host's variables: every level that gives some, in order of precedence, merged by name and not templated.

Low to high: inventory group variables; group_vars/all beside the inventory, then beside the playbook; other group_vars,
likewise; inventory host variables; host_vars beside the inventory, then the playbook; play vars; vars_files; extra
vars. Within a level of groups, later ones by (depth, ansible_group_priority, name) win. A value replaces another whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from deployer.config.inventory.types import ALL, Host, Inventory
from deployer.config.templates.templar import HostVariables, Templar, Templates
from deployer.config.variables.names import check_names
from deployer.config.variables.vars_files import VariableReader
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping as MappingNode
from deployer.nodes import Node, Scalar, from_plain
from deployer.nodes import Sequence as SequenceNode
from deployer.reach.names import ANSIBLE, BY_NAME, PREFIX, SHORT, SPECIFIC, is_connection

_BUILT_IN = Origin("built in")


class Level(Struct, frozen=True):
    """Variables of one level; `name` says which. `in_inventory`: set in the inventory itself, not in a file next to
    it."""

    name: str
    variables: Mapping[str, Node]
    in_inventory: bool = False


class PlayVariables(Struct, frozen=True):
    """A play's variables: `vars`, the node of `vars_files`, and its hosts."""

    variables: Mapping[str, Node]
    files: Node | None = None
    hosts: tuple[str, ...] = ()


def merge(levels: Iterable[Level]) -> dict[str, Node]:
    """Every variable by name; later levels win."""
    merged: dict[str, Node] = {}
    for level in levels:
        merged.update(level.variables)
    return merged


def play_vars(node: Node | None, problems: Problems) -> dict[str, Node]:
    """The variables of a `vars:` key: a mapping or a list of them. Reports errors."""
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return {}
    if isinstance(node, MappingNode):
        return check_names(node, problems)
    if isinstance(node, SequenceNode):
        parts = [play_vars(item, problems) for item in node.items]
        return {name: value for part in parts for name, value in part.items()}
    problems.add(node.origin, "vars are a mapping: name: value")
    return {}


class Variables:
    """The variables of all hosts of a run. Files are read once, when first needed; errors go to the problems of
    `reader`."""

    def __init__(
        self,
        inventory: Inventory,
        reader: VariableReader,
        templates: Templates,
        *,
        playbook_dir: Path | None = None,
        extra: Mapping[str, Node] | None = None,
    ) -> None:
        self._inventory = inventory
        self._reader = reader
        self._templates = templates
        self._playbook_dir = playbook_dir
        self._extra = Level("extra vars", extra or {})
        self._inventory_levels: dict[str, tuple[Level, ...]] = {}
        self._groups = from_plain({name: list(group.hosts) for name, group in inventory.groups.items()}, _BUILT_IN)
        self._hostvars = _HostVars(self)

    @property
    def inventory(self) -> Inventory:
        return self._inventory

    def levels(
        self, host: str, play: Mapping[str, Node] | None = None, files: Iterable[Level] = ()
    ) -> tuple[Level, ...]:
        """All levels of a host, lowest first; some may be empty."""
        return (*self._of_inventory(host), Level("play vars", play or {}), *files, self._extra)

    def of_host(self, host: str, hosts: tuple[str, ...] = ()) -> HostVariables:
        """A host's variables outside of plays, as in `hostvars`."""
        return HostVariables(merge(self.levels(host)), self._magic(host, hosts))

    def of_play(self, host: str, play: PlayVariables, problems: Problems) -> HostVariables:
        """A host's variables in a play. Reports missing files of `vars_files`."""
        magic = self._magic(host, play.hosts)
        files: list[Level] = []
        for item in _items(play.files):
            known = HostVariables(merge(self.levels(host, play.variables, files)), magic)
            files.extend(self._vars_file(item, known, problems))
        return HostVariables(merge(self.levels(host, play.variables, files)), magic)

    def of_connection(self, host: str, known: Mapping[str, Node], problems: Problems) -> dict[str, Node]:
        """A host's connection variables. Names with a prefix apply wherever they are set. Short names apply only where
        the inventory defines a host or group, and only if the host has no connection variable of Ansible."""
        levels = self._of_inventory(host)
        found = {name: value for name, value in known.items() if is_connection(name)}
        if not self._is_for_ansible(host, levels):
            for level in levels:
                if level.in_inventory:
                    found.update((name, value) for name, value in level.variables.items() if name in SHORT)
        meant = known.keys() & SPECIFIC
        if found.keys().isdisjoint(BY_NAME["host"].names) and any(
            level.in_inventory and "host" in level.variables for level in levels
        ):
            meant |= {"host"}
        for name in sorted(meant):
            if found.get(name) is not known[name]:
                hint = f"name it {PREFIX}{name}; docs/inventory.md lists where short names apply"
                problems.warn(known[name].origin, f"'{name}' does not set the connection here", hint=hint)
        return found

    def _is_for_ansible(self, name: str, levels: Iterable[Level]) -> bool:
        """Whether the host has a connection variable of Ansible; a port in its name does not count."""
        host = self._inventory.find(name)
        behind = host.port if host is not None else None
        return any(node is not behind for level in levels for key, node in level.variables.items() if key in ANSIBLE)

    def templar(self, host: HostVariables) -> Templar:
        """A templar with these variables, and with all hosts' in `hostvars`."""
        return Templar(
            host.variables,
            magic=host.magic,
            hostvars=self._hostvars,
            templates=self._templates,
            base=self._playbook_dir,
        )

    def _of_inventory(self, name: str) -> tuple[Level, ...]:
        known = self._inventory_levels.get(name)
        if known is None:
            host = self._inventory.find(name)
            known = tuple(self._inventory_level(host)) if host is not None else ()
            self._inventory_levels[name] = known
        return known

    def _inventory_level(self, host: Host) -> Iterator[Level]:
        beside_inventory = self._inventory.folders
        beside_playbook = () if self._playbook_dir is None else (self._playbook_dir,)
        groups = [name for name in host.groups if name in self._inventory.groups]
        inner = [name for name in groups if name != ALL]
        for name in groups:
            yield Level(f"inventory group {name}", self._inventory.groups[name].variables, in_inventory=True)
        for names in ([ALL], inner):
            for folders in (beside_inventory, beside_playbook):
                yield from self._folder_levels("group_vars", names, folders)
        yield Level(f"inventory host {host.name}", host.variables, in_inventory=True)
        for folders in (beside_inventory, beside_playbook):
            yield from self._folder_levels("host_vars", [host.name], folders)

    def _folder_levels(self, kind: str, names: Sequence[str], folders: Sequence[Path]) -> Iterator[Level]:
        for name in names:
            for folder in folders:
                found = self._reader.folder(folder / kind, name)
                if found:
                    yield Level(f"{folder / kind / name}", found)

    def _vars_file(self, item: Node, known: HostVariables, problems: Problems) -> Iterator[Level]:
        """The file that an item of `vars_files` names; of a list, the first that exists."""
        rendered = self.templar(known).render(item, problems, "vars_files")
        choices = rendered.items if isinstance(rendered, SequenceNode) else (rendered,)
        names = [node.value for node in choices if isinstance(node, Scalar) and isinstance(node.value, str)]
        if len(names) != len(choices) or not names:
            problems.add(item.origin, "vars_files names files: a list of paths", address="vars_files")
            return
        for name in names:
            path = self._find(name)
            if path is not None:
                yield Level(f"vars_files {name}", self._reader.file(path))
                return
        missing = " and ".join(f"'{name}'" for name in names)
        problems.add(item.origin, f"there is no file {missing} next to the playbook", address="vars_files")

    def _find(self, name: str) -> Path | None:
        base = self._playbook_dir or Path()
        return next((path for path in (base / "vars" / name, base / name) if path.is_file()), None)

    def _magic(self, name: str, hosts: tuple[str, ...]) -> dict[str, Node]:
        host = self._inventory.find(name) or Host(name)
        folder = self._playbook_dir or Path()
        values: dict[str, object] = {
            "inventory_hostname": name,
            "inventory_hostname_short": name.partition(".")[0],
            "group_names": sorted(group for group in host.groups if group != ALL),
            "playbook_dir": str(folder.absolute()),
            "play_hosts": list(hosts),
            "ansible_play_hosts": list(hosts),
            "ansible_play_hosts_all": list(hosts),
        }
        if host.file is not None:
            values["inventory_file"] = str(host.file.absolute())
            values["inventory_dir"] = str(host.file.absolute().parent)
        magic = {key: from_plain(value, _BUILT_IN) for key, value in values.items()}
        return {**magic, "groups": self._groups}


class _HostVars(Mapping[str, HostVariables]):
    """The variables of all hosts, merged when they are read."""

    def __init__(self, variables: Variables) -> None:
        self._variables = variables
        self._known: dict[str, HostVariables] = {}

    def __getitem__(self, host: str) -> HostVariables:
        if host not in self._known:
            if self._variables.inventory.find(host) is None:
                raise KeyError(host)
            self._known[host] = self._variables.of_host(host)
        return self._known[host]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables.inventory.hosts)

    def __len__(self) -> int:
        return len(self._variables.inventory.hosts)


def _items(files: Node | None) -> Iterable[Node]:
    if files is None or (isinstance(files, Scalar) and files.value is None):
        return ()
    return files.items if isinstance(files, SequenceNode) else (files,)
