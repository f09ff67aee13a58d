"""Playbooks written in a test and resolved for one host; the current directory is the test's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from deployer.config.playbook import load_playbooks
from deployer.config.resolve import Inputs, join_plays, resolve
from deployer.config.tag_filter import TagFilter
from deployer.config.templates.templar import Templar
from deployer.config.vault import VaultSecret, VaultSecrets
from deployer.diagnostics import Problems
from deployer.model.desired import Container, Desired
from deployer.model.settings import ContainerSettings
from deployer.nodes import Node
from tests.config.helpers import messages, templar

HUNTER = VaultSecret("default", b"hunter2")
VAULT = VaultSecrets((HUNTER,))


@dataclass(frozen=True)
class Resolved:
    """What came of every play of `site.yml`, in order, and every error."""

    plays: tuple[Desired, ...]
    problems: list[str]

    @property
    def one(self) -> Desired:
        assert self.problems == []
        return self.plays[0]


def try_resolve(text: str, using: Templar | None = None, tags: TagFilter | None = None) -> Resolved:
    """Each play begins at column 1 with `- `; errors of the static pass are in it."""
    Path("site.yml").write_text(dedent(text).lstrip("\n"))
    problems = Problems()
    plays = load_playbooks(["site.yml"], problems, VAULT)
    inputs = Inputs(problems, VAULT, tags or TagFilter())
    found = [resolve(play, "web1", using or templar(), inputs) for play in plays]
    return Resolved(join_plays(found, problems), messages(problems))


def complaints(text: str, variables: str = "", pw: Node | None = None) -> list[str]:
    return try_resolve(text, _templar(variables, pw)).problems


def desired(text: str, variables: str = "", pw: Node | None = None) -> Desired:
    return try_resolve(text, _templar(variables, pw)).one


def body(keys: str) -> str:
    """A play of one container `web` with an image; its further keys begin at line 5, column 7."""
    lines = "".join(f"      {line}\n" for line in dedent(keys).strip().splitlines())
    return f"- hosts: all\n  containers:\n    web:\n      image: web:1\n{lines}"


def web(keys: str, variables: str = "", pw: Node | None = None) -> Container:
    (found,) = desired(body(keys), variables, pw).of(ContainerSettings)
    return found


def names(found: Desired) -> list[str]:
    return [resource.address.label for resource in found.resources]


def _templar(variables: str, pw: Node | None) -> Templar:
    return templar(variables) if pw is None else templar(variables, pw=pw)
