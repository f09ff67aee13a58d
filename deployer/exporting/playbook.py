"""Writes a host as a playbook: the settings of its containers, networks and volumes.

Applying the playbook to the same host changes nothing: every declared field has its live value, and values that come
from the image or the engine are left out. Secrets are replaced by variables; their values are not in the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field

from deployer import nodes
from deployer.config.playbook import check_name
from deployer.diagnostics import Origin, Problems
from deployer.exporting import foreign
from deployer.exporting.declaring import minimal_declaration, mismatches
from deployer.exporting.hiding import Hidden
from deployer.fields.container import CONTAINER
from deployer.fields.container.files import DELIVERED
from deployer.fields.field import View
from deployer.fields.network import NETWORK
from deployer.fields.reading import Reading
from deployer.fields.shapes import EXTENSION
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.interfaces import Json
from deployer.model import ownership
from deployer.model.container_names import base_name, is_kept
from deployer.model.credentials import credentials_in
from deployer.model.desired import Address, Kind
from deployer.model.files import Written
from deployer.model.kinds import KINDS
from deployer.model.observed import Observed, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume
from deployer.model.secrets import sealed_texts
from deployer.planning.kinds import Live, labelled
from deployer.values import image, yaml_text
from deployer.values.mount import is_anonymous_name

_HERE = Origin("import")
_FIXED: Final[Mapping[str, Any]] = {"ipam": {"driver": "default"}}
"""Networks with fixed addresses must declare their subnets."""
_MOST: Final = 8
"""Paths of files that one note lists."""
_UNREAD: Final = "their content is not read; declare them"
_SHARED: Final = ("network_mode", "ipc", "pid")
"""Fields that name another container, in a live value by its id."""
_PREDEFINED: Final = frozenset(["bridge", "host", "none", "docker_gwbridge", "ingress"])
"""Networks that the engine creates itself."""


class HostPlaybook(Struct, frozen=True):
    """`text` is YAML. `counts`: the number of resources by kind. `variables` maps the variables for secrets to their
    uses; `left_out` lists what could not be declared, and why; `projects` maps other projects to their containers,
    networks and volumes, `container.web`."""

    text: str
    counts: Mapping[Kind, int]
    variables: Mapping[str, str]
    left_out: tuple[str, ...]
    projects: Mapping[str, tuple[str, ...]]


def image_references(container: ObservedContainer, own: ObservedImage | None) -> tuple[str, ...]:
    """Complete references that may be the container's image; the one it was created from first."""
    found = [container.image]
    if own is not None:
        found += sorted(own.references)
        repositories = [image.parse(reference).repository for reference in found if _is_reference(reference)]
        found += [f"{repositories[0]}@{digest}" for digest in sorted(own.digests) if repositories]
    return tuple(dict.fromkeys(reference for reference in found if _is_reference(reference)))


def _is_reference(text: str) -> bool:
    try:
        return bool(image.parse(text).path)
    except ValueError:
        return False


class _Notes(Struct):
    """Notes for the user of the playbook."""

    left_out: list[str] = field(default_factory=list)

    def add(self, label: str, what: str, why: str) -> None:
        self.left_out.append(f"{label} {what}: {why}")


def host_playbook(
    observed: Observed,
    info: Json,
    names: Iterable[str] = (),
    *,
    project: str = "",
    with_secrets: bool = False,
    secrets: Iterable[str] = (),
) -> HostPlaybook:
    """Plays for one host: of the named containers, otherwise of everything the project created, otherwise of everything
    without a project. `observed` has every container read whole, and under `tags` what `image_references` name; `info`
    is the engine's `/info`. `secrets` are left out, besides values that look like credentials and values that were
    secret when applied."""
    wanted = frozenset(names)
    chosen = [found for found in observed.containers if _is_wanted(found, wanted, project)]
    known = {*secrets}
    objects: tuple[ObservedContainer | ObservedNetwork | ObservedVolume, ...] = (
        *chosen,
        *observed.networks,
        *observed.volumes,
    )
    for found in objects:
        known.update(credentials_in(found.values), sealed_texts(found.owner.recorded, found.values))
    writer = _Writer(observed, info, Hidden(shown=with_secrets, known=known))
    projects = {found.owner.project for found in chosen} | (set() if wanted else {project})
    plays = [writer.play(each, chosen, whole=not wanted) for each in sorted(projects)]
    return writer.result(plays, {} if wanted else _passed_over(observed, project))


