"""Compose's `${NAME}`: replaced in texts that Compose reads, reported in texts that are not interpolated. Facts from
Compose 2.26 and 2.40; `tests/config/test_interpolation.py` and the tests of env files hold their answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from deployer import nodes
from deployer.diagnostics import Origin, Problems
from deployer.model.credentials import is_sensitive_name
from deployer.nodes import Node

_DOLLAR = re.compile(r"\$(?:(?P<escaped>\$)|(?P<named>[_A-Za-z]\w*)|(?P<open>\{))", re.ASCII)
_BRACED = re.compile(r"(?P<name>[_A-Za-z]\w*)(?:(?P<rule>:?[-?+])(?P<other>.*))?", re.ASCII)

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_MEANT = re.compile(r"\$\{(?P<braced>[_A-Za-z]\w*)(?:(?P<rule>:?[-?+])[^}]*)?\}|\$(?P<named>[_A-Za-z]\w*)", re.ASCII)

SHELL: Final = frozenset({"command", "entrypoint", "healthcheck", "on_change", "validate"})
"""Keys whose texts a shell may read: `$` is left unchanged."""
FREE: Final = frozenset(
    {"environment", "env", "labels", "annotations", "logging", "log_options", "log_opt", "driver_opts", "password"}
)
"""Keys whose texts may contain any `$`, such as a password hash."""
UNCHECKED: Final = frozenset({"when", "loop", "tags", "content"})


class InterpolationError(ValueError):
    """What is wrong with a text. It contains nothing of the text except the name of a required variable."""


def substitute(text: str, resolve: Callable[[str], str | None], unset: Callable[[str], None]) -> str:
    """The text with Compose's variables replaced. `resolve` returns None for an unset variable; `unset` is called for
    those that are read as empty."""
    made: list[str] = []
    position = 0
    while (found := _DOLLAR.search(text, position)) is not None:
        made.append(text[position : found.start()])
        position = found.end()
        if found["escaped"]:
            made.append("$")
        elif found["named"]:
            made.append(_braced(found["named"], resolve, unset))
        else:
            end = _closing(text, position)
            made.append(_braced(text[position:end], resolve, unset))
            position = end + 1
    return "".join([*made, text[position:]])


def _closing(text: str, start: int) -> int:
    """The position of the brace that closes the one before `start`. Of braces that are not in pairs, the first one."""
    depth = 1
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    if (first := text.find("}", start)) >= 0:
        return first
    raise InterpolationError("a ${ is not closed")


def _braced(inner: str, resolve: Callable[[str], str | None], unset: Callable[[str], None]) -> str:
    found = _BRACED.fullmatch(inner)
    if found is None:
        raise InterpolationError("the text in ${ } is not a variable")
    value, rule = resolve(found["name"]), found["rule"] or ""
    other = substitute(found["other"] or "", resolve, unset)
    given = bool(value) if rule.startswith(":") else value is not None
    if rule.endswith("+"):
        return other if given else ""
    if rule.endswith("?") and not given:
        raise InterpolationError(f"the required variable {found['name']} is not set")
    if value is None and not rule:
        unset(found["name"])
    return value or "" if given or not rule else other


def interpolated(node: Node, environ: Mapping[str, str], problems: Problems, address: str) -> Node:
    """The tree as Compose reads it: variables in values are replaced, keys are not. Values of variables with a secret's
    name are secret."""
    match node:
        case nodes.Mapping():
            entries = tuple(
                (key, interpolated(value, environ, problems, f"{address}.{key.value}")) for key, value in node.entries
            )
            return nodes.Mapping(entries, node.origin, node.source)
        case nodes.Sequence():
            items = (interpolated(item, environ, problems, f"{address}[{n}]") for n, item in enumerate(node))
            return nodes.Sequence(tuple(items), node.origin, node.source)
        case nodes.Scalar(value=str() as text) if "$" in text and not node.verbatim:
            return _interpolated_text(node, text, environ, problems, address)
        case _:
            return node


def _interpolated_text(
    node: nodes.Scalar, text: str, environ: Mapping[str, str], problems: Problems, address: str
) -> Node:
    used: set[str] = set()

    def resolve(name: str) -> str | None:
        used.add(name)
        return environ.get(name)

    def unset(name: str) -> None:
        problems.warn(node.origin, f"the variable {name} is not set; it is read as empty", address=address)

    try:
        made = substitute(text, resolve, unset)
    except InterpolationError as error:
        problems.add(node.origin, str(error), address=address, hint="write $$ for a literal $")
        return node
    return nodes.Scalar(made, node.origin, node.secret or any(map(is_sensitive_name, used)), node.source)


def check_literal(body: Node, problems: Problems, address: str) -> None:
    """Reports what Compose would replace, in keys and values of a resource that is not interpolated. Texts for a shell
    are not checked, except for `$$NAME`; in an environment, labels and options a single `$` is allowed."""
    if not isinstance(body, nodes.Mapping):
        return
    for key, value in body.entries:
        name = str(key.value)
        if name not in UNCHECKED:
            for text, where in _texts(value, f"{address}.{name}"):
                _check_text(text, name, problems, where)


def is_ambiguous(text: str, key: str) -> bool:
    """Whether a text under this key is reported unless it has the tag `!unsafe`."""
    problems = Problems()
    if "$" in text:
        _check_text(nodes.Scalar(text, Origin("")), key, problems, "")
    return any(True for _ in problems)


def warn_of_literals(variables: Node, problems: Problems) -> None:
    """Warns of what Compose would replace in variables, which may be meant for a shell."""
    for node, where in _texts(variables, "vars"):
        found = _MEANT.search(_JINJA.sub("", str(node.value)))
        if found is not None and found["braced"]:
            hint = (
                f'write "{_spelled(found)}", or `interpolation: compose` in the play; !unsafe before it keeps the text'
            )
            problems.warn(node.origin, f"{_shown(found)} is kept unchanged", address=where, hint=hint)


def _texts(node: Node, address: str) -> Iterator[tuple[nodes.Scalar, str]]:
    match node:
        case nodes.Scalar(value=str() as text) if "$" in text and not node.verbatim:
            yield node, address
        case nodes.Sequence():
            for index, item in enumerate(node):
                yield from _texts(item, f"{address}[{index}]")
        case nodes.Mapping():
            for key, value in node.entries:
                yield from _texts(key, address)
                yield from _texts(value, f"{address}.{key.value}")


def _check_text(node: nodes.Scalar, key: str, problems: Problems, address: str) -> None:
    text = _JINJA.sub("", str(node.value))
    if key in SHELL:
        if re.search(r"\$\$[A-Za-z_{(]", text):
            hint = "write a single $, or `interpolation: compose` in the play"
            problems.warn(node.origin, "$$ is not Compose's escape here", address=address, hint=hint)
        return
    found = _MEANT.search(text)
    if found is not None and key in FREE and found["named"] and found[0] != text:
        found = None
    if found is not None:
        hint = f'write "{_spelled(found)}", or `interpolation: compose` in the play; !unsafe before it keeps the text'
        problems.add_final(node.origin, f"{_shown(found)} is a variable of Compose", address=address, hint=hint)
    elif "$$" in text:
        hint = "write a single $, or `interpolation: compose` in the play; !unsafe before it keeps the text"
        problems.add_final(node.origin, "$$ is Compose's escape of $", address=address, hint=hint)


def _shown(found: re.Match[str]) -> str:
    """The default is hidden: it may be a secret."""
    return f"${found['named']}" if found["named"] else f"${{{found['braced']}{'…' if found['rule'] else ''}}}"


def _spelled(found: re.Match[str]) -> str:
    name = found["braced"] or found["named"]
    plain = f"lookup('env', '{name}')"
    return {
        ":-": f"{{{{ {plain} | default('…', true) }}}}",
        "-": f"{{{{ lookup('env', '{name}', default='…') }}}}",
        ":?": f"{{{{ {plain} or undef('…') }}}}",
        "?": f"{{{{ lookup('env', '{name}', default=undef('…')) }}}}",
        ":+": f"{{{{ '…' if {plain} }}}}",
        "+": f"{{{{ '…' if {plain} }}}}",
    }.get(found["rule"] or "", f"{{{{ {plain} }}}}")
