"""YAML texts become trees with places; errors become diagnostics with line and column."""

from __future__ import annotations

import json

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from deployer.config.vault import VaultSecret, VaultSecrets, encrypt
from deployer.config.yaml import load, load_json, scalar_value
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Scalar, is_secret, to_plain
from tests.config.helpers import SENTINEL, messages, scalars, tree

SECRET = VaultSecret("default", b"hunter2")
OTHER = VaultSecret("default", b"other")


def inline(plain: str, indent: str = "  ") -> str:
    """A vaulted value as it stands behind `key: !vault |`."""
    return "!vault |\n" + "".join(f"{indent}{line}\n" for line in encrypt(plain, SECRET).splitlines())


def reported(text: str | bytes, vault: VaultSecrets | None = None) -> list[str]:
    problems = Problems()
    load(text, "f.yml", problems, vault)
    return messages(problems)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("on", "on"),
        ("NO", "NO"),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-7", -7),
        ("+7", "+7"),
        ("-0", "-0"),
        ("0777", "0777"),
        ("0x1f", "0x1f"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("22:22", "22:22"),
        ("1:30.5", "1:30.5"),
        ("1.5", 1.5),
        ("1.0", 1.0),
        ("3.10", "3.10"),
        ("1.", "1."),
        (".5", ".5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("0.1", 0.1),
        ("10000000000000000000000.5", "10000000000000000000000.5"),
        ("9" * 50, "9" * 50),
        ("2024-01-02", "2024-01-02"),
        ("=", "="),
        ("1.4.2", "1.4.2"),
    ],
)
def test_a_plain_scalar_is_only_what_reads_back_as_written(written: str, value: object) -> None:
    made = to_plain(tree(f"key: {written}"))
    assert made == {"key": value}
    assert type(scalar_value(written)) is type(value)


@pytest.mark.parametrize("written", ["'12'", '"true"', "!!str 12", "|-\n  12", ">-\n  12"])
def test_quoted_tagged_and_block_text_stays_text(written: str) -> None:
    assert to_plain(tree(f"key: {written}")) in ({"key": "12"}, {"key": "true"})


@pytest.mark.parametrize(
    ("written", "value"), [("!!int '5'", 5), ("!!float 3.10", 3.1), ("!!bool 'true'", True), ("!!null ''", None)]
)
def test_core_tags_force_a_type(written: str, value: object) -> None:
    assert to_plain(tree(f"key: {written}")) == {"key": value}


def test_places_are_lines_and_columns_from_one() -> None:
    node = tree("a:\n  - x\n  - k: v\n")
    assert [(found.value, found.origin) for found in scalars(node)] == [
        ("x", Origin("site.yml", 2, 5)),
        ("v", Origin("site.yml", 3, 8)),
    ]
    assert isinstance(node, Mapping)
    assert node.keys()[0].origin == Origin("site.yml", 1, 1)


def test_an_empty_document_is_null() -> None:
    assert tree("") == Scalar(None, Origin("site.yml", 1, 1))
    assert to_plain(tree("# nothing\n---\n")) is None


def test_text_that_is_in_no_file_has_one_place() -> None:
    place = Origin("--extra-vars")
    node = load("{a: [1, 2]}", "x", Problems(), at=place)
    assert node is not None
    assert {found.origin for found in scalars(node)} == {place}


def test_merge_keys_add_missing_keys() -> None:
    text = """
base: &base {image: web, restart: always}
more: &more {restart: never, tty: true}
one: {<<: *base, image: api}
many: {<<: [*base, *more], init: true}
chain: {<<: {<<: *base, tty: false}}
"""
    made = to_plain(tree(text))
    assert isinstance(made, dict)
    assert made["one"] == {"image": "api", "restart": "always"}
    assert made["many"] == {"image": "web", "restart": "always", "tty": True, "init": True}
    assert made["chain"] == {"image": "web", "restart": "always", "tty": False}


def test_a_quoted_merge_key_is_an_ordinary_key() -> None:
    assert to_plain(tree("'<<': x")) == {"<<": "x"}


def test_keys_become_text_as_written() -> None:
    assert to_plain(tree("80: a\ntrue: b\n3.10: c\n0x1: d")) == {"80": "a", "true": "b", "3.10": "c", "0x1": "d"}


def test_an_alias_is_the_value_at_its_anchor() -> None:
    node = tree("a: &x [1]\nb: *x")
    assert isinstance(node, Mapping)
    assert node.get("a") is node.get("b")