def _is_wanted(found: ObservedContainer, names: frozenset[str], project: str) -> bool:
    """Containers with a temporary or previous name are skipped."""
    if names:
        return found.name in names and project in ("", found.owner.project)
    return found.owner.project == project and not _is_passing(found)


def _is_passing(found: Live) -> bool:
    return base_name(found.name) != found.name or is_kept(found.name, found.owner.resource)


def _passed_over(observed: Observed, wanted: str) -> dict[str, tuple[str, ...]]:
    """Other projects with their resources, containers and jobs first."""
    found: dict[str, list[str]] = {}
    for kind, each in sorted(labelled(observed), key=lambda one: not one[0].is_container):
        ours = each.owner.managed and each.owner.project != wanted
        if ours and not (kind.is_container and _is_passing(each)):
            found.setdefault(each.owner.project, []).append(f"{kind}.{each.name}")
    return {project: tuple(sorted(found[project])) for project in sorted(found)}


class _Part(Struct, frozen=True):
    """What one play declares. `whole`: also networks and volumes of the project that none of its containers uses."""

    project: str
    containers: tuple[ObservedContainer, ...]
    whole: bool

    def made_as(self, kind: Kind) -> Iterator[ObservedContainer]:
        return (found for found in self.containers if ownership.kind_of(found.owner) is kind)


