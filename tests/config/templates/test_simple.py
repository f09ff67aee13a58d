"""References that are evaluated without Jinja give what Jinja gives: value, type, place, secrecy, and every error."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.config.templates.templar import HostVariables, Templar, Templates, _site
from deployer.config.templates.values import Scope
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Scalar, Sequence, from_plain, is_template
from tests.config.helpers import mapping, messages, secret

VARIABLES = r"""
text: "a {b} c"
empty: ""
lines: "one\ntwo\n"
unicode: "ö €"
yes: "yes"
number: 5
negative: -1
float: 1.50
flag: true
nothing: null
raw: !unsafe "{{ number }}"
list: [a, 1, null, [b, "{{ number }}"], {k: v}]
map: {a: 1, b: {c: deep, "d e": spaced, "0": zero}, keys: own, items: {x: 1}, get: g, none: null, list: [x, {y: z}]}
nested: "{{ map.b }}"
chain: "{{ nested.c }}-{{ number }}"
lone: "{{ text }}"
typed: "{{ number + 1 }}"
made: "{{ {'a': [1, text], 'p': pw} }}"
partly: {good: 1, bad: "{{ missing }}", worse: "{{ 1 / 0 }}", gone: "{{ omit }}", pw: "{{ pw }}"}
items: ["{{ omit }}", "{{ text }}"]
broken: "{{ missing }}"
failing: "{{ 1 / 0 }}"
wrong: "{{ 1 +"
loops: "{{ loops }}"
secrets: {user: u, password: "{{ pw }}x"}
omitted: "{{ omit }}"
"true": t
loop: mine
groups: {web: [web1, web2]}
"""
NAMES = (*mapping(VARIABLES), "missing", "pw", "inventory_hostname", "hostvars", "omit", "lookup", "range", "dict")
WORDS = ("not", "self", "True", "none", "loop", "_", "__class__", "upper")
KEYS = (
    "a",
    "b",
    "c",
    "d e",
    "k",
    "keys",
    "items",
    "get",
    "none",
    "list",
    "y",
    "web1",
    "number",
    "web",
    "bad",
    "gone",
    "",
)
INDEXES = ("0", "-1", "1", "4", "-9", "00", "01", "1_0", "99999999999", "1.5", "number", "text")
TAILS = (
    "",
    "",
    "",
    "",
    " | upper",
    "|d('x')",
    " + 1",
    "()",
    " is defined",
    ".",
    " # c",
    ".0",
    ". a",
    ".a ",
    "[0:1]",
    "[",
)
SPACES = ("", "", " ", " ", "  ", "\n", "\t", "\u00a0", "-", "+")
LITERALS = (
    "",
    "a",
    "-",
    ":",
    "\n",
    "\n\n",
    " ",
    "\r\n",
    "{",
    "}",
    "}}",
    "{ {",
    "{#c#}",
    "{% raw %}",
    "é",
    "\\n",
    "'",
    "%",
)
FORMS = ("{{{{ {} }}}}", "{{{{{}}}}}\n", "a {{{{ {} }}}} b", "{}")


def expression(source: Random) -> str:
    """Mostly a reference, sometimes more."""
    steps = []
    for _ in range(source.choice((0, 0, 1, 1, 2, 3))):
        form = source.choice((".{}", "['{}']", '["{}"]', "[{}]"))
        steps.append(form.format(source.choice(INDEXES if form == "[{}]" else KEYS)))
    return source.choice((*NAMES, *WORDS)) + "".join(steps) + source.choice(TAILS)


def text(source: Random) -> str:
    parts = []
    for _ in range(source.choice((1, 1, 2, 3, 4))):
        space, other = source.choice(SPACES), source.choice(SPACES)
        piece = "{{" + space + expression(source) + other + "}}"
        parts.append(source.choice((piece, piece, source.choice(LITERALS))))
    return "".join(parts)


class OnlyJinja(Templates):
    """Evaluates everything by Jinja."""

    def evaluate(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        text = str(node.value)
        return self._heavy().evaluate(text, scope, _site(node, address)) if is_template(text) else text

    def evaluate_expression(self, node: Scalar, scope: Scope, *, address: str) -> Any:
        return self._heavy().evaluate_expression(str(node.value), scope, _site(node, address))


class AsFarAsSimple(Templates):
    """Evaluates what needs no Jinja, and raises for what does."""

    def _heavy(self) -> Any:
        raise NeedsJinjaError


class NeedsJinjaError(Exception):
    pass


GIVEN: dict[str, Node] = {**mapping(VARIABLES), "pw": secret("hunter2")}
MAGIC: dict[str, Node] = {"inventory_hostname": from_plain("web1", Origin("built in"))}
PLACE = Origin("site.yml", 3, 5)
JINJA = OnlyJinja()
SIMPLE = AsFarAsSimple()


def using(templates: Templates) -> Templar:
    """One host's variables, none of them evaluated yet."""
    return Templar(GIVEN, magic=MAGIC, hostvars={"web1": HostVariables(GIVEN, MAGIC)}, templates=templates)


def whole(node: Node | bool | None) -> object:
    """All that a tree holds, with the types of its values."""
    match node:
        case Scalar(value, origin, is_secret, source, verbatim):
            return type(value), value, origin, is_secret, source, verbatim
        case Sequence(items, origin, source):
            return [whole(item) for item in items], origin, source
        case Mapping(entries, origin, source):
            return [(whole(key), whole(value)) for key, value in entries], origin, source
        case _:
            return node


def outcomes(templates: Templates, text: str) -> list[object]:
    """What the text gives as a value, as an item that may be omitted, as an expression and as a condition."""
    node = Scalar(text, PLACE)
    ways: tuple[Callable[[Templar, Problems], Node | bool | None], ...] = (
        lambda templar, problems: templar.render(node, problems, "x"),
        lambda templar, problems: templar.render(Sequence((node,), PLACE), problems, "x"),
        lambda templar, problems: templar.evaluate(node, problems, "x"),
        lambda templar, problems: templar.condition(node, problems, "x"),
    )
    found: list[object] = []
    for way in ways:
        problems = Problems()
        try:
            found.append((whole(way(using(templates), problems)), messages(problems)))
        except NeedsJinjaError:
            found.append(None)
    return found


def agrees(text: str) -> int:
    """In how many of the ways it was evaluated without Jinja; in these, as Jinja does."""
    simple = outcomes(SIMPLE, text)
    if not any(simple):
        return 0
    wanted = outcomes(JINJA, text)
    assert [ours or theirs for ours, theirs in zip(simple, wanted, strict=True)] == wanted, text
    return sum(outcome is not None for outcome in simple)


@settings(max_examples=50)
@given(st.integers(0, 2**32))
def test_simple_templates_equal_jinja(seed: int) -> None:
    """A hundred texts an example: making them is left to a generator that is quicker than strategies of texts."""
    source = Random(seed)
    for _ in range(100):
        agrees(source.choice((text, text, expression))(source))


def test_every_variable_alone_in_a_text_and_bare_is_evaluated_as_jinja_does() -> None:
    steps = (
        "",
        ".a",
        ".b.c",
        "['a']",
        "[0]",
        "[3][1]",
        "[-1].k",
        ".keys",
        ".items",
        "['items'].x",
        ".bad",
        ".gone",
        ".pw",
    )
    texts = [form.format(name + step) for name in NAMES for step in steps for form in FORMS]
    assert sum(map(agrees, texts)) > len(texts)
