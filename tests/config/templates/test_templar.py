"""Templates in values: types, places, secrecy, laziness, and what is said when they fail."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer.config.templates.templar import HostVariables, Templar, Templates
from deployer.config.vault import VaultSecret, encrypt
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Scalar, Sequence, is_secret, to_plain
from tests.config.helpers import (
    SENTINEL,
    complaints,
    mapping,
    messages,
    rendered,
    scalars,
    secret,
    templar,
    tree,
)

VARIABLES = """\
tag: 1.4.2
version: "1.10"
number: 5
flag: true
nothing: null
namespace: shop
registry: registry.example.com/{{ namespace }}
image: "{{ registry }}/web:{{ tag }}"
lone: "{{ tag }}"
ports: ["80:80", "{{ number }}"]
db: {user: app, port: 5432, url: "pg://{{ db.user }}@h:{{ db.port }}", broken: "{{ missing }}"}
names: [a, b]
raw: !unsafe "{{ not a template }}"
named: "{{ inventory_hostname }}"
"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'{{ number }}'", 5),
        ("'{{ flag }}'", True),
        ("'{{ nothing }}'", None),
        ("'{{ version }}'", "1.10"),
        ("'{{ [1, 2] }}'", [1, 2]),
        ("'{{ \"[1, 2]\" }}'", "[1, 2]"),
        ("'{{ names }}'", ["a", "b"]),
        ("'{{ ports }}'", ["80:80", 5]),
        ("'{{ {\"a\": number} }}'", {"a": 5}),
        ("'{{ range(3) }}'", [0, 1, 2]),
        ("'{{ names | map(\"upper\") }}'", ["A", "B"]),
        ("'{{ number + 1 }}'", 6),
        ("'{{ number > 3 }}'", True),
        ("'{{ 1.5 }}'", 1.5),
        ("' {{ number }}'", " 5"),
        ("'{{ number }}{{ number }}'", "55"),
        ("'{{ number }}/{{ flag }}/{{ nothing }}/{{ names }}'", "5/True//['a', 'b']"),
        ("'{{ version }}'", "1.10"),
        ("'{% if flag %}yes{% else %}no{% endif %}'", "yes"),
        ("'{# nothing #}'", ""),
        ("'{% raw %}{{ x }}{% endraw %}'", "{{ x }}"),
        ("'{{ raw }}'", "{{ not a template }}"),
        ("'a {{ raw }}'", "a {{ not a template }}"),
        ("!unsafe '{{ x }}'", "{{ x }}"),
        ("plain {text}", "plain {text}"),
        ("'{{ image }}'", "registry.example.com/shop/web:1.4.2"),
        ("'{{ db.url }}'", "pg://app@h:5432"),
        ("'{{ db[\"user\"] }} {{ names[1] }} {{ names[-1] }}'", "app b b"),
        ("'{{ db[names[0]] | default(\"none\") }}'", "none"),
        ("|\n  {{ names }}\n", ["a", "b"]),
        ("|\n  {{ tag }}\n", "1.4.2\n"),
        ("|\n  {% for n in names %}\n  {{ n }}\n  {% endfor %}\n", "a\nb\n"),
        ("'{{ missing | default(\"x\") }}'", "x"),
        ("'{{ missing.deep.down | default(\"x\") }}'", "x"),
        ("'{{ db.broken | default(\"x\") }}'", "x"),
        ("'{{ db.broken is defined }} {{ missing is defined }} {{ tag is defined }}'", "False False True"),
        ("'{{ \"a\" if flag else missing }}'", "a"),
        ("'{{ inventory_hostname }}'", "web1"),
        ("'{{ hostvars.web1.tag }} {{ hostvars[\"web1\"].db.url }}'", "1.4.2 pg://app@h:5432"),
        ("'{{ hostvars.keys() | list }}'", ["web1"]),
        ("'{% set x = tag %}{{ x }}'", "1.4.2"),
    ],
)
def test_values(text: str, value: object) -> None:
    made = rendered(f"key: {text}", templar(VARIABLES))
    assert made == {"key": value}
    assert isinstance(made, dict)
    assert type(made["key"]) is type(value)


