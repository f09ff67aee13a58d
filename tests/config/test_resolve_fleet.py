"""One play on several hosts: what is declared alike is read once, and nothing else is shared."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from deployer.config.playbook import load_playbooks
from deployer.config.resolve import Inputs, resolve
from deployer.config.vault import encrypt
from deployer.diagnostics import Origin, Problems
from deployer.model.desired import AnyResource, Desired
from deployer.model.settings import ContainerSettings
from deployer.nodes import Mapping, Node, Scalar, Sequence, same
from tests.config.helpers import SENTINEL, messages, secret, templar
from tests.config.resolving import HUNTER, VAULT, body

HERE, THERE = Origin("site.yml", 1, 1), Origin("site.yml", 2, 1)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fleet(text: str, *variables: str, pw: Node | None = None) -> tuple[list[Desired], list[str]]:
    """The play on web1, web2, … with the variables of each, and the errors; the last host has `pw` too."""
    Path("site.yml").write_text(dedent(text).lstrip("\n"))
    problems = Problems()
    (play,) = load_playbooks(["site.yml"], problems, VAULT)
    templars = [templar(given) for given in variables]
    if pw is not None:
        templars[-1] = templar(variables[-1], pw=pw)
    inputs = Inputs(problems, VAULT)
    return [resolve(play, f"web{n}", each, inputs) for n, each in enumerate(templars, 1)], messages(problems)


def webs(keys: str, *variables: str) -> list[AnyResource]:
    found, problems = fleet(body(keys), *variables)
    assert problems == []
    return [host.resources[0] for host in found]


def test_a_resource_that_is_declared_alike_is_read_once() -> None:
    one, two, three = webs("environment: {A: '{{ a }}'}", "a: x", "a: x", "a: y")
    assert one.values is two.values
    assert [found.values["environment"] for found in (one, two, three)] == [{"A": "x"}, {"A": "x"}, {"A": "y"}]
    assert [str(found.address) for found in (one, two, three)] == [f"web{n}/container.web" for n in (1, 2, 3)]


def test_values_that_are_equal_in_python_are_distinguished() -> None:
    found = webs("environment: {A: '{{ a }}'}", "a: 1", "a: true", "a: 1.0", "a: 1")
    assert [each.values["environment"]["A"] for each in found] == ["1", "true", "1.0", "1"]


def test_defaults_of_the_play_are_each_hosts_own() -> None:
    text = "- hosts: all\n  keep_previous: '{{ kept }}'\n  containers: {web: {image: web:1}}\n"
    found, problems = fleet(text, "kept: 1", "kept: 3", "kept: 3")
    assert problems == []
    assert [web.settings.keep_previous for host in found for web in host.of(ContainerSettings)] == [1, 3, 3]


def test_loops_conditions_and_tags_are_each_hosts_own() -> None:
    text = """
    - hosts: all
      containers:
        "app-{{ item }}":
          loop: "{{ names }}"
          when: item != unwanted
          image: web:1
    """
    found, problems = fleet(text, "names: [a, b]\nunwanted: c", "names: [b, c]\nunwanted: c")
    assert problems == []
    assert [[each.name for each in host.resources] for host in found] == [["app-a", "app-b"], ["app-b"]]


def test_places_of_variables_are_each_hosts_own() -> None:
    one, two = webs("user: '{{ a }}'", "a: x", "b: y\na: x")
    assert [str(found.place(("user",))) for found in (one, two)] == ["vars.yml:1:4", "vars.yml:2:4"]


def test_secrets_are_known_on_every_host_that_has_them() -> None:
    (plain, hidden), problems = fleet(body("user: '{{ pw }}'"), f"pw: {SENTINEL}", "", pw=secret(SENTINEL))
    assert problems == []
    assert [host.resources[0].secret_paths for host in (plain, hidden)] == [frozenset(), {("user",)}]
    assert [host.secrets for host in (plain, hidden)] == [frozenset(), {SENTINEL}]


def test_secrets_of_an_env_file_are_known_on_every_host() -> None:
    Path("one.env").write_text(encrypt(f"A={SENTINEL}", HUNTER))
    found, problems = fleet(body("env_file: one.env"), "", "")
    assert problems == []
    assert [host.secrets for host in found] == [{SENTINEL}, {SENTINEL}]
    assert [host.resources[0].values["environment"] for host in found] == [{"A": SENTINEL}] * 2


def test_an_error_on_one_of_two_hosts_is_reported() -> None:
    _, problems = fleet(body("mem_limit: '{{ a }}'"), "a: 1g", "a: lots")
    assert len(problems) == 1
    assert problems[0].startswith("vars.yml:1:4: containers.web.mem_limit: 'lots'")


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (Scalar("a", HERE), Scalar("a", HERE), True),
        (Scalar("a", HERE), Scalar("b", HERE), False),
        (Scalar("a", HERE), Scalar("a", THERE), False),
        (Scalar("a", HERE), Scalar("a", HERE, source=THERE), False),
        (Scalar("a", HERE), Scalar("a", HERE, secret=True), False),
        (Scalar(True, HERE), Scalar(1, HERE), False),
        (Scalar(1, HERE), Scalar(1.0, HERE), False),
        (Sequence((Scalar(1, HERE),), HERE), Sequence((Scalar(1, HERE),), HERE), True),
        (Sequence((Scalar(1, HERE),), HERE), Sequence((Scalar(True, HERE),), HERE), False),
        (Sequence((Scalar(1, HERE),), HERE), Sequence((Scalar(1, HERE),) * 2, HERE), False),
        (Sequence((Scalar(1, HERE),), HERE), Sequence((Scalar(1, HERE),), THERE), False),
        (Sequence((), HERE), Mapping((), HERE), False),
        (Sequence((), HERE), Scalar("", HERE), False),
        (
            Mapping(((Scalar("a", HERE), Scalar(1, HERE)),), HERE),
            Mapping(((Scalar("a", HERE), Scalar(1, HERE)),), HERE),
            True,
        ),
        (
            Mapping(((Scalar("a", HERE), Scalar(1, HERE)),), HERE),
            Mapping(((Scalar("a", HERE), Scalar(1.0, HERE)),), HERE),
            False,
        ),
    ],
)
def test_same_trees(one: Any, other: Any, alike: bool) -> None:
    assert same(one, other) is alike
    assert same(other, one) is alike
