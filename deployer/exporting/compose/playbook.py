"""Writes a Compose project as a playbook. Names stay as Compose gives them, so what it started is used as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from deployer import nodes
from deployer.config.compose.project import Project
from deployer.diagnostics import Diagnostic, Origin, Problems
from deployer.exporting.compose.files import content_of, names_in
from deployer.exporting.compose.service import Service, names_of, text_of
from deployer.exporting.compose.services import as_pairs, container
from deployer.exporting.hiding import Hidden
from deployer.exporting.playbook import pairs, variable_lines
from deployer.fields import advice
from deployer.fields.container import CONTAINER
from deployer.fields.field import Field
from deployer.fields.network import NETWORK
from deployer.fields.options import Condition
from deployer.fields.reading import Reading
from deployer.fields.table import Declaration, Table, read
from deployer.fields.volume import VOLUME
from deployer.interfaces import Guarded
from deployer.model.credentials import is_sensitive_name
from deployer.model.desired import Kind
from deployer.model.kinds import KINDS
from deployer.nodes import Node, Plain
from deployer.values import yaml_text

_TABLES: Final[Mapping[str, Table]] = {"networks": NETWORK, "volumes": VOLUME}
_OBJECTS: Final[Mapping[str, Kind]] = {"networks": Kind.NETWORK, "volumes": Kind.VOLUME}
_CONTENTS: Final = ("configs", "secrets")
_ONLY_STARTED: Final = ({"condition": "service_started"}, {"condition": "service_started", "required": True})
_ADOPTION: Final = "What Compose started keeps running. --adopt makes its containers this project's."


class ComposePlaybook(Guarded, frozen=True):
    """`text` is YAML. `counts`: how many of each kind are in it. `variables` maps those that stand for secrets to their
    places, `values` to the secrets; `secrets` is the text of a file with them, "" without a file. `left_out`: what is
    not in the playbook."""

    hidden: ClassVar[tuple[str, ...]] = ("secrets", "values")
    text: str
    secrets: str
    values: Mapping[str, str]
    counts: Mapping[Kind, int]
    variables: Mapping[str, str]
    left_out: tuple[Diagnostic, ...]


def compose_playbook(
    project: Project, problems: Problems, *, hosts: str = "all", file: str = "", with_secrets: bool = False
) -> ComposePlaybook:
    """One play for these hosts. `file`: where it will be, "" for nowhere: names of files count from its folder, and
    secrets go into a file beside it. Raises `InputError`."""
    found = Problems()
    writer = _Writer(project, found, Hidden(shown=with_secrets, known=_secrets(project)), str(Path(file).parent))
    containers = dict(writer.containers())
    sections = {section: dict(writer.objects(section)) for section in _TABLES}
    sections |= {section: dict(writer.contents(section)) for section in _CONTENTS} | {"containers": containers}
    for name, (origin, profiles) in project.idle.items():
        hint = f"--profile {profiles[0]} imports it"
        found.warn(origin, "left out: its profile is not enabled", address=f"services.{name}", hint=hint)
    for name, origin in project.provided.items():
        summary = "left out: another program provides this service"
        found.warn(origin, summary, address=f"services.{name}", hint=advice.CONTAINER["provider"])
    if not containers:
        found.warn(Origin(project.files[0]), "no service is enabled, so the playbook is empty", address="services")
    problems.extend(found)
    problems.raise_if_any()
    secrets = secrets_file(file) if file and writer.hidden.variables else ""
    head: dict[str, Any] = {"name": f"Compose project {project.name}", "hosts": hosts, "project": project.name}
    head |= {"vars_files": [Path(secrets).name]} if secrets else {}
    lines = yaml_text.emit([head | {key: value for key, value in sections.items() if value}]).split("\n")
    listed = () if secrets else tuple(variable_lines(writer.hidden.variables.items()))
    text = "\n".join([*_head(project, found.warnings), *lines[: len(head)], *listed, *lines[len(head) :]])
    counts = {kind: len(sections[section]) for section, kind in _OBJECTS.items()}
    counts |= {Kind.CONTAINER: sum(writer.names.replicas.values())}
    values = yaml_text.emit({name: _verbatim(value) for name, value in writer.hidden.values.items()})
    return ComposePlaybook(
        text, values if secrets else "", writer.hidden.values, counts, writer.hidden.variables, found.warnings
    )


def secrets_file(playbook: str) -> str:
    """The file of variables beside a playbook."""
    path = Path(playbook)
    return str(path.with_name(f"{path.stem}.secrets.yml"))


def _verbatim(text: str) -> str:
    return yaml_text.Verbatim(text) if "$" in text or nodes.is_template(text) else text


def _head(project: Project, left_out: tuple[Diagnostic, ...]) -> Iterator[str]:
    files = ", ".join("standard input" if file == "-" else file for file in project.files)
    yield yaml_text.comment(f"Compose project {project.name}, from {files}.")
    yield yaml_text.comment(_ADOPTION)
    if left_out:
        yield "#"
        yield "# Not in this playbook:"
    for found in left_out:
        hint = f"; {found.hint}" if found.hint else ""
        yield yaml_text.comment(
            f"  {found.origin.short}: {found.address}: {found.summary.removeprefix('left out: ')}{hint}"
        )


def _secrets(project: Project) -> set[str]:
    bodies = (body for section in project.sections.values() for body in section.values())
    given = {value for name, value in project.environ.items() if is_sensitive_name(name)}
    given |= {content for name in project.sections["secrets"] if (content := content_of(project, "secrets", name))}
    return given | {text for body in bodies for text in nodes.secret_texts(body)}


class _Writer:
    """`used`: networks and volumes that containers use; Compose creates no others."""

    def __init__(self, project: Project, problems: Problems, hidden: Hidden, folder: str) -> None:
        self._project = project
        self._problems = problems
        self.hidden = hidden
        self._folder = folder
        self.names = names_of(project, problems)
        self._used: dict[str, set[str]] = {section: set() for section in (*_TABLES, *_CONTENTS)}

    def containers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, body in self._project.sections["services"].items():
            count = self.names.replicas[name]
            if not count:
                summary = "left out: it has 0 containers"
                self._problems.warn(body.origin, summary, address=f"services.{name}")
            if count > 1 and body.get("links") is None:
                key = f"{self.names.project}-{name}-{{{{ item }}}}"
                yield from self._container(name, body, key, {"loop": list(range(1, count + 1))})
                continue
            self._check_name(Kind.CONTAINER, body.get("container_name"), f"services.{name}.container_name")
            for number, key in enumerate(self.names.keys(name) or (name,), start=1):
                own = self.names.on_host(name, number)
                named = {} if own == key else {"container_name": own}
                made = self._container(name, body, key, named, number)
                yield from made if count else ()

    def _container(
        self, name: str, body: nodes.Mapping, key: str, named: Mapping[str, Any], number: int = 1
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """One container of a service, or all; `number` is that of the first one. What is wrong is reported once."""
        problems = self._problems if number == 1 else Problems()
        service = Service(name, body, self._project, self.names, problems, self._folder, number)
        node = container(service)
        declaration = read(CONTAINER, node, Reading(problems, f"services.{name}"))
        if declaration is not None:
            self._use(declaration)
            yield key, {**named} | self._written(CONTAINER, node, declaration, f"container.{name}")

    def _use(self, declaration: Declaration) -> None:
        self._used["networks"].update(declaration.values.get("networks") or ())
        mounts = (declaration.values.get("volumes") or {}).values()
        self._used["volumes"].update(mount.get("source", "") for mount in mounts if mount["type"] == "volume")
        for section in _CONTENTS:
            files = declaration.values.get(section) or {}
            self._used[section].update(entry["source"] for entry in files.values())

    def contents(self, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Configs and secrets that are no files."""
        named = {name for body in self._project.sections["services"].values() for name in names_in(body, section)}
        for name, body in self._project.sections[section].items():
            if name not in named:
                summary = f"left out: no service uses this {section.removesuffix('s')}"
                self._problems.warn(body.origin, summary, address=f"{section}.{name}")
        for name in sorted(self._used[section]):
            content = content_of(self._project, section, name)
            yield name, {"content": self.hidden.hide(content, f"{section}.{name}", "content")}

    def objects(self, section: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The networks or volumes."""
        declared = dict(self._project.sections[section])
        if section == "networks":
            declared.setdefault("default", nodes.Mapping((), Origin(self._project.files[0])))
        for key, body in declared.items():
            name = self.names.key_of(key)
            if name in self._used[section]:
                yield name, self._object(section, key, name, body)
            elif key != "default":
                summary = f"left out: no service uses this {_OBJECTS[section]}"
                self._problems.warn(body.origin, summary, address=f"{section}.{key}")

    def _check_name(self, kind: Kind, node: Node | None, address: str) -> None:
        """A name that the play refuses is one that the engine refuses, or that has a meaning of its own."""
        if node is None or not text_of(node):
            return
        naming = KINDS[kind].naming
        try:
            wrong = naming.reserved(naming.parse(text_of(node)))
        except ValueError as error:
            wrong = str(error), naming.hint
        if wrong is not None:
            self._problems.add(nodes.place(node), wrong[0], address=address, hint=wrong[1])

    def _object(self, section: str, key: str, name: str, body: nodes.Mapping) -> dict[str, Any]:
        entries = tuple((word, as_pairs(str(word.value), value)) for word, value in body.entries)
        body = self._as_compose_creates(f"{section}.{key}", replace(body, entries=entries))
        self._check_name(_OBJECTS[section], body.get("name"), f"{section}.{key}.name")
        external = body.get("external")
        exists = external is not None and nodes.to_plain(external) not in (False, "false")
        if exists:
            inside = external.get("name") if isinstance(external, nodes.Mapping) else None
            return {"external": True} | self._other_name(name, key, body.get("name") or inside)
        table = _TABLES[section]
        declaration = read(table, body, Reading(self._problems, f"{section}.{key}"))
        if declaration is None:
            return {}
        usual = f"{self._project.name}_{key}"
        named = self._other_name(name, usual, body.get("name"))
        return named | self._written(table, body, declaration, f"{_OBJECTS[section]}.{key}")

    def _as_compose_creates(self, address: str, body: nodes.Mapping) -> nodes.Mapping:
        ipam = body.get("ipam")
        options = ipam.get("options") if isinstance(ipam, nodes.Mapping) else None
        if not isinstance(ipam, nodes.Mapping) or options is None:
            return body
        hint = "write them in the playbook, which replaces the network"
        summary = "left out: Compose ignores them"
        self._problems.warn(options.origin, summary, address=f"{address}.ipam.options", hint=hint)
        kept = replace(ipam, entries=tuple(entry for entry in ipam.entries if entry[0].value != "options"))
        return replace(body, entries=tuple((word, kept if part is ipam else part) for word, part in body.entries))

    def _other_name(self, key: str, usual: str, named: Node | None) -> dict[str, Any]:
        """Its name on the host, where that is not its key."""
        name = (text_of(named) if named is not None else "") or usual
        return {} if name == key else {"name": name}

    def _written(self, table: Table, node: nodes.Mapping, declaration: Declaration, label: str) -> dict[str, Any]:
        """Settings as they are written, and fields in their usual spelling."""
        settings: dict[str, Any] = {
            entry.name: _settled(nodes.to_plain(value))
            for entry in table.settings
            if entry.name not in ("name", "external") and (value := node.get(entry.name)) is not None
        }
        values = declaration.values
        given = [row for row in table.fields if row.name in values and not _is_implied(row, values[row.name], node)]
        fields = {row.name: row.spell(values[row.name]) for row in given}
        return settings | {name: pairs(self.hidden.hide(value, label, name)) for name, value in fields.items()}


def _is_implied(row: Field, value: Any, node: nodes.Mapping) -> bool:
    """What other keys say: a mode is also the name of a network, and links go to the networks."""
    return bool(value == row.zero) and (node.get(row.name) is None or row.name in ("network_mode", "links"))


def _settled(value: Plain) -> Plain:
    """A map of names without conditions is a list, and a list of one file is a text."""
    if isinstance(value, dict):
        needs: dict[str, Plain] = {
            key: {"condition": str(Condition.STARTED)} if part is None else part for key, part in value.items()
        }
        return list(needs) if all(part in _ONLY_STARTED for part in needs.values()) else needs
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value