REFERENCES = (
    *("tag", "number", "flag", "nothing", "image", "lone", "names", "ports", "db", "raw", "db.user", "db['port']"),
    *("names[0]", "names[-1]", 'hostvars["web1"].db.url', "db.broken", "db.nope", "names[9]", "tag.nope", "missing"),
    *("missing.deep", "inventory_hostname", "groups", "omit", "db.items", "tag[0]", "loop", "self", "none", "true"),
    *("db [ 'user' ]", "db . user", "number.real", "names.0", "a-b", "5", "''"),
)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize(
    "form", ["{{ %s }}", "{{%s}}", "a{{ %s }}b {{ %s }}", "{{ %s }}\n", "\n{{ %s }}", "{{ %s }}\n\nx"]
)
def test_references_equal_jinja(reference: str, form: str) -> None:
    """In parentheses they are never evaluated the short way."""
    origin = Origin("site.yml", 1, 1)

    def outcome(expression: str) -> tuple[Node | None, list[str]]:
        problems = Problems()
        written = Scalar(form.replace("%s", expression), origin)
        made = templar(VARIABLES).render_or_omit(written, problems)
        return (None if made is written else made), messages(problems)

    short, long = outcome(reference), outcome(f"({reference})")
    assert short == long


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"{{ share * 2 }}"', 1.0),
        ('"{{ 1 + share }}"', 1.5),
        ('"{{ half / share }}"', 1.0),
        ('"{{ half * 4 }}"', 2.0),
        ('"{{ release }}"', "3.10"),
        ('"v{{ release }}"', "v3.10"),
        ("\"{{ release.split('.') }}\"", ["3", "10"]),
        ("\"{{ 'ab' * 2 }}\"", "abab"),
    ],
)
def test_decimal_numbers_count_as_numbers_and_stay_as_they_are_written(text: str, value: object) -> None:
    assert rendered(text, templar("half: 0.5\nshare: 0.50\nrelease: 3.10\n")) == value


def test_rendered_text_is_plain_text() -> None:
    made = templar(VARIABLES).render(tree("['{{ tag }}', 'x{{ tag }}', '{{ db }}']"), Problems())
    assert isinstance(made, Sequence)
    assert all(type(found.value) in (str, int) for found in scalars(made.items[0]))


def test_keys_are_templated_and_are_text() -> None:
    made = rendered("{'web:{{ tag }}': 1, '{{ number }}': 2, plain: 3}", templar(VARIABLES))
    assert made == {"web:1.4.2": 1, "5": 2, "plain": 3}


def test_omit_removes_the_key_or_the_item() -> None:
    text = """
a: "{{ missing | default(omit) }}"
b: [1, "{{ omit }}", 2]
c: {d: "{{ omit }}", e: 1}
f: "{{ [1, omit] }}"
g: "{{ {'x': omit, 'y': 1} }}"
h: "{{ later }}"
i: "{{ holder }}"
"{{ omit }}": 5
"""
    using = templar('later: "{{ missing | default(omit) }}"\nholder: {x: "{{ omit }}", y: ["{{ omit }}", 1]}')
    assert rendered(text, using) == {"b": [1, 2], "c": {"e": 1}, "f": [1], "g": {"y": 1}, "i": {"y": [1]}}


def test_omit_as_a_whole_value_is_distinguished() -> None:
    problems = Problems()
    node = tree("'{{ omit }}'")
    assert templar().render_or_omit(node, problems) is None
    assert messages(problems) == []
    assert templar().render(node, problems, "image") == node
    assert messages(problems) == ["site.yml:1:1: image: omit can only be the value of a key or an item of a list"]


def test_values_without_templates_are_returned_unchanged() -> None:
    node = tree("{a: [1, {b: text}], c: '{'}")
    assert templar().render(node, Problems()) is node


def test_a_result_is_never_a_template_again() -> None:
    using = templar(VARIABLES)
    once = using.render(tree("{a: '{{ raw }}', '{{ raw }}': '{{ [raw] }}', b: '{{ {\"k\": raw} }}'}"), Problems())
    problems = Problems()
    assert using.render(once, problems) == once
    again = using.with_variables({"item": once})
    assert rendered("'{{ item.a }}'", again) == "{{ not a template }}"
    assert messages(problems) == []


