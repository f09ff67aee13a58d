"""What is written reads back as the same values, by YAML 1.1 and by this program's own reader."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deployer import nodes
from deployer.config.yaml import load
from deployer.diagnostics import Problems
from deployer.values.yaml_text import Verbatim, comment, emit

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t")),
    st.text("0123456789:.-_ex,#&*!|>'\"%@`{}[] \nyYnNoOfF~=<?", max_size=8),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=12,
)


def read(text: str) -> Any:
    problems = Problems()
    tree = load(text, "it.yml", problems)
    assert [str(found) for found in problems] == []
    assert tree is not None
    return nodes.to_plain(tree)


@given(VALUES)
def test_both_readers_read_back_the_same(value: Any) -> None:
    text = emit({"value": value})
    assert yaml.safe_load(text) == {"value": value}
    assert read(text) == {"value": value}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("redis", "redis"),
        ("redis:7", "redis:7"),
        ("/srv/data", "/srv/data"),
        ("sleep 600", "sleep 600"),
        ("64m", "64m"),
        ("1m30s", "1m30s"),
        ("22:22", '"22:22"'),
        ("8080:80", '"8080:80"'),
        ("on", '"on"'),
        ("Yes", '"Yes"'),
        ("y", '"y"'),
        ("1.10", '"1.10"'),
        ("0777", '"0777"'),
        ("1e3", '"1e3"'),
        ("0o17", '"0o17"'),
        ("null", '"null"'),
        ("~", '"~"'),
        ("", '""'),
        ("{{ name }}", '"{{ name }}"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("ends:", '"ends:"'),
        ("tab\t", '"tab\\t"'),
        ("größer", '"größer"'),
        ("\u202eon", '"\\u202eon"'),
        ("\x1b[2J", '"\\e[2J"'),
        ("a\n\u2066b", '"a\\n\\u2066b"'),
        (True, "true"),
        (None, "null"),
        (10, "10"),
        ([], "[]"),
        ({}, "{}"),
        (["CMD", "a b", "1", "c:d"], '[CMD, a b, "1", "c:d"]'),
        (Verbatim("{{.Name}}"), '!unsafe "{{.Name}}"'),
    ],
)
def test_spelling(value: Any, text: str) -> None:
    assert emit({"key": value}) == f"key: {text}\n"


def test_blocks() -> None:
    value = {"b": {"c": [{"d": 1}, "x"], "a": "one\ntwo\n"}, "a": ["long" * 12, "list" * 12]}
    assert emit(value) == (
        f"b:\n  c:\n    - d: 1\n    - x\n  a: |\n    one\n    two\na:\n  - {'long' * 12}\n  - {'list' * 12}\n"
    )


def test_comments_are_one_line_of_printable_text() -> None:
    assert comment("größer\n- hosts: all\u202e\x1b[2J") == "# größer\\n- hosts: all\\u202e\\x1b[2J"
    assert comment("") == "#"


def test_verbatim_text_is_not_a_template() -> None:
    tree = load(emit({"tag": Verbatim("{{.Name}}")}), "it.yml", Problems())
    assert isinstance(tree, nodes.Mapping)
    tag = tree.get("tag")
    assert isinstance(tag, nodes.Scalar)
    assert (tag.value, tag.verbatim) == ("{{.Name}}", True)
