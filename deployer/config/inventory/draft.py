"""An inventory under construction. Every format adds to it; `finish` checks it and makes it immutable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct, field

from deployer.config.inventory.names import NameFaultError, expand
from deployer.config.inventory.types import ALL, UNGROUPED, Group, Host, Inventory
from deployer.config.variables.names import inventory_variables
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Node, Scalar, to_plain

_PRIORITY = "ansible_group_priority"


class _HostDraft(Struct):
    origin: Origin
    file: Path | None
    port: Node | None = None
    variables: dict[str, Node] = field(default_factory=dict)


class _GroupDraft(Struct):
    origin: Origin
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, Origin] = field(default_factory=dict)
    variables: dict[str, Node] = field(default_factory=dict)


class Draft:
    """Hosts and groups by name, in the order they are first named. `file` is the current source."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.file: Path | None = None
        self._hosts: dict[str, _HostDraft] = {}
        built_in = Origin("built in")
        self._groups = {ALL: _GroupDraft(built_in), UNGROUPED: _GroupDraft(built_in)}

    @property
    def host_names(self) -> tuple[str, ...]:
        return tuple(self._hosts)

    def has_group(self, name: str) -> bool:
        return name in self._groups

    def add_group(self, name: str, origin: Origin) -> None:
        self._groups.setdefault(name, _GroupDraft(origin))

    def add_child(self, group: str, child: str, origin: Origin) -> None:
        """Adds a group to another group; both may be new."""
        self.add_group(group, origin)
        self.add_group(child, origin)
        if child == ALL:
            self.problems.add(origin, f"the group 'all' contains '{group}', not the other way round")
        elif group != ALL:
            self._groups[group].children.setdefault(child, origin)

    def add_host(self, name: str, group: str, origin: Origin, *, port: int | None = None) -> None:
        host = self._hosts.setdefault(name, _HostDraft(origin, self.file))
        self._groups[group].hosts[name] = None
        if port is not None:
            host.port = host.variables["ansible_port"] = Scalar(port, origin)

    def add_named(self, written: str, group: str, origin: Origin) -> tuple[str, ...]:
        """Adds the hosts of a name with ranges and port; returns () after reporting an invalid name."""
        try:
            names, port = expand(written)
        except NameFaultError as fault:
            self.problems.add(origin, str(fault))
            return ()
        for name in names:
            self.add_host(name, group, origin, port=port)
        return names

    def set_host_variables(self, hosts: Iterable[str], variables: Iterable[tuple[str, Node]]) -> None:
        """Later values replace earlier ones."""
        usable = self._usable(variables)
        for name in hosts:
            self._hosts[name].variables.update(usable)

    def set_group_variables(self, group: str, variables: Iterable[tuple[str, Node]]) -> None:
        self._groups[group].variables.update(self._usable(variables))

    def _usable(self, variables: Iterable[tuple[str, Node]]) -> dict[str, Node]:
        return inventory_variables(((value.origin, name, value) for name, value in variables), self.problems)

    def finish(self, folders: Iterable[Path]) -> Inventory:
        """The inventory. Reports cycles between groups, and names of both a host and a group."""
        self._break_cycles()
        self._place_ungrouped()
        for name in sorted(self._hosts.keys() & self._groups.keys()):
            self.problems.warn(self._hosts[name].origin, f"'{name}' is a host and a group; patterns mean the group")
        depths = self._depths()
        priorities = {name: self._priority(draft) for name, draft in self._groups.items()}
        order = sorted(self._groups, key=lambda name: (depths[name], priorities[name], name))
        members = {name: self._members(name) for name in self._groups}
        groups = {
            name: Group(
                name,
                tuple(members[name]),
                self._children(name),
                draft.variables,
                depths[name],
                draft.origin,
            )
            for name, draft in self._groups.items()
        }
        belongs: dict[str, list[str]] = {name: [] for name in self._hosts}
        for group in order:
            for host in members[group]:
                belongs[host].append(group)
        hosts = {
            name: Host(name, draft.variables, tuple(belongs[name]), draft.origin, draft.file, draft.port)
            for name, draft in self._hosts.items()
        }
        return Inventory({name: hosts[name] for name in members[ALL]}, groups, tuple(dict.fromkeys(folders)))

    def _break_cycles(self) -> None:
        done: set[str] = set()
        for name in list(self._groups):
            self._visit(name, [], done)

    def _visit(self, name: str, path: list[str], done: set[str]) -> None:
        if name in done:
            return
        path.append(name)
        for child, origin in list(self._groups[name].children.items()):
            if child in path:
                chain = " → ".join([*path[path.index(child) :], child])
                self.problems.add(origin, f"the group '{child}' contains itself: {chain}")
                del self._groups[name].children[child]
            else:
                self._visit(child, path, done)
        path.pop()
        done.add(name)

    def _place_ungrouped(self) -> None:
        grouped = {host for name, draft in self._groups.items() if name not in (ALL, UNGROUPED) for host in draft.hosts}
        listed = dict.fromkeys((*self._groups[UNGROUPED].hosts, *self._hosts))
        self._groups[UNGROUPED].hosts = {name: None for name in listed if name not in grouped}

    def _children(self, name: str) -> tuple[str, ...]:
        if name != ALL:
            return tuple(self._groups[name].children)
        inner = {child for draft in self._groups.values() for child in draft.children}
        return tuple(group for group in (UNGROUPED, *self._groups) if group not in inner and group != ALL)[1:]

    def _descendants(self, name: str) -> Iterator[str]:
        """The group, then its descendants level by level, each once."""
        seen, level = {name}, [name]
        while level:
            yield from level
            following = dict.fromkeys(child for group in level for child in self._children(group))
            level = [child for child in following if child not in seen]
            seen.update(level)

    def _members(self, name: str) -> dict[str, None]:
        return {host: None for group in self._descendants(name) for host in self._groups[group].hosts}

    def _depths(self) -> dict[str, int]:
        """The depth of each group: the longest path from the top."""
        depths = dict.fromkeys(self._groups, 1)
        depths[ALL] = 0
        pending = list(self._groups)
        while pending:
            group = pending.pop()
            for child in self._groups[group].children:
                if depths[child] <= depths[group]:
                    depths[child] = depths[group] + 1
                    pending.append(child)
        return depths

    def _priority(self, draft: _GroupDraft) -> int:
        written = draft.variables.get(_PRIORITY)
        if written is None:
            return 1
        value = to_plain(written)
        if isinstance(value, str) and value.lstrip("-").isdecimal():
            value = int(value)
        if not isinstance(value, int):
            self.problems.add(written.origin, f"{_PRIORITY} is a whole number, not '{value}'")
            return 1
        return value