def test_unsafe_text_is_marked_down_to_its_leaves() -> None:
    node = tree("a: !unsafe '{{ x }}'\nb: !unsafe {k: ['{{ y }}']}\nc: '{{ z }}'")
    assert [found.verbatim for found in scalars(node)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "f.yml:3:1: the key 'a' is written twice; first at f.yml:1:1"),
        ("1: x\n'1': y", "f.yml:2:1: the key '1' is written twice; first at f.yml:1:1"),
        ("a: {{ x }}", 'f.yml:1:4: unquoted {{ … }} is read as a mapping; quote it: "{{ x }}"'),
        (
            "- {{ x | default('a') }}",
            "f.yml:1:3: unquoted {{ … }} is read as a mapping; quote it: \"{{ x | default('a') }}\"",
        ),
        (
            "a: {{ x }}/web",
            "f.yml:1:11: not valid YAML: did not find expected key while parsing a block mapping that begins at 1:1; "
            'quote values that begin with {{: key: "{{ name }}"',
        ),
        (
            "a: b: c",
            "f.yml:1:5: not valid YAML: mapping values are not allowed in this context; "
            "quote text that contains ': ', and check the indentation",
        ),
        (
            "a:\n\tb: 1",
            "f.yml:2:1: not valid YAML: found character that cannot start any token while scanning for the next token; "
            "indent with spaces, not tabs",
        ),
        ("a: 1\n---\nb: 2", "f.yml:2:1: a second YAML document begins here; a file must contain one document"),
        ("a: *b", "f.yml:1:4: not valid YAML: found undefined alias"),
        ("a: &b 1\nc: &b 2", "f.yml:2:4: this anchor is already defined on line 1"),
        ("ab: \x01", "f.yml:1:5: control characters are not allowed"),
        (
            "a: !reset []",
            "f.yml:1:4: the tag !reset cannot be used here; it is only for merging Compose files; "
            "write the value itself",
        ),
        (
            "a: !override {b: 1}",
            "f.yml:1:4: the tag !override cannot be used here; it is only for merging Compose files; "
            "write the value itself",
        ),
        ("a: !secret x", "f.yml:1:4: the tag !secret cannot be used here; supported tags: !vault, !unsafe"),
        (
            "a: !!python/object:os.system x",
            "f.yml:1:4: the tag !!python/object:os.system cannot be used here; supported tags: !vault, !unsafe",
        ),
        ("a: !vault [x]", "f.yml:1:4: the tag !vault cannot be used here; only text can be encrypted"),
        ("a: !!int x", "f.yml:1:4: 'x' does not match its tag !!int"),
        ("a: !!float x", "f.yml:1:4: 'x' does not match its tag !!float"),
        ("~: 1", "f.yml:1:1: a key must be text, not null; quote it: '~'"),
        ("?\n: 1", "f.yml:1:2: a key must be text, not null; write a key before the colon"),
        ("[a, b]: 1", "f.yml:1:1: a key must be text, not a list or a mapping"),
        ("a: {<<: 1}", "f.yml:1:9: << merges a mapping or a list of mappings"),
        ("a: &x [*x]", "f.yml:1:4: an alias inside its own anchor would make an infinite value"),
        ("a: " + "[" * 150 + "]" * 150, "f.yml:1:104: nested deeper than 100 levels"),
    ],
)
def test_errors_name_their_place(text: str, expected: str) -> None:
    assert reported(text) == [expected]


def test_ten_errors_are_reported_together() -> None:
    text = """\
name: shop
name: again
tags: !reset [a]
~: x
image: {{ tag }}
other: {{ a }}
vars: {x: 1, x: 2}
env: !secret 1
key: !vault nonsense
[1]: 2
deep: {a: {b: {b: 1, b: 2}}}
"""
    assert [message.split(": ")[0] for message in reported(text)] == [
        "f.yml:2:1",
        "f.yml:3:7",
        "f.yml:4:1",
        "f.yml:5:8",
        "f.yml:6:8",
        "f.yml:7:14",
        "f.yml:8:6",
        "f.yml:9:6",
        "f.yml:10:1",
        "f.yml:11:22",
    ]


def test_text_that_is_not_utf8_names_its_line() -> None:
    assert reported(b"a: 1\nb: \xff\n") == ["f.yml:2:1: the file is not UTF-8 text"]


def test_a_byte_order_mark_is_ignored() -> None:
    assert to_plain(load("\ufeffa: 1".encode(), "f.yml", Problems()) or tree("")) == {"a": 1}