def source(text: str, using: Templar | None = None) -> str:
    """Where the rendered value is really written."""
    problems = Problems()
    made = (using or templar(VARIABLES)).render(tree(f"'{text}'"), problems)
    assert messages(problems) == []
    assert made.origin == Origin("site.yml", 1, 1)
    return made.source.whole if made.source is not None and made.source.used else str(made.source)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{{ tag }}", "vars.yml:1:6"),
        ("web:{{ tag }}", "vars.yml:1:6"),
        ("web:{{ tag }}-{{ tag }}", "vars.yml:1:6"),
        ("{{ tag }}-{{ inventory_hostname }}", "vars.yml:1:6"),
        ("{{ lone }}", "vars.yml:1:6"),
        ("web:{{ lone }}", "vars.yml:1:6"),
        ("{{ tag | upper }}", "vars.yml:1:6"),
        ("{{ registry }}", "vars.yml:7 with vars.yml:6"),
        ("{{ db.user }}", "vars.yml:11:12"),
        ("{{ db.user }}:{{ db.port }}", "vars.yml:11:5"),
        ("{{ db.url }}", "vars.yml:11"),
        ("{{ ports }}", "vars.yml:10:8"),
        ("{{ ports[0] }}", "vars.yml:10:9"),
        ("{{ tag if flag else version }}", "vars.yml:1:6"),
        ("{{ hostvars.web1.tag }}", "vars.yml:1:6"),
        ("{{ tag }}{{ number }}", "site.yml:1 with vars.yml:1,3"),
        ("{{ inventory_hostname }}", "None"),
        ("{{ named }}", "vars.yml:14:8"),
        ("x{{ named }}", "vars.yml:14:8"),
        ("{{ tag }}-{{ db.port }}-{{ db.url }}", "site.yml:1 with vars.yml:1,11"),
        ("{{ 5 }}", "None"),
        ("{{ missing | default(1) }}", "None"),
    ],
)
def test_the_source_is_where_the_variables_are_written(text: str, place: str) -> None:
    assert source(text) == place


def test_leaves_of_a_mapping_keep_their_own_places() -> None:
    made = templar("env: {A: a, B: '{{ b }}'}\nb: x").render(tree("'{{ env }}'"), Problems())
    assert isinstance(made, Mapping)
    assert str(made.source) == "vars.yml:1:6"
    assert [str(value.source) for _, value in made.entries] == ["vars.yml:1:10", "vars.yml:2:4"]
    combined = templar("env: {A: a}\nmore: {B: b}").render(tree("'{{ env | combine(more) }}'"), Problems())
    assert [str(found.source) for found in scalars(combined)] == ["vars.yml:1:10", "vars.yml:2:11"]


def test_an_item_of_a_loop_has_the_place_it_was_written_at() -> None:
    using = templar("services:\n  - {name: a}\n  - {name: b}\n")
    problems = Problems()
    items = using.render(tree("'{{ services }}'"), problems)
    assert isinstance(items, Sequence)
    inner = [using.with_variables({"item": item}).render(tree("'x-{{ item.name }}'"), problems) for item in items]
    assert [(to_plain(node), str(node.source)) for node in inner] == [
        ("x-a", "vars.yml:2:12"),
        ("x-b", "vars.yml:3:12"),
    ]
    assert messages(problems) == []


def test_variables_that_need_the_item_see_it() -> None:
    using = templar("name: 'svc-{{ item }}'\nplain: p\nboth: '{{ name }}-{{ plain }}'")
    for item in ("a", "b"):
        inner = using.with_variables({"item": Scalar(item, Origin("site.yml", 9, 9))})
        assert rendered("'{{ both }}'", inner) == f"svc-{item}-p"
    assert complaints("'{{ both }}'", using) == ["vars.yml:1:7: name: undefined variable 'item'"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ pw }}", True),
        ("x{{ pw }}", True),
        ("{{ pw | b64encode }}", True),
        ("{{ alias }}", True),
        ("{{ url }}", True),
        ("{{ hostvars.web1.pw }}", True),
        ("{{ db.pw }}", True),
        ("{{ db.user }}", False),
        ('{{ db.user }}@{{ db["host"] }}', False),
        ("{{ db | length }}", False),
        ("{{ tag }}", False),
        ('{{ "a" if pw == "x" else "b" }}', True),
        ('{{ lookup("vars", "pw") }}', True),
        ("{% for k, v in db.items() %}{{ k }}{% endfor %}", True),
        ('{{ [tag, pw] | join(",") }}', True),
        ("{{ later[0] }}", True),
    ],
)
def test_a_result_is_secret_when_something_read_for_it_was(text: str, expected: bool) -> None:
    variables = """
tag: x
alias: '{{ pw }}'
url: 'pg://{{ alias }}@h'
db: {user: u, host: h, pw: '{{ pw }}'}
later: ['{{ pw }}']
"""
    problems = Problems()
    made = templar(variables, pw=secret()).render(tree(f"'{text}'"), problems)
    assert messages(problems) == []
    assert is_secret(made) is expected


def test_in_a_mapping_only_the_secret_leaves_are_secret() -> None:
    variables = "base: {A: a, N: 5}\nenv: {A: a, PW: '{{ pw }}', L: ['{{ pw }}', x]}"
    using = templar(variables, pw=secret())

    def marks(text: str) -> dict[str, bool]:
        made = using.render(tree(f"'{text}'"), Problems())
        assert isinstance(made, Mapping)
        return {name: is_secret(value) for name, value in made.items()}

    assert marks("{{ env }}") == {"A": False, "PW": True, "L": True}
    assert marks('{{ base | combine({"PW": pw, "C": "x" ~ pw}) }}') == {"A": False, "N": True, "PW": True, "C": True}
    assert marks('{{ env | combine({"A": "b"}) }}')["PW"] is True


