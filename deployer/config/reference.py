"""The reference page of the language. `make docs` writes it to docs/reference.md."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from deployer.config.play_keys import META, PLAY
from deployer.fields import docs
from deployer.model.kinds import BY_SECTION, KINDS, Declarable, named_sections
from deployer.reach.names import entries

_INTRODUCTION = """\
# Reference

Every key of playbooks, and the variables of an inventory that say how a host is reached. This page is made from the
program's own tables by `make docs`; `deployer schema` prints the same as JSON Schema for editors.

A playbook is a list of plays. Any value may be a template, `"{{ variable }}"`, in whole or in part. A key with nothing
or `""` after it counts as not written, but for booleans and whole numbers `""` is an error. Text for a list
is a list of one item. Sizes are written `64m` or `1.5g` (binary units; a bare number is bytes), durations
`1m30s` or `500ms` (a bare number is seconds). Keys have the Compose specification's names; other spellings are listed
as "also". Two spellings of one key are an error, and so is a key that is not on this page.

For each field the page shows the value if it is *not declared*, and what happens if it is *changed*: "in place" without
interruption, "reconnected" by leaving a network and joining it again, "replaced" by a new container."""


def reference() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    yield from _heading("Plays")
    yield from docs.table_of_entries(PLAY)
    yield ""
    for section in BY_SECTION:
        yield f"- `{section}`: [{section}](#{section}) by name"
    yield from _heading("All resources")
    yield f"Keys that {named_sections()} have in common."
    yield ""
    yield from docs.table_of_entries(META)
    for kind in sorted(KINDS, key=lambda kind: not kind.is_container):
        yield from _kind(KINDS[kind])
    yield from _heading("Inventory: reaching a host")
    yield "Variables of hosts and groups. A name that begins with `deployer_` overrides Ansible's names, these override"
    yield "a short one, which counts only [in an inventory itself](inventory.md#connection-variables)."
    yield ""
    yield from docs.table_of_entries(entries())


def _kind(declared: Declarable) -> Iterator[str]:
    table = declared.table
    yield from _heading(declared.section.capitalize())
    yield table.doc
    yield ""
    yield from docs.table_of_entries(table.settings)
    if table.fields_of:
        yield ""
        other = f"[{table.fields_of}s](#{table.fields_of}s)"
        yield f"A {table.kind} also has all fields of {other}; a change of any field runs it again."
        return
    for title, rows in (table.groups or {f"Fields of {declared.section}": table.fields}).items():
        if rows:
            yield ""
            yield f"### {title}"
            yield from docs.fields(table, rows)


def _heading(title: str) -> Iterator[str]:
    yield from ("", f"## {title}", "")


if __name__ == "__main__":
    sys.stdout.write(reference())