def test_an_alias_bomb_is_refused_without_being_expanded() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert reported("\n".join(lines)) == ["f.yml:1:1: aliases expand this document to more than 1,000,000 values"]


def test_a_bomb_of_merges_is_refused_without_being_expanded() -> None:
    lines = ["m0: &m0 {x: [a, b, c, d, e, f, g, h]}"]
    lines += [
        f"m{n}: &m{n} {{a: {{<<: *m{n - 1}}}, b: {{<<: *m{n - 1}}}, c: *m{n - 1}, d: *m{n - 1}}}" for n in range(1, 20)
    ]
    assert reported("\n".join(lines)) == ["f.yml:1:1: aliases expand this document to more than 1,000,000 values"]


def test_nesting_deeper_than_any_parser_is_an_error_too() -> None:
    assert reported("[" * 5000)[0].startswith("f.yml:1:1001: not valid YAML: exceeded maximum nesting depth")


def test_a_vaulted_value_is_secret_text() -> None:
    problems = Problems()
    node = load(f"a: {inline(SENTINEL)}b: {inline('12')}", "f.yml", problems, VaultSecrets((SECRET,)))
    assert node is not None
    assert to_plain(node) == {"a": SENTINEL, "b": "12"}
    assert all(found.secret for found in scalars(node))
    assert SENTINEL not in repr(node)
    assert messages(problems) == []


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        (
            (),
            "f.yml:1:4: encrypted, and no vault password is given; "
            "give one with --vault-password-file FILE or --vault-id LABEL@SOURCE",
        ),
        ((OTHER,), "f.yml:1:4: the vault password does not match: HMAC verification failed"),
        ((OTHER, OTHER), "f.yml:1:4: none of the 2 vault passwords matches: HMAC verification failed"),
    ],
)
def test_a_vaulted_value_needs_its_password(secrets: tuple[VaultSecret, ...], expected: str) -> None:
    assert reported(f"a: {inline(SENTINEL)}", VaultSecrets(secrets)) == [expected]


def test_a_vaulted_file_is_secret_throughout_with_the_places_of_its_plain_text() -> None:
    node = load(encrypt("a: [1, x]\nb: {c: true}\n", SECRET), "f.yml", Problems(), VaultSecrets((SECRET,)))
    assert node is not None
    assert to_plain(node) == {"a": [1, "x"], "b": {"c": True}}
    assert all(found.secret for found in scalars(node))
    assert [found.origin for found in scalars(node)][-1] == Origin("f.yml", 2, 8)


def test_a_vaulted_file_needs_its_password() -> None:
    assert reported(encrypt("a: 1", SECRET).encode()) == [
        "f.yml:1:1: encrypted, and no vault password is given; "
        "give one with --vault-password-file FILE or --vault-id LABEL@SOURCE"
    ]


def test_json_is_read_with_its_surrogate_pairs() -> None:
    written = json.dumps({"a": "\U0001f600 ö", "b": [1, 2.5, None, True], "c": "x/y"})
    assert to_plain(load_json(written, "f.json", Problems()) or tree("")) == json.loads(written)
    assert to_plain(load_json(b'{\n\t"a":\t"\\/"}', "f.json", Problems()) or tree("")) == {"a": "/"}


def test_json_that_is_not_yaml_is_read() -> None:
    written = json.dumps({"k" * 2000: 1})
    assert to_plain(load_json(written, "f.json", Problems()) or tree("")) == {"k" * 2000: 1}
    problems = Problems()
    assert load_json(b'{"a": ', "f.json", problems) is None
    assert load_json(b"\xff", "g.json", problems) is None
    assert messages(problems) == [
        "f.json:2:1: not valid YAML: did not find expected node content while parsing a flow node",
        "g.json:1:1: the file is not UTF-8 text",
    ]


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain_values)
def test_yaml_round_trip(value: object) -> None:
    problems = Problems()
    node = load(pyyaml.safe_dump(value), "f.yml", problems)
    assert messages(problems) == []
    assert node is not None
    assert to_plain(node) == value


@given(plain_values)
def test_json_round_trip(value: object) -> None:
    node: Node | None = load_json(json.dumps(value), "f.json", Problems())
    assert node is not None
    assert to_plain(node) == value
    assert not is_secret(node)


@given(st.text())
def test_any_text_is_read_or_reported(text: str) -> None:
    problems = Problems()
    assert (load(text, "f.yml", problems) is None) <= bool(problems.errors)