def test_a_computed_mapping_keeps_the_marks_of_its_leaves_as_a_variable() -> None:
    using = templar("base: {A: a}\nenv: \"{{ base | combine({'PW': pw}) }}\"", pw=secret())
    made = using.render(tree("{a: '{{ env.A }}', b: '{{ env.PW }}', c: '{{ env }}'}"), Problems())
    assert isinstance(made, Mapping)
    marks = {str(found.value): found.secret for found in scalars(made)}
    assert marks == {"a": False, SENTINEL: True}


def test_a_template_that_is_itself_secret_makes_secrets() -> None:
    using = templar("tag: x", url=secret("pg://{{ tag }}"))
    made = using.render(tree("'{{ url }}'"), Problems())
    place = Origin("vault.yml", 1, 9, (Origin("vars.yml", 1, 6),))
    assert made == Scalar("pg://x", Origin("site.yml", 1, 1), secret=True, source=place)
    own = using.render(secret("{{ tag }}"), Problems())
    assert is_secret(own)


def test_secrets_are_in_no_repr_and_no_complaint() -> None:
    using = templar("a: {b: '{{ pw }}'}", pw=secret())
    text = """
a: "{{ pw }}"
b: "{{ pw | int + 'x' }}"
c: "{{ pw | from_json }}"
d: "{{ a.b.nope }}"
e: "{{ lookup('file', pw) }}"
f: "{{ [pw] | first | regex_replace('(', 'x') }}"
g: "{{ lookup('first_found', [pw]) }}"
h: "{{ pw | bool }}"
i: "{{ {'a': 1}[pw] }}"
j: "{{ pw | version('x', pw) }}"
k: "{{ pw is version('x', pw) }}"
l: "{{ undef(hint=pw) }}"
m: "{{ a | mandatory(pw) | to_json | from_json | dict2items | items2dict(key_name=pw) }}"
n: "{{ missing | mandatory(pw) }}"
o: "{{ a[pw] }}"
p: "{{ pw.nope }}"
q: "{{ (pw ~ 'x') | hash(pw) }}"
"""
    problems = Problems()
    made = using.render(tree(text), problems)
    assert len(messages(problems)) >= 14
    assert SENTINEL not in "\n".join(messages(problems))
    assert SENTINEL not in repr(made)
    assert SENTINEL not in repr(using)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ tga }}", "undefined variable 'tga'; did you mean 'tag'?"),
        ("x {{ nothing_like_it }}", "undefined variable 'nothing_like_it'"),
        ("{{ db.prot }}", "there is no key 'prot'; did you mean 'port'?"),
        ('{{ db["prot"] }}', "there is no key 'prot'; did you mean 'port'?"),
        ("{{ hostvars.wbe1.tag }}", "there is no key 'wbe1'; did you mean 'web1'?"),
        ("{{ db.pid }}", "there is no key 'pid'; if it may be missing, add | default(VALUE)"),
        ("{{ tag.foo }}", "there is no 'foo' in text"),
        ("{{ names[7] }}", "there is no '7' in a list"),
        ("{{ number.x }}", "there is no 'x' in a number"),
        ("{{ [tag, nope] }}", "undefined variable 'nope'"),
        ('{{ {"a": [nope]} }}', "undefined variable 'nope'"),
        ("{{ [nope] | join }}", "undefined variable 'nope'"),
        ("{{ nope == 1 }}", "undefined variable 'nope'"),
        ("{{ nope | mandatory }}", "undefined variable 'nope'"),
        ('{{ nope | mandatory("give it with -e") }}', "template failed: give it with -e"),
        ('{{ undef(hint="set me") }}', "set me"),
        (
            "{{ tag }",
            "template syntax: unexpected '}'; "
            "tag text that is not a template with !unsafe, or enclose it in {% raw %} and {% endraw %}",
        ),
        (
            "{{ .Names }}",
            "template syntax: unexpected '.'; "
            "tag text that is not a template with !unsafe, or enclose it in {% raw %} and {% endraw %}",
        ),
        ("{{ tag | uper }}", "there is no filter 'uper'; did you mean 'upper'?"),
        ("{{ tag is defned }}", "there is no test 'defned'; did you mean 'defined'?"),
        ('{{ lookup("fil", "x") }}', "template failed: there is no lookup 'fil'; did you mean 'file'?"),
        ('{{ number + "x" }}', "template failed: TypeError: unsupported operand type(s) for +: 'int' and 'str'"),
        ("{{ 1 / 0 }}", "template failed: ZeroDivisionError: division by zero"),
        ("{{ tag.upper }}", "template failed: the result is a function, which is not a value YAML knows"),
        ("x{{ omit }}", "template failed: omit can only be a whole value, not part of one"),
        ("{{ tag.__class__ }}", "template failed: it accesses attributes that templates may not access"),
        ("{{ names.append(1) }}", "template failed: it accesses attributes that templates may not access"),
    ],
)
def test_errors_have_reason_and_position(text: str, expected: str) -> None:
    (found,) = complaints(f"key: '{text}'", templar(VARIABLES))
    assert found.startswith(f"site.yml:1:6: key: {expected}")