class _Writer:
    """The plays of one host. Networks and volumes are declared in the first play that uses them."""

    def __init__(self, observed: Observed, info: Json, hidden: Hidden) -> None:
        self._observed = observed
        self._info = info
        self._notes = _Notes()
        self._hidden = hidden
        self._counts: dict[Kind, int] = {}
        self._declared: set[tuple[Kind, str]] = set()
        self._ids = observed.ids
        self._names = {key: name for name, key in self._ids.items()}

    def play(self, project: str, chosen: Iterable[ObservedContainer], *, whole: bool) -> str:
        """The text of one play, "" if it declares nothing. `whole`: with the networks and volumes of the project that
        no container uses."""
        ours = sorted((found for found in chosen if found.owner.project == project), key=lambda found: found.name)
        part = _Part(project, tuple(found for found in ours if self._is_declarable(found)), whole)
        before = len(self._hidden.variables)
        sections = {kind: dict(write(self, part)) for kind, write in _SECTIONS.items()}
        for kind, written in sections.items():
            self._counts[kind] = self._counts.get(kind, 0) + len(written)
        if whole and project in self._observed.manifests:
            self._note_files(self._observed.manifests[project].entries)
        head = {"name": f"Imported from {self._observed.host}", "hosts": self._observed.host}
        head |= {"project": project} if project else {}
        body = {KINDS[kind].section: written for kind, written in sections.items() if written}
        lines = yaml_text.emit([head | body]).split("\n") if body else [""]
        variables = list(self._hidden.variables.items())[before:]
        return "\n".join([*lines[: len(head)], *variable_lines(variables), *lines[len(head) :]])

    def _note_files(self, entries: Mapping[str, Written]) -> None:
        found = [path for path, entry in sorted(entries.items()) if not entry.above]
        names = ", ".join(found[:_MOST]) + (f" and {len(found) - _MOST} more" if len(found) > _MOST else "")
        if found:
            self._notes.add("files", names, _UNREAD)

    def _is_declarable(self, found: ObservedContainer) -> bool:
        """Whether all its networks exist, and no other tool recreates it."""
        label = Address(self._observed.host, Kind.CONTAINER, found.name).label
        service = foreign.swarm_service(found)
        lost = [f"it is a task of the swarm service {service}"] if service else []
        problems = Problems()
        check_name(Kind.CONTAINER, found.name, _HERE, found.name, problems)
        lost += [error.summary for error in problems.errors]
        for name in found.values.get("networks") or {}:
            number = sum(network.name == name for network in self._observed.networks)
            if number != 1:
                lost.append(f"{number} networks are called {name}" if number else f"network {name} no longer exists")
        for name in _SHARED:
            kind, _, key = str(found.values.get(name, "")).partition(":")
            if kind == "container" and key not in self._names and key not in self._ids:
                lost.append(f"the container whose {name} it shares no longer exists")
        for why in lost:
            self._notes.add(label, "as a whole", why)
        return not lost

    def result(self, plays: Iterable[str], projects: Mapping[str, tuple[str, ...]]) -> HostPlaybook:
        count = sum(number for kind, number in self._counts.items() if kind.is_container)
        read = "1 container of {}, as it was" if count == 1 else f"{count} containers of {{}}, as they were"
        lines = [f"{read.format(self._observed.host)} read."]
        if self._notes.left_out:
            lines += ["", "Not in this playbook:"]
            lines += [f"  {note}" for note in self._notes.left_out]
        head = "".join(yaml_text.comment(line) + "\n" for line in lines)
        text = head + ("".join(plays) or "[]\n")
        return HostPlaybook(text, self._counts, self._hidden.variables, tuple(self._notes.left_out), projects)

    def containers(self, part: _Part) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((found.name, self._container(found)) for found in part.made_as(Kind.CONTAINER))

    def jobs(self, part: _Part) -> Iterator[tuple[str, dict[str, Any]]]:
        """The record that each job ran: an exited container is the expected state."""
        for found in part.made_as(Kind.JOB):
            yield found.name, {key: value for key, value in self._container(found).items() if key != "state"}

    def _container(self, found: ObservedContainer) -> dict[str, Any]:
        own = self._observed.images.get(found.image_id)
        label = Address(self._observed.host, Kind.CONTAINER, found.name).label
        live = self._readable(CONTAINER, found.values, label)
        if not (found.owner.managed and found.owner.labelled):
            live["labels"] = self._own_labels(label, live["labels"], own)
        for kind in DELIVERED:
            if live[kind.name]:
                names = ", ".join(sorted({str(entry.get("source")) for entry in live[kind.name].values()}))
                reacts = ", and on_change, which some of them had" if kind.name in found.changing else ""
                self._notes.add(label, f"{kind.name} {names}", f"{_UNREAD}{reacts}")
                live[kind.name] = {}
        view = View({}, live, found.name, found.owner.recorded, own.values if own else {}, self._ids)
        if found.state == "paused":
            self._notes.add(label, "state", "it is paused, and applying resumes it")
        settings = {"image": self._image(found, own, label)} | _state(found) | self._dependencies(found)
        return settings | self._fields(CONTAINER, view, label)

    def _own_labels(self, label: str, labels: Mapping[str, str], own: ObservedImage | None) -> dict[str, str]:
        """Without those of other tools, except those of the image, with its values."""
        given = (own.values.get("labels") if own else None) or {}
        kept, dropped = foreign.split_labels(labels, given)
        families = dict.fromkeys(map(foreign.family, dropped))
        if families:
            self._notes.add(label, "labels", f"{', '.join(families)} belong to another tool")
        return kept

    def _by_name(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Other containers by name instead of id."""
        found = dict(values)
        for name in _SHARED:
            kind, _, key = str(found.get(name, "")).partition(":")
            if kind == "container" and key in self._names:
                found[name] = f"container:{self._names[key]}"
        if "volumes_from" in found:
            parts = (str(text).partition(":") for text in found["volumes_from"])
            found["volumes_from"] = sorted(f"{self._names.get(key, key)}{colon}{mode}" for key, colon, mode in parts)
        return found

    def _image(self, found: ObservedContainer, own: ObservedImage | None, label: str) -> str:
        references = image_references(found, own)
        exact = [reference for reference in references if self._observed.tags.get(reference) == found.image_id]
        chosen = exact[0] if exact else found.image_id if own else found.image
        if chosen != found.image and _is_reference(found.image):
            self._notes.add(label, f"image {image.familiar(found.image)}", "refers to another image now, or to none")
        return chosen if chosen.startswith("sha256:") else image.familiar(chosen)

    def _dependencies(self, found: ObservedContainer) -> dict[str, Any]:
        needed = foreign.depends_on(found, self._observed.containers)
        return {"depends_on": needed} if needed else {}

    def networks(self, part: _Part) -> Iterator[tuple[str, dict[str, Any]]]:
        fixed: dict[str, bool] = {}
        for found in part.containers:
            for name, endpoint in (found.values.get("networks") or {}).items():
                fixed[name] = fixed.get(name, False) or bool(endpoint.keys() & {"ipv4_address", "ipv6_address"})
        if part.whole:
            own = (found.name for found in self._observed.networks if found.owner.project == part.project)
            fixed = dict.fromkeys(own, False) | fixed
        for name in sorted(fixed.keys() - _PREDEFINED):
            live = [network for network in self._observed.networks if network.name == name]
            if len(live) == 1 and self._first_use(Kind.NETWORK, name):
                yield name, self._object(NETWORK, live[0], part.project, _FIXED if fixed[name] else {})

    def volumes(self, part: _Part) -> Iterator[tuple[str, dict[str, Any]]]:
        mounts = [mount for found in part.containers for mount in (found.values.get("volumes") or {}).values()]
        names = {mount["source"] for mount in mounts if mount["type"] == "volume" and mount["source"]}
        if part.whole:
            own = (found.name for found in self._observed.volumes if found.owner.project == part.project)
            names |= {name for name in own if not is_anonymous_name(name)}
        for name in sorted(names):
            live = self._observed.volume(name)
            if live is not None and self._first_use(Kind.VOLUME, name):
                yield name, self._object(VOLUME, live, part.project)

    def _first_use(self, kind: Kind, name: str) -> bool:
        """Also whether a playbook can declare it; an undeclarable name can still be used."""
        if (kind, name) in self._declared:
            return False
        self._declared.add((kind, name))
        return check_name(kind, name, _HERE, name, Problems()) is not None

    def _object(
        self, table: Table, live: ObservedNetwork | ObservedVolume, project: str, usual: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        label = f"{table.kind}.{live.name}"
        if live.owner.managed and live.owner.project != project:
            return {"external": True}
        values = self._readable(table, live.values, label)
        if not live.owner.managed:
            values["labels"], _ = foreign.split_labels(values["labels"], {})
        view = View({}, values, live.name, live.owner.recorded)
        return self._fields(table, view, label, usual)

    def _readable(self, table: Table, live: Mapping[str, Any], label: str) -> dict[str, Any]:
        """A value that the engine reports in an unknown form counts as unset."""
        odd = [row for row in table.fields if live.get(row.name) == f"unreadable {row.name}"]
        for row in odd:
            self._notes.add(label, row.name, "the engine reports it in an unknown form")
        return {row.name: row.zero if row in odd else live.get(row.name, row.zero) for row in table.fields}

    def _fields(self, table: Table, view: View, label: str, usual: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Values as a user would write them; a value that would be read differently is left out."""
        values = self._by_name(minimal_declaration(table, view, self._info, usual))
        spelt = {name: table.row(name).spell(value) for name, value in values.items()}
        written = {name: pairs(value) for name, value in spelt.items()}
        for name, why in list(_violations(table, values, written)):
            self._notes.add(label, name, why)
            written.pop(name, None)
        left = {name: values[name] for name in written}
        for name in sorted(mismatches(table, view, left) & left.keys()):
            self._notes.add(label, name, "cannot be declared without a value that is missing here")
            del written[name]
        return {name: pairs(self._hidden.hide(spelt[name], label, name)) for name in written}


def pairs(value: Any) -> Any:
    """Labels and the like as a list if they have keys that a map ignores."""
    extended = isinstance(value, Mapping) and any(key.startswith(EXTENSION) for key in value)
    if extended and all(isinstance(part, str) for part in value.values()):
        return [f"{key}={part}" for key, part in value.items()]
    return value


_SECTIONS: Final[Mapping[Kind, Callable[[_Writer, _Part], Iterator[tuple[str, dict[str, Any]]]]]] = {
    Kind.NETWORK: _Writer.networks,
    Kind.VOLUME: _Writer.volumes,
    Kind.CONTAINER: _Writer.containers,
    Kind.JOB: _Writer.jobs,
}
"""What each kind writes: names and declarations. Images are declared by the containers created from them."""


def variable_lines(variables: Iterable[tuple[str, str]]) -> list[str]:
    """The variables that a user of the play must set."""
    lines = ["  " + yaml_text.comment(f"  {name}:  # {place}") for name, place in variables]
    head = ["  # Secrets were left out. Set these variables in a vault, with -e, or here:", "  # vars:"]
    return head + lines if lines else []


def _state(found: ObservedContainer) -> dict[str, Any]:
    if found.running:
        return {}
    return {"state": "created" if found.state == "created" else "stopped"}


def _violations(table: Table, values: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(field, why it cannot be declared)."""
    read: dict[str, Any] = {}
    for name, value in written.items():
        problems = Problems()
        found = table.row(name).shape.read(nodes.from_plain(value, _HERE), Reading(problems, name))
        if problems.errors:
            yield name, problems.errors[0].summary
        elif found != values[name]:
            yield name, "it cannot be written in a playbook"
        else:
            read[name] = found
    for rule in table.rules:
        yield from ((name, why) for name, why in rule(dict(read), {}) if name in read)
