"""Resolves a play and one host's variables into the host's desired state."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from deployer import nodes
from deployer.config import naming, policies
from deployer.config.contents import ContentSources, contents_of, with_digests
from deployer.config.depending import settle_dependencies
from deployer.config.directories import members
from deployer.config.file_contents import FileSite, FileSources, check_secret, with_source
from deployer.config.image_lock import Pin, pinned
from deployer.config.play_keys import CONTAINER_DEFAULTS, NO_LIST, TAGS
from deployer.config.playbook import Play, check_name, read_key, without_meta
from deployer.config.tag_filter import TagFilter
from deployer.config.templates.templar import Templar
from deployer.config.typed import settings_of
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems
from deployer.fields.reading import INVALID, Reading
from deployer.fields.table import Declaration, read
from deployer.interfaces import Guarded
from deployer.model.credentials import credentials_in
from deployer.model.dependencies import shared_namespaces
from deployer.model.desired import (
    Address,
    AnyResource,
    Desired,
    Kind,
    OnFailure,
    Resource,
    has_settings,
    slot,
)
from deployer.model.kinds import KINDS
from deployer.model.secrets import Sealing
from deployer.model.settings import ContainerSettings, FileSettings, FromImage, RunSettings
from deployer.nodes import Node


class Declared(Struct, frozen=True):
    """A resource as read for one host, with its source. `secrets`: values of its `env_file`s, and values that look like
    credentials. `name`: the declared one."""

    rendered: Node
    defaults: Mapping[str, Any]
    resource: AnyResource
    secrets: frozenset[str]
    name: str = ""

    def is_of(self, rendered: Node, defaults: Mapping[str, Any]) -> bool:
        """Whether the declaration of another host is the same."""
        return nodes.same(self.rendered, rendered) and self.defaults == defaults


class Inputs(Guarded, frozen=True):
    """The inputs of resolving a play that all its hosts share. `read`: resources by kind, name and origin, to reuse for
    hosts with the same declaration. `caller`: the caller's environment; `pins`: of `images.lock`; `files`: what was
    read of files."""

    hidden: ClassVar[tuple[str, ...]] = ("sealing_key", "caller")
    problems: Problems
    vault: VaultSecrets = field(default_factory=VaultSecrets)
    tags: TagFilter = TagFilter()
    project: str = ""
    sealing_key: bytes = b""
    read: dict[tuple[Kind, str, Origin], Declared] = field(default_factory=dict)
    caller: Mapping[str, str] = field(default_factory=lambda: os.environ)
    pins: Mapping[str, Pin] = field(default_factory=dict)
    files: FileSources = field(default_factory=dict)


def resolve(play: Play, host: str, templar: Templar, inputs: Inputs) -> Desired:
    """One play on one host. Errors are reported, and resources with errors left out."""
    work = _Work(play, host, templar, inputs)
    project = work.project
    registries = work.registries()
    resources: dict[tuple[Kind, str], AnyResource] = {}
    for kind, section in play.sections():
        for resource in work.section(kind, section):
            first = resources.setdefault(slot(resource.kind, resource.name), resource)
            if first is not resource:
                _report_twice(first, resource, inputs.problems)
    kinds = list(Kind)
    resources = {key: pinned(resource, inputs.pins) for key, resource in resources.items()}
    policies.check(work.policies(), resources.values(), templar, inputs.problems)
    settled = settle_dependencies(resources.values(), work.containers, inputs.problems)
    found = [work.with_digests(each) for each in naming.renamed(settled, work.names())]
    return Desired(
        host,
        project,
        tuple(sorted(found, key=lambda resource: (kinds.index(resource.kind), resource.name))),
        registries,
        frozenset(work.secrets | templar.secrets),
        contents=work.found,
        prune=work.key("prune") is True,
        on_failure=OnFailure(work.key("on_failure") or OnFailure.ROLLBACK_HOST),
        sealing_key=inputs.sealing_key,
    )


def join_plays(plays: Iterable[Desired], problems: Problems) -> tuple[Desired, ...]:
    """The plays of one host. A resource in two of them is an error. Each play receives the declarations of the
    others."""
    plays = tuple(plays)
    seen: dict[tuple[Kind, str], AnyResource] = {}
    for play in plays:
        for resource in play.resources:
            first = seen.setdefault(slot(resource.kind, resource.name), resource)
            if first is not resource:
                _report_twice(first, resource, problems)
    keys = [(found.kind, found.name) for found in seen.values()]
    images = frozenset(found.image for found in seen.values() if found.image and not found.absent)
    return tuple(
        _with_followers(
            replace(play, elsewhere=frozenset(key for key in keys if play.find(*key) is None), images=images), plays
        )
        for play in plays
    )


def _with_followers(play: Desired, plays: Iterable[Desired]) -> Desired:
    """A container and those that share its namespaces are replaced together, also if another play declares them; the
    secrets of that play are added."""
    same = [other for other in plays if other.project == play.project]
    containers = [found for other in same for found in other.of(ContainerSettings) if not found.absent]
    names, before = {found.name for found in play.containers}, set[str]()
    while names != before:
        before = set(names)
        names |= {found.name for found in containers if not names.isdisjoint(shared_namespaces(found.values))}
    followers = tuple(found for found in containers if found.name in names and play.container(found.name) is None)
    if not followers:
        return play
    contents = {digest: data for other in same for digest, data in other.contents.items()}
    secrets = play.secrets.union(*(other.secrets for other in same))
    return replace(play, followers=followers, secrets=secrets, contents=contents)


def _report_twice(first: AnyResource, second: AnyResource, problems: Problems) -> None:
    kind = f"as a {first.kind} " if first.kind is not second.kind else ""
    problems.add(
        second.origin,
        f"{second.kind} {second.name} is declared twice for one host, first {kind}at {first.origin}",
        address=second.address.label,
    )


class _Work:
    """Resolves one play for one host. Collects secrets, and the names of containers and jobs including those with
    errors."""

    def __init__(self, play: Play, host: str, templar: Templar, inputs: Inputs) -> None:
        self.secrets: set[str] = set()
        self.containers: dict[str, Kind] = {}
        self.found: dict[str, bytes] = {}
        self._declared: dict[tuple[Kind, str], Declared] = {}
        self._play = play
        self._host = host
        self._templar = templar
        self._inputs = inputs
        defaults = {key: self.key(key) for key in CONTAINER_DEFAULTS}
        self._defaults = {key: value for key, value in defaults.items() if value is not None}
        self.project = inputs.project or self._project()
        sources = ContentSources(Path(play.file).parent, inputs.caller, inputs.vault, inputs.problems, templar.reads)
        self._contents = contents_of(play.keys, self.key, sources)
        self._files = FileSite(sources.folder, inputs.vault, inputs.problems, inputs.files)
        self.secrets.update(text for content in self._contents.values() if content for text in content.texts)

    def _project(self) -> str:
        node = self._play.keys.get("project")
        if node is None:
            return self._play.default_project
        rendered = self._render(self._templar, node, "project")
        return str(rendered.value) if isinstance(rendered, nodes.Scalar) else self._play.default_project

    def names(self) -> naming.Names:
        """Names on the host that differ from the key."""
        prefix, found = self.key("prefix") or "", {}
        for (kind, key), declared in self._declared.items():
            name = declared.name or naming.prefixed(declared.resource, prefix)
            address = f"{KINDS[kind].section}.{key}"
            if name != key and check_name(kind, name, declared.resource.origin, address, self._inputs.problems):
                found[kind, key] = name
        return found

    def key(self, name: str) -> Any:
        """The value of a play's key; None if it is missing or invalid."""
        node = self._play.keys.get(name)
        if node is None:
            return None
        rendered = self._render(self._templar, node, name)
        return read_key(name, rendered, self._inputs.problems)

    def registries(self) -> dict[str, tuple[str, str]]:
        """Passwords are always secret."""
        found = self.key("registries") or {}
        self.secrets.update(entry["password"] for entry in found.values())
        return {registry: (entry["username"], entry["password"]) for registry, entry in found.items()}

    def policies(self) -> Iterator[tuple[Node, Mapping[str, Any]]]:
        """As written, and as read; none after an error in them."""
        node, found = self._play.keys.get("policy"), self.key("policy")
        return zip(node.items, found, strict=True) if isinstance(node, nodes.Sequence) and found else iter(())

    def section(self, kind: Kind, section: nodes.Mapping) -> Iterator[AnyResource]:
        play_tags = self._tags(self._play.keys.get("tags"), "", self._templar)
        for name, body in section.entries:
            address = f"{KINDS[kind].section}.{name.value}"
            meta = body if isinstance(body, nodes.Mapping) else nodes.Mapping((), name.origin)
            for templar in self._loop(meta.get("loop"), address):
                if not self._when(meta.get("when"), templar, address):
                    continue
                tags = (*play_tags, *self._tags(meta.get("tags"), address, templar))
                resource = self._resource(kind, name, body, templar)
                if resource is not None:
                    selected = self._inputs.tags.selects(tags)
                    resource = with_source(resource, templar, self._files, self.found)
                    for each in (resource, *members(resource, self._files, self.found)):
                        yield replace(each, selected=selected)

    def _loop(self, node: Node | None, address: str) -> Iterator[Templar]:
        if node is None:
            yield self._templar
            return
        items = self._templar.evaluate(node, self._inputs.problems, f"{address}.loop")
        if isinstance(items, nodes.Sequence):
            for item in items:
                yield self._templar.with_variables({"item": item})
        elif items is not None:
            self._inputs.problems.add(node.origin, NO_LIST, address=f"{address}.loop")

    def _when(self, node: Node | None, templar: Templar, address: str) -> bool:
        return node is None or templar.condition(node, self._inputs.problems, f"{address}.when")

    def _tags(self, node: Node | None, address: str, templar: Templar) -> tuple[str, ...]:
        if node is None:
            return ()
        where = f"{address}.tags" if address else "tags"
        rendered = self._render(templar, node, where)
        tags = TAGS.read(rendered, Reading(self._inputs.problems, where))
        return () if tags is INVALID else tuple(tags)

    def _render(self, templar: Templar, node: Node, address: str, problems: Problems | None = None) -> Node:
        rendered = templar.render(node, self._inputs.problems if problems is None else problems, address)
        self.secrets.update(nodes.secret_texts(rendered))
        return rendered

    def _resource(self, kind: Kind, key: nodes.Scalar, body: Node, templar: Templar) -> AnyResource | None:
        """None after an error. What cannot be rendered is skipped, so that the rest is checked."""
        problems, unrendered = self._inputs.problems, Problems()
        label = f"{KINDS[kind].section}.{key.value}"
        shown = self._render(templar, key, label, unrendered)
        written = str(shown.value) if isinstance(shown, nodes.Scalar) else ""
        address = f"{KINDS[kind].section}.{written}"
        name = None if unrendered.errors else check_name(kind, written, key.origin, address, problems)
        if name is None:
            problems.extend(unrendered)
            return None
        if kind.is_container:
            self.containers.setdefault(name, kind)
        if isinstance(body, nodes.Mapping):
            body = without_meta(body)
        rendered = self._with_caller(self._render(templar, body, address, unrendered), address)
        problems.extend(unrendered)
        if unrendered.errors:
            read(KINDS[kind].table, rendered, Reading(problems, address, static=True))
            return None
        known, place = self._inputs.read, (kind, name, key.origin)
        found = known.get(place)
        if found is None or not found.is_of(rendered, self._defaults):
            declaration = read(KINDS[kind].table, rendered, Reading(problems, address))
            if declaration is None:
                return None
            found = known[place] = self._finish(place, self._with_build(place, declaration), rendered)
        self.secrets |= found.secrets
        self._declared[slot(kind, name)] = found
        return replace(found.resource, address=replace(found.resource.address, host=self._host))

    def with_digests(self, resource: AnyResource) -> AnyResource:
        address, secrets = f"{self.project}/{resource.address.label}", frozenset(self.secrets | self._templar.secrets)
        sealing = Sealing(secrets, self._inputs.sealing_key, address)
        if has_settings(resource, FileSettings):
            return check_secret(resource, self.found, sealing, self._inputs.problems)
        return with_digests(resource, self._contents, sealing, self._inputs.problems, self.found)

    def _with_caller(self, body: Node, address: str) -> Node:
        """Keys of an environment without a value get the caller's."""
        if not isinstance(body, nodes.Mapping) or not any(key in ("environment", "env") for key, _ in body.items()):
            return body
        from deployer.config.variables.env_file import inherited

        caller, problems = self._inputs.caller, self._inputs.problems
        entries = tuple(
            (key, inherited(value, caller, problems, f"{address}.{key.value}"))
            if key.value in ("environment", "env")
            else (key, value)
            for key, value in body.entries
        )
        return nodes.Mapping(entries, body.origin, body.source)

    def _finish(self, place: tuple[Kind, str, Origin], found: Declaration, rendered: Node) -> Declared:
        (kind, name, origin), problems = place, self._inputs.problems
        address = f"{KINDS[kind].section}.{name}"
        values, origins = dict(found.values), dict(found.origins)
        secrets: set[str] = set()
        if found.settings.get("env_file"):
            secrets = self._add_env_files(found.settings["env_file"], values, origins)
        known = {entry.name for entry in KINDS[kind].table.settings}
        defaults = {key: value for key, value in self._defaults.items() if key in known}
        implied = KINDS[kind].naming.settings(name)
        settings = settings_of(kind, {**implied, **_over(defaults, found.settings)})
        if isinstance(settings, RunSettings) and not settings.image and not settings.absent:
            at_image = any(path[0] in ("image", "build") for path in origins)
            if not at_image:
                problems.add(origin, "'image' is missing", address=address, hint=f"every {kind} requires one")
        address_of_it = Address(self._host, kind, name)
        resource = Resource(address_of_it, origin, settings, values, origins, secret_paths=found.secrets)
        built = settings.build.secret_texts if isinstance(settings, FromImage) and settings.build else ()
        hidden = frozenset((*secrets, *built, *credentials_in(values)))
        return Declared(rendered, self._defaults, resource, hidden, naming.declared(found.settings))

    def _with_build(self, place: tuple[Kind, str, Origin], found: Declaration) -> Declaration:
        """The declaration with what its image is built from; a container's image may have no name of its own then.
        Imported here: most plays build nothing."""
        if "build" not in found.settings:
            return found
        from deployer.config.building import Written, with_build

        kind, name, origin = place
        written = Written(found, f"{KINDS[kind].section}.{name}", origin, self._play.file, self._inputs.caller)
        default = f"{self.project}-{name}" if kind.is_container else ""
        return with_build(written, default, self._inputs.problems)

    def _add_env_files(self, files: Any, values: dict[str, Any], origins: dict[tuple[str, ...], Origin]) -> set[str]:
        """Later files override earlier ones, and `environment` overrides all. Returns their secrets."""
        from deployer.config.variables.env_file import Environment, read_env_file

        merged: dict[str, str] = {}
        secrets: set[str] = set()
        declared = values.get("environment") or {}
        for entry in [files] if isinstance(files, str) else files:
            options = {"path": entry} if isinstance(entry, str) else entry
            path = Path(self._play.file).parent / options["path"]
            if not options.get("required", True) and not path.exists():
                continue
            self._templar.reads(str(path))
            raw = options.get("format") == "raw"
            place = origins[("env_file",)]
            problems, vault, below = self._inputs.problems, self._inputs.vault, Environment(self._inputs.caller, merged)
            file = read_env_file(path, place, raw=raw, problems=problems, vault=vault, environment=below)
            merged |= file.values
            origins |= {("environment", key): place for key, place in file.places.items() if key not in declared}
            if file.secret:
                secrets.update(value for value in file.values.values() if value)
        values["environment"] = merged | declared
        return secrets


def _over(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Given values override defaults, in a map key by key."""
    merged = {**defaults, **given}
    for name in defaults.keys() & given.keys():
        if isinstance(defaults[name], Mapping):
            merged[name] = {**defaults[name], **given[name]}
    return merged