def test_a_variable_that_cannot_be_evaluated_is_reported_where_it_is_written_and_once() -> None:
    text = "{a: '{{ db.broken }}', b: 'x{{ db.broken }}', c: ['{{ db.broken }}']}"
    assert complaints(text, templar(VARIABLES)) == ["vars.yml:11:80: db.broken: undefined variable 'missing'"]


def test_a_broken_leaf_does_not_disturb_its_neighbours() -> None:
    assert rendered("'{{ db.user }}'", templar(VARIABLES)) == "app"


def test_variables_that_need_themselves_are_named() -> None:
    using = templar("a: '{{ b }}'\nb: 'x{{ c }}'\nc: ['{{ a }}']\nself: '{{ self_ }}'\nself_: '{{ self_ }}'")
    assert complaints("{x: '{{ b }}', y: '{{ self_ }}'}", using) == [
        "vars.yml:2:4: b: the variable 'b' depends on itself: b → c → c[0] → a → b",
        "vars.yml:5:8: self_: the variable 'self_' depends on itself: self_ → self_",
    ]


def test_errors_are_reported_together_with_their_address() -> None:
    text = "containers:\n  web:\n    image: '{{ a }}'\n    ports: ['{{ b }}', ok]\n    '{{ c }}': 1\n"
    assert complaints(text, templar()) == [
        "site.yml:3:12: containers.web.image: undefined variable 'a'",
        "site.yml:4:13: containers.web.ports[0]: undefined variable 'b'",
        "site.yml:5:5: containers.web.{{ c }}: undefined variable 'c'",
    ]


def test_a_line_of_a_long_text_is_named() -> None:
    assert complaints("key: |\n  one\n  {{ 1 / 0 }}\n", templar()) == [
        "site.yml:1:6: key: template failed: ZeroDivisionError: division by zero (line 2 of the text)"
    ]


def test_two_keys_that_become_one_are_reported() -> None:
    assert complaints("{'{{ a }}': 1, x: 2}", templar("a: x")) == [
        "site.yml:1:16: x: the key 'x' is generated twice; first at site.yml:1:2"
    ]
    assert complaints("{'{{ [1] }}': 1}", templar()) == [
        "site.yml:1:2: {{ [1] }}: the key's template does not return text"
    ]


def test_templates_can_be_checked_without_variables() -> None:
    problems = Problems()
    node = tree("{a: '{{ x | nope }}', b: ['{{ fine }}', '{% if %}'], '{{ c': 1, d: !unsafe '{{'}")
    templar().check(node, problems, "play")
    assert [message.split(";")[0] for message in messages(problems)] == [
        "site.yml:1:5: play.a: there is no filter 'nope'",
        "site.yml:1:41: play.b[1]: template syntax: Expected an expression, got 'end of statement block'",
        "site.yml:1:54: play.{{ c: template syntax: unexpected end of template, expected 'end of print statement'",
    ]
    problems = Problems()
    Templates().check_expression(tree("['a ==', 'b is odd', true]"), problems, "when")
    assert [message.split(";")[0] for message in messages(problems)] == [
        "site.yml:1:2: when: template syntax: unexpected 'end of template'"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("'true'", True),
        ("flag", True),
        ("not flag", False),
        ("number > 3 and tag is defined", True),
        ("inventory_hostname == 'web1'", True),
        ("\"'web1' in ['web1']\"", True),
        ("[flag, number == 5]", True),
        ("[flag, number == 6]", False),
        ("[]", True),
        ("missing is defined", False),
        ("missing | default(false)", False),
        ("text | bool", True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    problems = Problems()
    assert templar(VARIABLES + "text: 'yes'").condition(tree(text), problems, "when") is expected
    assert messages(problems) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("number", "the condition is a number, not true or false; add '| bool'"),
        ("tag", "the condition is text, not true or false; add '| bool'"),
        ("names", "the condition is a list, not true or false; compare it: '… is defined', '… | length > 0'"),
        ("nothing", "the condition is null, not true or false; compare it: '… is defined', '… | length > 0'"),
        ("'{{ flag }}'", "a condition is already an expression; write the bare expression, without {{ }}"),
        ("5", "a condition is an expression, true or false"),
        ("{a: b}", "a condition is an expression, true or false"),
        ("''", "a condition is an expression, true or false"),
        ("missing", "undefined variable 'missing'"),
        ("flag and", "template syntax: unexpected 'end of template'"),
        ("flag flag", "template syntax: unexpected text after the expression"),
    ],
)
def test_invalid_conditions(text: str, expected: str) -> None:
    problems = Problems()
    assert templar(VARIABLES).condition(tree(text), problems, "when") is False
    (found,) = messages(problems)
    assert found.startswith(f"site.yml:1:1: when: {expected}")


