"""Reads playbooks into plays and checks everything that does not depend on a host's variables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer import nodes
from deployer.config import foreign, reuse, yaml
from deployer.config.files import read_file
from deployer.config.interpolation import check_literal, interpolated, warn_of_literals
from deployer.config.play_keys import META, NO_CONDITION, NO_LIST, PLAY, TAGS
from deployer.config.reuse import Shared
from deployer.config.templates.templar import Templates
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.fields.container.files import CONFIGS, SECRETS
from deployer.fields.reading import INVALID, Reading
from deployer.fields.shapes import Shape, match_keys
from deployer.fields.table import read
from deployer.model.desired import Kind
from deployer.model.kinds import BY_SECTION, KINDS
from deployer.nodes import has_template

_SHAPES: Final[Mapping[str, Shape]] = {entry.name: entry.shape for entry in PLAY}

_READ_WITH_VARIABLES: Final = ("hosts", "vars", "vars_files")
"""Keys of a play that are checked where they are used."""


class Play(Struct, frozen=True):
    """One play, not yet rendered. `file`: as given by the user."""

    file: str
    origin: Origin
    keys: dict[str, nodes.Node]

    @property
    def name(self) -> str:
        node = self.keys.get("name")
        return str(node.value) if isinstance(node, nodes.Scalar) else f"{Path(self.file).name}:{self.origin.line}"

    @property
    def default_project(self) -> str:
        return Path(self.file).stem

    def sections(self) -> Iterator[tuple[Kind, nodes.Mapping]]:
        for section, kind in BY_SECTION.items():
            node = self.keys.get(section)
            if isinstance(node, nodes.Mapping):
                yield kind, node


def load_playbooks(
    paths: Sequence[str], problems: Problems, vault: VaultSecrets, policies: tuple[str, ...] = ()
) -> tuple[Play, ...]:
    """All plays of all files, in order. Reports errors that do not depend on variables. `policies`: files that apply to
    all plays."""
    shared = Shared(problems, vault, policies)
    plays = [play for path in paths for play in _load_file(path, shared)]
    templates = Templates()
    for play in plays:
        _check(play, templates, problems)
    return tuple(plays)


def _load_file(path: str, shared: Shared, importing: tuple[str, ...] = ()) -> Iterator[Play]:
    problems, vault = shared.problems, shared.vault
    try:
        content = read_file(path)
    except OSError as error:
        problems.add(Origin(path), f"cannot be read: {error.strerror}", hint="name a playbook file")
        return
    summary, hint = foreign.not_yaml(content)
    if summary:
        problems.add(Origin(path, 1, 1), summary, hint=hint)
        return
    tree = yaml.load(content, path, problems, vault)
    if tree is None or (isinstance(tree, nodes.Scalar) and tree.value is None):
        if not problems.errors:
            problems.add(Origin(path), "has no plays", hint="a playbook is a list of plays")
        return
    if not isinstance(tree, nodes.Sequence):
        summary, hint = foreign.not_plays(tree)
        problems.add(tree.origin, summary, hint=hint)
        return
    for item in tree.items:
        if isinstance(item, nodes.Mapping):
            if foreign.is_task(item):
                problems.add(item.origin, "is an Ansible task, not a play", hint=foreign.TASKS)
                return
            if item.get(reuse.IMPORT) is not None:
                yield from _imported(item, path, shared, importing)
                continue
            at = Reading(problems, "play")
            keys = match_keys(item, {key: key for key in (*_SHAPES, *BY_SECTION)}, at, foreign.ADVICE)
            yield Play(path, item.origin, dict(_interpolated(shared.complete(keys, path), problems)))
        else:
            problems.add(item.origin, "a play is a map with at least 'hosts'")


def _imported(item: nodes.Mapping, path: str, shared: Shared, importing: tuple[str, ...]) -> Iterator[Play]:
    found = shared.imported(item, path)
    if found is None or reuse.looped(found[0], (*importing, path), item.origin, shared.problems):
        return
    file, outer = found
    for play in _load_file(file, shared, (*importing, path)):
        yield replace(play, keys=reuse.with_imported(play.keys, outer))


def _interpolated(keys: dict[str, nodes.Node], problems: Problems) -> Iterator[tuple[str, nodes.Node]]:
    """The play's keys, with Compose's variables replaced if the play enables that."""
    chosen = keys.get("interpolation")
    for key, node in keys.items():
        if key not in (*BY_SECTION, "registries", "vars", CONFIGS.name, SECRETS.name) or not isinstance(
            node, nodes.Mapping | nodes.Sequence
        ):
            yield key, node
        elif isinstance(chosen, nodes.Scalar) and chosen.value == "compose":
            yield key, interpolated(node, os.environ, problems, key)
        elif key in (CONFIGS.name, SECRETS.name):
            yield key, node
        elif key == "vars" or not isinstance(node, nodes.Mapping):
            warn_of_literals(node, problems)
            yield key, node
        else:
            for name, body in node.entries:
                check_literal(body, problems, f"{key}.{name.value}")
            yield key, node


def read_key(name: str, rendered: nodes.Node, problems: Problems, *, static: bool = False) -> Any:
    """The value of a play's key; None after an error."""
    found = _SHAPES[name].read(rendered, Reading(problems, name, static=static))
    return None if found is INVALID else found


