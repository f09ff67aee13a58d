"""The reference of the tables as Markdown, generated from their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.fields.field import Field
from deployer.fields.shapes import Constant, Entry, Forms, Keyed, Leaf, ListOf, MapOf, Record, Shape, Then
from deployer.fields.table import Table
from deployer.values import yaml_text


def table_of_entries(entries: Iterable[Entry]) -> Iterator[str]:
    """A table of keys with their meanings, each followed by its nested keys."""
    rows: list[tuple[str, str, str]] = []
    for entry in entries:
        rows += [(_names(entry.name, entry.aliases), form(entry.shape), entry.doc), *_below(entry.name, entry.shape)]
    yield from _table(("key", "written as", "meaning"), rows)


def form(shape: Shape) -> str:
    """The accepted forms, in a few words."""
    match shape:
        case Leaf(expects=expects) | Forms(expects=expects):
            return expects
        case ListOf(item=item) | Keyed(item=item):
            return f"a list, each item {form(item)}"
        case MapOf(value=value):
            return f"a map, each value {form(value)}"
        case Record():
            return "a map with the keys below"
        case Then(shape=inner):
            return form(inner)
        case Constant():
            return "nothing"
        case _:
            return "anything"


def _below(path: str, shape: Shape) -> Iterator[tuple[str, str, str]]:
    """(key, form, meaning) of every nested key: `config[].subnet`, `NAME.aliases`."""
    match shape:
        case Record(entries=entries):
            for entry in entries:
                inner = f"{path}.{entry.name}".lstrip(".")
                yield _names(inner, entry.aliases), form(entry.shape), entry.doc
                yield from _below(inner, entry.shape)
        case ListOf(item=item) | Keyed(item=item):
            yield from _below(f"{path}[]", item)
        case MapOf(value=value):
            yield from _below(f"{path}.NAME", value)
        case Forms(sequence=sequence, mapping=mapping):
            for part in (mapping, sequence):
                yield from _below(path, part) if part is not None else ()
        case Then(shape=inner):
            yield from _below(path, inner)
        case _:
            return


def fields(table: Table, rows: Iterable[Field]) -> Iterator[str]:
    for row in rows:
        yield from _field(table, row)


def _field(table: Table, row: Field) -> Iterator[str]:
    yield ""
    yield f"#### {row.name}"
    yield ""
    yield row.doc
    yield ""
    yield from _facts(table, row)
    yield ""
    keys = list(_below(row.name, row.shape))
    if keys:
        yield from _table(("key", "written as", "meaning"), keys)
        yield ""
    yield "```yaml"
    yield yaml_text.emit({row.name: row.example}).rstrip("\n")
    yield "```"


def _facts(table: Table, row: Field) -> Iterator[str]:
    flat = [name for name, (field, _) in table.nested.items() if field == row.name]
    flat += [name for name, field in table.appended.items() if field == row.name]
    also = [f"`{name}`" for name in (*row.aliases, *flat)]
    if also:
        yield f"- also: {', '.join(also)}"
    yield f"- written as: {form(row.shape)}"
    zero = "nothing" if row.zero in ("", None, [], {}) else row.show((row.name,), row.zero)
    yield f"- not declared: {row.expect.unset.format(zero=zero)}"
    if not table.changes_alike:
        yield f"- changed: {row.change.words}"
    if row.since:
        yield f"- needs: Docker API {row.since}"


def _names(name: str, aliases: Iterable[str]) -> str:
    return ", ".join(f"`{spelling}`" for spelling in (name, *aliases))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        cells = (cell.replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