def test_a_list_of_conditions_stops_at_the_first_that_does_not_hold() -> None:
    problems = Problems()
    assert templar().condition(tree("[missing is defined, missing.flag]"), problems) is False
    assert messages(problems) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("names", ["a", "b"]),
        ("'{{ names }}'", ["a", "b"]),
        ("[1, '{{ number }}']", [1, 5]),
        ("range(2) | list", [0, 1]),
    ],
)
def test_expressions_have_values(text: str, expected: object) -> None:
    problems = Problems()
    made = templar(VARIABLES).evaluate(tree(text), problems, "loop")
    assert messages(problems) == []
    assert made is not None
    assert to_plain(made) == expected


def test_a_failed_expression_has_no_value() -> None:
    problems = Problems()
    assert templar().evaluate(tree("nope"), problems, "loop") is None
    assert messages(problems) == ["site.yml:1:1: loop: undefined variable 'nope'"]


def test_template_files_keep_their_lines_and_name_them() -> None:
    using = templar("names: [a, b]", pw=secret())
    problems = Problems()
    place = Origin("templates/x.j2", 1, 1)
    made = using.template_text(
        "# {{ ansible_managed }}\n{% for n in names %}\n- {{ n }}\n{% endfor %}\n\n", place, problems
    )
    assert made == Scalar("# Managed by deployer\n- a\n- b\n\n", place, verbatim=True)
    tainted = using.template_text("{{ pw }}", place, problems)
    assert tainted is not None
    assert tainted.secret
    assert messages(problems) == []
    assert using.template_text("one\n\n{{ nope }}\n", place, problems, "files./etc/x") is None
    assert using.template_text("one\n{% for x y %}\n", place, problems) is None
    assert messages(problems) == [
        "templates/x.j2:2:1: template syntax: expected token 'in', got 'y'; "
        "tag text that is not a template with !unsafe, or enclose it in {% raw %} and {% endraw %}",
        "templates/x.j2:3:1: files./etc/x: undefined variable 'nope'",
    ]


def test_template_files_include_others_beside_them(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "part.j2").write_text("<{{ tag }} {{ n }}>")
    (tmp_path / "templates" / "macros.j2").write_text("{% macro bold(x) %}*{{ x }}*{% endmacro %}")
    using = templar("tag: t", base=tmp_path)
    text = "{% from 'macros.j2' import bold %}{% for n in [1, 2] %}{% include 'part.j2' %}{% endfor %}{{ bold(tag) }}"
    problems = Problems()
    made = using.template_text(text, Origin(str(tmp_path / "templates/main.j2"), 1, 1), problems)
    assert messages(problems) == []
    assert made is not None
    assert made.value == "<t 1><t 2>*t*"
    assert using.template_text("{% include 'none.j2' %}", Origin("x.j2", 1, 1), problems) is None
    assert messages(problems) == ["x.j2:1:1: template failed: none.j2"]


def test_a_template_files_first_line_may_set_jinjas_options() -> None:
    problems = Problems()
    place = Origin("x.j2", 1, 1)
    text = "#jinja2: trim_blocks: False, variable_start_string: '[%', variable_end_string: '%]'\n"
    text += "{% if true %}\n[% tag %]\n{% endif %}{{ x }}\n"
    made = templar("tag: t").template_text(text, place, problems)
    assert messages(problems) == []
    assert made is not None
    assert made.value == "\nt\n{{ x }}\n"
    for wrong in ("\n{{ nope }}", "\n\n{% if %}", ", trim: 1\n", ", lstrip_blocks: x\n"):
        assert templar().template_text(f"#jinja2: trim_blocks: True{wrong}", place, problems) is None
    assert [message.split(";")[0] for message in messages(problems)] == [
        "x.j2:1:1: template syntax: 'trim' is not an option",
        "x.j2:1:1: template syntax: the value of 'lstrip_blocks' is not a literal",
        "x.j2:2:1: undefined variable 'nope'",
        "x.j2:3:1: template syntax: Expected an expression, got 'end of statement block'",
    ]