def _check(play: Play, templates: Templates, problems: Problems) -> None:
    """Checks everything that does not depend on variables: keys, forms, plain values, template syntax."""
    if "hosts" not in play.keys:
        problems.add(play.origin, "'hosts' is missing", address="play", hint="name a host, a group or a pattern")
    for key, node in play.keys.items():
        if key in _SHAPES and key not in _READ_WITH_VARIABLES:
            read_key(key, node, problems, static=True)
        templates.check(node, problems, key)
    for section, kind in BY_SECTION.items():
        if section in play.keys:
            _check_section(section, kind, play.keys[section], problems)
    for kind, resources in play.sections():
        for name, body in resources.entries:
            if isinstance(body, nodes.Mapping):
                _check_expressions(body, templates, f"{KINDS[kind].section}.{name.value}", problems)


def _check_section(section: str, kind: Kind, node: nodes.Node, problems: Problems) -> None:
    if not isinstance(node, nodes.Mapping):
        hint = "write each as 'name:' with its keys below"
        problems.add(node.origin, f"{section} is a map of names", address=section, hint=hint)
        return
    for name, body in node.entries:
        address = f"{section}.{name.value}"
        if isinstance(body, nodes.Mapping):
            _check_meta(body, Reading(problems, address, static=True))
            body = without_meta(body)
        read(KINDS[kind].table, body, Reading(problems, address, static=True))
        if not has_template(name):
            check_name(kind, str(name.value), name.origin, address, problems)


def _check_expressions(body: nodes.Mapping, templates: Templates, address: str, problems: Problems) -> None:
    """`when`, and a `loop` written as text, are expressions without braces."""
    when, loop = body.get("when"), body.get("loop")
    for condition in when.items if isinstance(when, nodes.Sequence) else (when,):
        if condition is not None and not has_template(condition):
            templates.check_expression(condition, problems, f"{address}.when")
    if isinstance(loop, nodes.Scalar) and not has_template(loop):
        templates.check_expression(loop, problems, f"{address}.loop")


def _check_meta(body: nodes.Mapping, at: Reading) -> None:
    """The message is the same as when it is resolved, so that an error is reported once."""
    when, loop, tags = (body.get(key) for key in ("when", "loop", "tags"))
    for condition in when.items if isinstance(when, nodes.Sequence) else (when,):
        if condition is not None and not _is_condition(condition):
            at.child("when").wrong(condition, NO_CONDITION)
    if isinstance(loop, nodes.Mapping) or (isinstance(loop, nodes.Scalar) and not isinstance(loop.value, str)):
        at.child("loop").wrong(loop, NO_LIST)
    if tags is not None:
        TAGS.read(tags, at.child("tags"))


def _is_condition(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Scalar) and isinstance(node.value, str | bool)


def without_meta(body: nodes.Mapping) -> nodes.Mapping:
    """The resource without the keys that resolving removes."""
    used_up = {entry.name for entry in META}
    entries = tuple(entry for entry in body.entries if str(entry[0].value) not in used_up)
    return nodes.Mapping(entries, body.origin, body.source)


def check_name(kind: Kind, name: str, origin: Origin, address: str, problems: Problems) -> str | None:
    """The name in addresses; None after reporting an invalid or reserved name."""
    rule = KINDS[kind].naming
    if reserved := rule.reserved(name):
        problems.add(origin, f"'{name}' {reserved[0]}", address=address, hint=reserved[1])
        return None
    try:
        return rule.parse(name)
    except ValueError as error:
        problems.add(origin, str(error), address=address, hint=rule.hint)
        return None


def check_tags(wanted: Iterable[str], plays: Iterable[Play], problems: Problems, option: str = "--tags") -> None:
    """A tag without a resource is a typing error, unless templates generate tags."""
    known = {"all", "always", "never", "tagged", "untagged"}
    for play in plays:
        for node in _tag_nodes(play):
            if has_template(node):
                return
            tags = TAGS.read(node, Reading(Problems(), "tags", static=True))
            known.update(() if tags is INVALID else tags)
    for tag in wanted:
        if tag not in known:
            problems.add(Origin(option), f"no resource has the tag '{tag}'", hint=did_you_mean(tag, known))


def _tag_nodes(play: Play) -> Iterator[nodes.Node]:
    if "tags" in play.keys:
        yield play.keys["tags"]
    for _, section in play.sections():
        for _, body in section.entries:
            tags = body.get("tags") if isinstance(body, nodes.Mapping) else None
            if tags is not None:
                yield tags
