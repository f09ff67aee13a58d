"""Errors in what the program is given: all found in one run, each at its place, before any host is contacted.

These tests need no lab: the only host of the inventory is a socket of this process that nobody may call.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support import Ran, run_program

TEN_MISTAKES = """\
- name: Shop
  hosts: all
  serial: "a few"
  networks:
    front: {ipam: {config: [{subnet: 10.0.0.0/33}]}}
  volumes:
    x: {}
  containers:
    web:
      imagee: busybox:1
      image: busybox:1
      ports: ["99999:80"]
      environment: {A: [1, 2]}
      restart: sometimes
      mem_limit: 64q
      depends_on: [dbb]
    db:
      command: sleep 1
    cache:
      image: "{{ no_such_variable }}"
"""

PLACES = {
    (3, "serial"),
    (5, "subnet"),
    (7, "name of a volume"),
    (10, "unknown key 'imagee'"),
    (12, "99999"),
    (13, "environment"),
    (14, "sometimes"),
    (15, "64q"),
    (16, "dbb"),
    (17, "'image' is missing"),
    (20, "no_such_variable"),
}
"""Line, and a word of what is said of it."""


@pytest.fixture
def inventory(tmp_path: Path) -> Iterator[Path]:
    """A host that listens; the test fails when somebody calls."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        file = tmp_path / "hosts.yml"
        port = server.getsockname()[1]
        file.write_text(f"all: {{hosts: {{web1: {{ansible_host: 127.0.0.1, ansible_port: {port}}}}}}}\n")
        yield file
        with pytest.raises(BlockingIOError):
            server.accept()


def plan(folder: Path, text: str, *words: str) -> Ran:
    (folder / "shop.yml").write_text(text)
    return run_program(folder, "plan", "-i", "hosts.yml", "shop.yml", *words)


def test_every_error_is_reported_at_its_place(inventory: Path, tmp_path: Path) -> None:
    said = plan(tmp_path, TEN_MISTAKES)
    assert said.code == 1
    places = re.findall(r"^shop\.yml:(\d+):(\d+): (.*)$", said.err, re.MULTILINE)
    assert said.out == ""
    found = {(line, word) for line, word in PLACES for at, _, text in places if int(at) == line and word in text}
    assert found == PLACES, said.err
    assert len(places) == len(PLACES)


def test_every_error_is_in_the_document_too(inventory: Path, tmp_path: Path) -> None:
    said = plan(tmp_path, TEN_MISTAKES, "--json")
    assert said.code == 1
    assert len(said.diagnostics) == len(PLACES)
    assert all(found["origin"]["file"] == "shop.yml" for found in said.diagnostics)
    assert {found["origin"]["line"] for found in said.diagnostics} == {line for line, _ in PLACES}
    assert all(found["origin"]["column"] for found in said.diagnostics)


def test_likely_names_are_suggested(inventory: Path, tmp_path: Path) -> None:
    said = plan(tmp_path, TEN_MISTAKES)
    assert "'image'" in said.err
    assert "'db'" in said.err


GOOD = "- hosts: all\n  containers: {web: {image: 'busybox:1'}}\n"


@pytest.mark.parametrize("limit", ["nosuch", "web*:!web1", "@nosuch.retry"])
def test_a_limit_that_matches_nothing_is_an_error(inventory: Path, tmp_path: Path, limit: str) -> None:
    """T16."""
    said = plan(tmp_path, GOOD, "--limit", limit)
    assert said.code == 1
    assert limit.strip("@").partition(":")[0] in said.err


@pytest.mark.parametrize("pattern", ["nosuch", "nosuch:!web1", "'{{ group }}'"])
def test_so_is_a_pattern_that_matches_nothing(inventory: Path, tmp_path: Path, pattern: str) -> None:
    said = plan(tmp_path, GOOD.replace("all", pattern), "-e", "group=nosuch")
    assert said.code == 1
    assert "shop.yml:1:10: " in said.err
    assert "nosuch" in said.err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- hosts: all\n  containers:\n  web: {}\n", "shop.yml:3:3: "),
        ("- hosts: all\n  containers: {web: {image: {{ tag }}}}\n", "shop.yml:2:"),
        ("- hosts: [all\n", "shop.yml:2:1: "),
        ("- hosts: all\n  containers: {web: {image: a, image: b}}\n", "shop.yml:2:32: "),
        ("- hosts: all\n  containers: {web: {image: '{{ a'}}\n", "shop.yml:2:"),
        ("\thosts: all\n", "shop.yml:1:1: "),
        ("hosts: all\n", "shop.yml:1:1: "),
    ],
)
def test_errors_in_playbooks_have_positions(inventory: Path, tmp_path: Path, text: str, place: str) -> None:
    said = plan(tmp_path, text)
    assert said.code == 1
    assert place in said.err, said.err
    assert "Traceback" not in said.err


def test_errors_in_inventory_variables_and_files_are_reported_together(inventory: Path, tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "all.yml").write_text("limit: 64m\nlimit: 65m\n")
    (tmp_path / "web.env").write_text("A=1\nno equals sign here\n")
    said = plan(
        tmp_path,
        "- hosts: all\n  vars_files: [nosuch.yml]\n  containers:\n"
        "    web: {image: 'busybox:1', env_file: [web.env, none.env]}\n",
    )
    assert said.code == 1
    for part in ("group_vars/all.yml:2:1: ", "nosuch.yml", "none.env"):
        assert part in said.err, said.err


def test_the_same_resource_in_two_plays_names_both_places(inventory: Path, tmp_path: Path) -> None:
    said = plan(tmp_path, GOOD + GOOD)
    assert said.code == 1
    assert "shop.yml:4:" in said.err
    assert "shop.yml:2:" in said.err


def test_no_playbook_no_inventory_no_such_option(inventory: Path, tmp_path: Path) -> None:
    for words in (("plan",), ("plan", "nosuch.yml"), ("plan", "-i", "nosuch", "shop.yml"), ("plan", "--nosuch")):
        said = run_program(tmp_path, *words)
        assert said.code == 1, words
        assert said.out == ""
        assert said.err