def test_included_files_are_bounded_as_others_are(tmp_path: Path) -> None:
    (tmp_path / "large.j2").write_bytes(b"x" * (16 * 1024**2 + 1))
    (tmp_path / "binary.j2").write_bytes(b"\xff")
    for name, reason in (("large.j2", "it has more than 16 MiB"), ("/dev/zero", "it is not a file"), ("binary.j2", "")):
        (found,) = complaints(f"\"{{% include '{name}' %}}\"", templar(base=tmp_path))
        assert found.startswith("site.yml:1:1: template failed: ")
        assert reason in found


TOO_LARGE = "it takes more than 512 MiB of memory"
TOO_LONG = "it takes more than 0.2 s of computing time"
TOO_DEEP = "expressions or variables are nested too deeply"


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        ("{{ 1e400 }}", "a number is too large"),
        ("{{ 'a' * 10 ** 10 }}", TOO_LARGE),
        ("{{ [0] * 10 ** 10 }}", TOO_LARGE),
        ("{{ ('a' * 99999) | replace('a', 'a' * 99999) }}", TOO_LARGE),
        ("{{ 'x' | center(10 ** 10) }}", TOO_LARGE),
        ("{{ 'x'.ljust(20000000) }}", "its text has more than 16 Mi characters"),
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", TOO_LONG),
        ("{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | regex_search('(x+x+)+y') }}", TOO_LONG),
        ("{{ 7 ** 99999999 }}", TOO_LONG),
        ("{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}", TOO_DEEP),
        ("{{ " + "-" * 2000 + "1 }}", TOO_DEEP),
        ("{{ 1" + "+1" * 2000 + " }}", TOO_DEEP),
        ("{% if 1 %}" * 2000 + "{% endif %}" * 2000, TOO_DEEP),
    ],
    ids=lambda text: text[:40],
)
def test_templates_are_bounded_in_time_memory_and_depth(
    monkeypatch: pytest.MonkeyPatch, text: str, summary: str
) -> None:
    import resource

    monkeypatch.setattr("deployer.config.templates.bounds.SECONDS", 0.2)
    before = resource.getrlimit(resource.RLIMIT_AS)
    assert complaints(f'"{text}"', templar()) == [f"site.yml:1:1: template failed: {summary}"]
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_variables_that_multiply_each_other_are_bounded() -> None:
    doubled = "".join(f"x{n}: '{{{{ x{n + 1} }}}}{{{{ x{n + 1} }}}}'\n" for n in range(40))
    (found,) = complaints("'{{ x0 }}'", templar(doubled + "x40: a\n"))
    assert found.endswith("template failed: its text has more than 16 Mi characters")
    chain = "".join(f"x{n}: '{{{{ x{n + 1} }}}}'\n" for n in range(2000))
    (found,) = complaints("'{{ x0 }}'", templar(chain + "x2000: a\n"))
    assert found == "site.yml:1:1: variables refer to each other too deeply"


