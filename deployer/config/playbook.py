"""Reads playbooks into plays and checks everything that does not depend on a host's variables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from schema import Or

from deployer import nodes
from deployer.config import foreign, reuse, yaml
from deployer.config.files import read_file
from deployer.config.interpolation import check_literal, interpolated, warn_of_literals
from deployer.config.policies import POLICY
from deployer.config.reuse import Shared
from deployer.config.templates.templar import Templates
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.fields.container.files import CONFIGS, SECRETS, definitions
from deployer.fields.leaves import ANYTHING, COUNT, DURATION, FLAG, TEXT, TEXTS, choice
from deployer.fields.reading import INVALID, Reading
from deployer.fields.settings import UPDATE
from deployer.fields.shapes import Entry, Forms, Leaf, ListOf, MapOf, Record, Shape, match_keys, one_or_many
from deployer.fields.table import read
from deployer.model.desired import Kind, OnFailure
from deployer.model.kinds import BY_SECTION, KINDS
from deployer.nodes import has_template


def _batch(text: str) -> int | str:
    """A number may be text: `-e` gives text."""
    number = text.strip().removesuffix("%")
    if not number.isdecimal() or (number != text.strip() and not 1 <= int(number) <= 100):
        raise ValueError(f"'{text}' is not a number of hosts or a percentage such as 30%")
    return text.strip() if number != text.strip() else _hosts_count(int(number))


def _hosts_count(count: int) -> int:
    if count < 1:
        raise ValueError(f"{count} is not a number of hosts")
    return count


def _is_share(number: object) -> bool:
    """A number may be text: `-e` gives text."""
    if isinstance(number, str):
        return number.isdecimal() and int(number) <= 100
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= 100


BATCH: Final = Forms(
    expects="a number of hosts, a percentage, or a list of them",
    scalar=Leaf(
        lambda size: isinstance(size, int | str) and not isinstance(size, bool),
        "a number of hosts or a percentage such as 30%",
        lambda size: _hosts_count(size) if isinstance(size, int) else _batch(size),
        json={"type": ["integer", "string"]},
    ),
)
SERIAL: Final = Forms(expects=BATCH.expects, scalar=BATCH.scalar, sequence=ListOf(BATCH))
PERCENT: Final = Leaf(
    _is_share,
    "a percentage from 0 to 100",
    float,
    json={"type": "number", "minimum": 0, "maximum": 100},
)
ON_FAILURE: Final = choice(*OnFailure)
TAGS: Final = Forms(
    expects="a tag or a list of tags",
    scalar=Leaf(str, "a tag", lambda text: [tag.strip() for tag in text.split(",") if tag.strip()]),
    sequence=ListOf(TEXT),
)
REGISTRIES: Final = MapOf(
    Record(
        (
            Entry(name="username", shape=TEXT, doc="User name.", required=True),
            Entry(name="password", shape=TEXT, doc="Password or token.", required=True),
        )
    )
)

VARS: Final = Forms(
    expects="a map: name: value",
    mapping=MapOf(ANYTHING),
    sequence=ListOf(Forms(expects="a map", mapping=MapOf(ANYTHING))),
)
CONDITION: Final = Leaf(Or(str, bool), "an expression, true or false")
NO_CONDITION: Final = "a condition is an expression, true or false"
NO_LIST: Final = "expected a list to loop over"

PLAY: Final = (
    Entry(name="name", shape=TEXT, doc="Name of the play, shown in output."),
    Entry(
        name="hosts",
        shape=Forms(expects="a host, a group or a pattern", scalar=TEXT, sequence=ListOf(TEXT)),
        doc="Pattern of hosts, as in Ansible: `web:&production`, `all`, `web*`.",
        required=True,
    ),
    Entry(
        name="project",
        shape=TEXT,
        doc="Owner of the resources; default: the playbook's file name without extension.",
    ),
    Entry(
        name="prefix",
        shape=TEXT,
        doc="Prefix of names on the host: of containers, jobs, networks and volumes without a `name` of their own.",
    ),
    Entry(name="vars", shape=VARS, doc="Variables."),
    Entry(
        name="vars_files",
        shape=Forms(
            expects="a file or a list of files",
            scalar=TEXT,
            sequence=ListOf(
                Forms(expects="a file, or several of which the first is read", scalar=TEXT, sequence=TEXTS)
            ),
        ),
        doc="Files of variables, encrypted or plain; of a nested list, the first file that exists.",
    ),
    Entry(name="serial", shape=SERIAL, doc="Batch size: a number of hosts, a percentage, or a list of them."),
    Entry(
        name="max_fail_percentage",
        shape=PERCENT,
        doc="Stop if more than this percentage of a batch failed; default: stop if a whole batch failed.",
    ),
    Entry(name="any_errors_fatal", shape=FLAG, doc="Stop after a batch with any failed host."),
    Entry(
        name="order",
        shape=choice("inventory", "reverse_inventory", "sorted", "reverse_sorted"),
        doc="Order of hosts: inventory (default), reverse_inventory, sorted or reverse_sorted.",
    ),
    Entry(name="pause", shape=DURATION, doc="Pause between two batches."),
    Entry(
        name="on_failure",
        shape=ON_FAILURE,
        doc="What a failure rolls back: the whole host (rollback_host, default), all hosts of the play if the failure "
        "ends it (rollback_all), or only the failed replacement (stop).",
    ),
    Entry(name="keep_previous", shape=COUNT, doc="Default of the containers' `keep_previous`."),
    Entry(name="update", shape=UPDATE, doc="Default of the containers' `update`, key by key."),
    Entry(
        name="prune",
        shape=FLAG,
        doc="Remove resources of the project that no play declares any more; volumes are kept.",
    ),
    Entry(
        name="interpolation",
        shape=choice("compose"),
        doc="compose: `${NAME}` in resources, vars and registries is the caller's environment variable and `$$` a `$`, "
        "as in Compose; without it both are errors in resources and registries.",
    ),
    Entry(name="registries", shape=REGISTRIES, doc="Credentials by registry."),
    Entry(
        name=reuse.POLICY,
        shape=one_or_many(Forms(expects="a policy, or a file", scalar=TEXT, mapping=POLICY), "a policy, or a file"),
        doc="What the resources must comply with: a policy, a file with one, or a list of them.",
    ),
    Entry(
        name=CONFIGS.name,
        shape=definitions(),
        doc="Files for containers, by name: `file`, `content` or `environment`.",
    ),
    Entry(
        name=SECRETS.name,
        shape=definitions(),
        doc="The same for secret files, which are never shown.",
    ),
    Entry(name="tags", shape=TAGS, doc="Tags of everything in the play."),
    Entry(
        name=reuse.INCLUDE,
        shape=one_or_many(TEXT, "a file or a list of files"),
        doc="Files with resources that the play declares too: maps of containers, networks, volumes, ….",
    ),
)
"""Keys of a play besides its sections."""
_SHAPES: Final[Mapping[str, Shape]] = {entry.name: entry.shape for entry in PLAY}

CONTAINER_DEFAULTS: Final = ("keep_previous", "update")
"""Keys of a play that are defaults for its containers."""

META: Final = (
    Entry(
        name="when",
        shape=Forms(expects=CONDITION.expects, scalar=CONDITION, sequence=ListOf(CONDITION)),
        doc="Skip the resource if this expression, or one of a list, is not true.",
    ),
    Entry(
        name="loop",
        shape=Forms(expects="a list, or an expression", scalar=TEXT, sequence=ListOf(ANYTHING)),
        doc="Declare it once for each item, with `item` in templates.",
    ),
    Entry(name="tags", shape=TAGS, doc="Tags, for --tags and --skip-tags."),
)
"""Keys of a resource that resolving removes."""

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
