"""Short ways to write inputs and read results in the tests of this layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deployer.config.templates.templar import HostVariables, Templar, Templates
from deployer.config.yaml import load
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Plain, Scalar, Sequence, to_plain

SENTINEL = "s3ntinel-value"


def tree(text: str, file: str = "site.yml") -> Node:
    """The tree of a text that has no errors."""
    problems = Problems()
    node = load(text, file, problems)
    assert node is not None
    assert messages(problems) == []
    return node


def mapping(text: str, file: str = "vars.yml") -> dict[str, Node]:
    node = tree(text, file)
    assert isinstance(node, Mapping)
    return dict(node.items())


def messages(problems: Problems) -> list[str]:
    return [str(problem) for problem in problems]


def secret(text: str = SENTINEL) -> Scalar:
    return Scalar(text, Origin("vault.yml", 1, 9), secret=True)


def templar(
    variables: str = "", *, base: Path | None = None, environ: dict[str, str] | None = None, **more: Node
) -> Templar:
    """A templar whose variables are written in `vars.yml`; more of them by name."""
    given = mapping(variables) if variables else {}
    magic = {"inventory_hostname": Scalar("web1", Origin("built in"))}
    everything = {**given, **more}
    return Templar(
        everything,
        magic=magic,
        hostvars={"web1": HostVariables(everything, magic)},
        templates=Templates(base, environ=environ or {}),
    )


def rendered(text: str, using: Templar) -> Plain:
    """The plain value of a YAML text with templates that all succeed."""
    problems = Problems()
    made = using.render(tree(text), problems)
    assert messages(problems) == []
    return to_plain(made)


def complaints(text: str, using: Templar) -> list[str]:
    """What rendering a YAML text reports."""
    problems = Problems()
    using.render(tree(text), problems)
    return messages(problems)


def scalars(node: Node) -> Iterator[Scalar]:
    match node:
        case Scalar():
            yield node
        case Sequence():
            for item in node.items:
                yield from scalars(item)
        case Mapping():
            for _, value in node.entries:
                yield from scalars(value)