def test_vaulted_templates_are_not_included(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text(encrypt(SENTINEL, VaultSecret("default", b"pw")))
    (found,) = complaints("\"{% include 'x.j2' %}\"", templar(base=tmp_path))
    assert found == (
        f"site.yml:1:1: template failed: the vaulted file {tmp_path}/x.j2 cannot be included; use lookup('template', …)"
    )


def test_mappings_of_variables_behave_as_mappings() -> None:
    using = templar("a: {x: '{{ one }}', '{{ key }}': 2}\nb: {x: 3}\none: 1\nkey: y\n")
    text = """
items: "{{ a.items() | list }}"
values: "{{ a.values() | list }}"
keys: "{{ a | list }}"
equal: "{{ a == {'x': 1, 'y': 2} }} {{ a != b }} {{ a == a }} {{ b in [b] }}"
get: "{{ a.get('x') }} {{ a.get('z', 'none') }}"
joined: "{{ dict(a, z=3) }}"
copy: "{{ a.copy() }}"
text: "{{ a }} {{ '%s' % b }} {{ a ~ '' }}"
sorted: "{{ a | dictsort }}"
chosen: "{{ [a, b] | selectattr('x', 'eq', 3) }}"
json: "{{ a | tojson }}"
has: "{{ 'x' in a }} {{ 'z' in a }} {{ a | length }}"
"""
    assert rendered(text, using) == {
        "items": [["x", 1], ["y", 2]],
        "values": [1, 2],
        "keys": ["x", "y"],
        "equal": "True True True True",
        "get": "1 none",
        "joined": {"x": 1, "y": 2, "z": 3},
        "copy": {"x": 1, "y": 2},
        "text": "{'x': 1, 'y': 2} {'x': 3} {'x': 1, 'y': 2}",
        "sorted": [["x", 1], ["y", 2]],
        "chosen": [{"x": 3}],
        "json": '{"x": 1, "y": 2}',
        "has": "True False 2",
    }


def test_a_key_made_of_a_secret_taints_its_mapping() -> None:
    using = templar("a: {'{{ pw }}': 1}\nb: \"{{ {pw: 1} }}\"", pw=secret())
    for text in ("{{ a | first }}", "{{ b | first }}", "{{ a }}", "{{ b }}"):
        problems = Problems()
        made = using.render(tree(f"'{text}'"), problems)
        assert messages(problems) == []
        keys = made.keys() if isinstance(made, Mapping) else (made,)
        assert all(key.secret for key in keys if isinstance(key, Scalar))
        assert SENTINEL not in repr(made)


def test_hosts_see_each_others_variables_as_the_other_sees_them() -> None:
    def host(name: str, text: str) -> HostVariables:
        return HostVariables(mapping(text), {"inventory_hostname": Scalar(name, Origin("built in"))})

    hosts = {
        "a": host("a", "url: 'http://{{ inventory_hostname }}:{{ port }}'\nport: 1\npeer: '{{ hostvars.b.url }}'"),
        "b": host("b", "url: 'http://{{ inventory_hostname }}:{{ port }}'\nport: 2\nback: '{{ hostvars.a.peer }}'"),
    }
    using = Templar(hosts["a"].variables, magic=hosts["a"].magic, hostvars=hosts)
    assert rendered("'{{ url }} {{ peer }} {{ hostvars.b.back }}'", using) == "http://a:1 http://b:2 http://b:2"
    assert rendered("\"{{ hostvars.values() | map(attribute='port') | list }}\"", using) == [1, 2]


def test_hosts_that_need_each_other_in_a_circle_are_reported() -> None:
    hosts = {
        "a": HostVariables(mapping("x: '{{ hostvars.b.x }}'", "a.yml")),
        "b": HostVariables(mapping("x: '{{ hostvars.a.x }}'", "b.yml")),
    }
    using = Templar(hosts["a"].variables, hostvars=hosts)
    (found,) = complaints("'{{ x }}'", using)
    assert "the variable 'x' depends on itself" in found


def test_an_alias_bomb_in_a_variable_is_not_expanded_by_looking_at_it() -> None:
    lines = ["a0: &a0 [x, x, x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 16)]
    using = templar("\n".join(lines))
    started = time.process_time()
    assert rendered("'{{ a3 | length }}'", using) == 2
    assert time.process_time() - started < 1


def test_references_do_not_need_jinja() -> None:
    """Starting quickly: only what is more than a reference loads it."""
    program = """
import sys
from deployer.config.templates.templar import Templar
from deployer.config.variables.variables import Variables
from deployer.config.inventory.inventory import load_inventory
from deployer.config.yaml import load
from deployer.diagnostics import Problems
problems = Problems()
using = Templar(dict(load("{a: {b: [x]}, c: '{{ a.b[0] }}'}", "v", problems).items()))
node = load("['{{ c }}', 'web:{{ a.b }}']", "s", problems)
using.check(node, problems)
print(using.render(node, problems).items[1].value, list(problems))
if len(sys.argv) > 1:
    using.condition(load("'a.b == []'", "s", problems), problems)
print("jinja2" in sys.modules, "cryptography" in sys.modules)
"""
    for more, loaded in (([], "False False"), (["x"], "True False")):
        done = subprocess.run([sys.executable, "-c", program, *more], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[0].startswith("web:['x'] []")
        assert done.stdout.splitlines()[1] == loaded


def test_a_fleet_is_rendered_in_time() -> None:
    """100 hosts with 20 containers of 10 templated fields each."""
    fields = "\n".join(
        ["image: registry/{{ namespace }}/web:{{ tag }}", "name: 'web-{{ inventory_hostname }}'", "n: '{{ number }}'"]
        + [f"f{n}: '{{{{ db.user }}}}-{n}'" for n in range(6)]
        + ["u: '{{ tag | upper }}'", "plain: {a: b, c: [d, e, f], g: h}"]
    )
    container, variables, templates = tree(fields), mapping(VARIABLES), Templates()
    started = time.process_time()
    for number in range(100):
        magic: dict[str, Node] = {"inventory_hostname": Scalar(f"web{number}", Origin("built in"))}
        using = Templar(variables, magic=magic, templates=templates)
        for _ in range(20):
            using.render(container, Problems())
    assert time.process_time() - started < 3  # a quarter of a second where nothing else runs
