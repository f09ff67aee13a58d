"""Declarations as a playbook would give them, without the playbook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deployer import nodes
from deployer.config.yaml import load
from deployer.diagnostics import Origin, Problems
from deployer.fields.container import CONTAINER
from deployer.fields.field import View
from deployer.fields.reading import Reading
from deployer.fields.table import Declaration, Table, read
from deployer.nodes import Node

HERE = Origin("play.yml", 1, 1)


def try_declare(table: Table, written: Mapping[str, Any] | Node) -> tuple[Declaration | None, Problems]:
    """What is read from a resource, plain or as a tree, and every error found in it."""
    problems = Problems()
    node = load(json.dumps(written), "play.yml", problems) if isinstance(written, dict) else written
    assert isinstance(node, nodes.Scalar | nodes.Sequence | nodes.Mapping)
    return read(table, node, Reading(problems, f"{table.kind}s.it")), problems


def declare(table: Table, written: Mapping[str, Any] | Node) -> Declaration:
    declaration, problems = try_declare(table, written)
    assert declaration is not None
    assert [str(found) for found in problems.errors] == []
    return declaration


def errors_of(table: Table, written: Mapping[str, Any] | Node) -> list[str]:
    """As a user sees them, without the place."""
    _, problems = try_declare(table, written)
    return [str(found).removeprefix(f"{found.origin}: ") for found in problems]


def values_of(inspect: Mapping[str, Any], table: Table = CONTAINER) -> dict[str, Any]:
    """Live values, read as `engine.observe` reads them."""
    return {row.name: row.access.read(inspect) for row in table.fields}


def expected(table: Table, name: str, view: View) -> Any:
    row = table.row(name)
    return row.expect(row, view)
