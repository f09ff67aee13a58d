"""Compares a declaration with a live object, field by field, and determines what each difference requires."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.field import DEFAULT, Change, Field, View
from deployer.fields.table import Table
from deployer.model.credentials import is_credential
from deployer.model.desired import AnyResource
from deployer.model.plan import FieldDiff
from deployer.model.secrets import MASK, holds_sealed, holds_secret, is_sealed, redact, redacted
from deployer.values import image

_MISSING = object()
_TOLD_LABELS = ("org.opencontainers.image.revision", "org.opencontainers.image.version")


class Comparison(Struct, frozen=True):
    """One resource and one live object. `strict`: undeclared fields are compared too (for managed objects); otherwise
    only declared ones. `labels`: undeclared labels are compared too; otherwise only those that are or were declared.
    `leaving`: a value that a new object would get from the daemon's default counts as a difference too."""

    table: Table
    resource: AnyResource
    view: View
    secrets: frozenset[str]
    strict: bool = True
    labels: bool = True
    leaving: bool = False


def diff(comparison: Comparison) -> tuple[FieldDiff, ...]:
    """In the order of the table, keys of maps sorted."""
    found: list[FieldDiff] = []
    for row in rows_to_compare(comparison):
        expected = (row.of_new if comparison.leaving else partial(row.expect, row))(comparison.view)
        live = comparison.view.live.get(row.name, row.zero)
        if row.name == "labels" and not (comparison.strict and comparison.labels):
            known = {*expected, *(comparison.view.recorded.get("labels") or ())}
            live = {key: value for key, value in live.items() if key in known}
        for path, new, old in differences(row, expected, live):
            if not is_ignored(path, comparison.resource.settings.ignore_changes):
                found.append(_field_diff(comparison, row, path, old, new))
    return tuple(found)


def declared_fields(table: Table, resource: AnyResource, secrets: frozenset[str]) -> tuple[FieldDiff, ...]:
    """What is declared of a new object, the image first, as differences from nothing."""
    written = Comparison(table, resource, View(resource.values, {}, resource.name), secrets, strict=False)
    found = [replace(each, old="") for each in diff(written) if each.new and each.origin is not None]
    if resource.image:
        shown, place = image.familiar(resource.image), resource.place(("image",))
        found.insert(0, FieldDiff(("image",), "", shown, Change.REPLACE, place))
    return tuple(found)


def rows_to_compare(comparison: Comparison) -> list[Field]:
    """Rows that may differ. The others were never declared, are not set by the image, and have their unset value."""
    view, fields = comparison.view, comparison.table.fields
    declared, recorded, live, image = view.declared, view.recorded, view.live, view.image
    if not comparison.strict:
        return [row for row in fields if row.name in declared]
    return [
        row
        for row in fields
        if (name := row.name) in declared
        or name in recorded
        or live.get(name) != (zero := row.zero)
        or image.get(name, zero) != zero
        or row.expect.fills
    ]


def differences(row: Field, expected: Any, live: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """(path, expected, live) of every part that differs, down to the row's depth."""

    def walk(path: tuple[str, ...], new: Any, old: Any) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
        deeper = len(path) <= row.depth and isinstance(new, Mapping) and isinstance(old, Mapping)
        if not deeper:
            if not row.same(new, old):
                yield path, new, old
            return
        for key in sorted({*new, *old}):
            below = (*path, key)
            if key in new and key in old:
                yield from walk(below, new[key], old[key])
            else:
                yield below, new.get(key, _MISSING), old.get(key, _MISSING)

    return walk((row.name,), expected, live)


def image_diffs(old: Mapping[str, Any], new: Mapping[str, Any], secrets: frozenset[str]) -> Iterator[FieldDiff]:
    """What an image sets differently than another one; of its labels, version and revision."""
    for row in CONTAINER.fields:
        for path, now, before in differences(row, new.get(row.name, row.zero), old.get(row.name, row.zero)):
            if row.name != "labels" or path[-1] in _TOLD_LABELS:
                hidden = any(is_credential(each, path[-1]) for each in (before, now))
                was, is_now = (_text(row, path, each, hidden=hidden, secrets=secrets) for each in (before, now))
                name = path if row.name != "labels" else (path[-1].rpartition(".")[2],)
                yield FieldDiff(name, was, is_now, Change.UPDATE, sensitive=hidden)


def is_ignored(path: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    name = ".".join(path)
    return any(name == pattern or name.startswith(f"{pattern}.") for pattern in patterns)


def _field_diff(comparison: Comparison, row: Field, path: tuple[str, ...], old: Any, new: Any) -> FieldDiff:
    declared = _at(comparison.view.declared, path) is not _MISSING
    recorded = _recorded_at(comparison.view.recorded, path)
    secrets = comparison.secrets
    hidden = _is_secret_path(comparison, path) or any(is_credential(each, path[-1]) for each in (old, new))
    sensitive = (
        hidden or holds_secret([old, new], secrets) or holds_sealed(recorded) or _may_be_secret(comparison, path)
    )
    effect = row.change(path, None if old is _MISSING else old, None if new is _MISSING else new)
    return FieldDiff(
        path=path if path[0] == "networks" else tuple(redact(part, secrets) for part in path),
        old=_text(row, path, old, hidden=sensitive, secrets=secrets),
        new=_text(row, path, new, hidden=hidden, secrets=secrets),
        effect=effect,
        origin=comparison.resource.place(path) if declared else None,
        source="" if declared else _source(comparison, row, path, recorded),
        sensitive=sensitive,
    )


def _is_secret_path(comparison: Comparison, path: tuple[str, ...]) -> bool:
    secret = comparison.resource.secret_paths
    return any(path[: len(each)] == each or each[: len(path)] == path for each in secret)


def _may_be_secret(comparison: Comparison, path: tuple[str, ...]) -> bool:
    """Whether a managed variable may have been secret when it was applied: its record cannot be read."""
    ours = comparison.strict and comparison.labels and not comparison.leaving
    return path[0] == "environment" and ours and not comparison.view.recorded


def _text(row: Field, path: tuple[str, ...], value: Any, *, hidden: bool, secrets: frozenset[str]) -> str:
    if value is _MISSING:
        return ""
    if value is DEFAULT:
        return "the default"
    shown = MASK if hidden else redacted(value, secrets)
    return MASK if shown == MASK else redact(row.show(path, shown), secrets)


def _source(comparison: Comparison, row: Field, path: tuple[str, ...], recorded: Any) -> str:
    if recorded is not _MISSING:
        return "no longer declared"
    inherited = _at(comparison.view.image, path)
    return "image default" if inherited is not _MISSING and inherited != row.zero else "not declared"


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = values
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return _MISSING
        found = found[key]
    return found


def _recorded_at(recorded: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The recorded value at a path, or the digest of a value that contains it."""
    found = next((part for end in range(1, len(path)) if is_sealed(part := _at(recorded, path[:end]))), None)
    return _at(recorded, path) if found is None else found
