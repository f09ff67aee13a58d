"""Nothing goes undocumented: commands, options, exit codes, events, keys of plays, connection variables, rooms."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from deployer.cli.app import APP
from deployer.config.play_keys import PLAY
from deployer.errors import ExitCode
from deployer.model.kinds import BY_SECTION
from deployer.model.plan import Action
from deployer.reach.names import entries
from tests.docs.blocks import blocks, documents
from tests.lab.settings import CHECKOUT

DOCS = CHECKOUT / "docs"
PACKAGE = CHECKOUT / "deployer"


COMMAND_PAGES = ("commands.md", "day-two.md")


def commands_code() -> frozenset[str]:
    """Of the pages of commands."""
    return frozenset().union(*(code(page) for page in COMMAND_PAGES))


@cache
def code(page: str) -> frozenset[str]:
    """Everything a page sets as code outside its blocks, also cut into words."""
    text = re.sub(r"^ *```.*?^ *```$", "", (DOCS / page).read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", text)
    return frozenset(spans) | frozenset(word.rstrip(",") for span in spans for word in span.split())


def _commands(group: click.Group, path: str = "deployer") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        yield f"{path} {name}", found
        if isinstance(found, click.Group):
            yield from _commands(found, f"{path} {name}")


COMMANDS = [("deployer", APP), *_commands(APP)]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[path for path, _ in COMMANDS])
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    assert any(f"{span} ".startswith(f"{path} ") for span in commands_code()) or path == "deployer"
    options = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    assert not options - commands_code()


def test_no_option_is_documented_that_does_not_exist() -> None:
    known = {name for _, command in COMMANDS for param in command.params for name in param.opts} | {"-h", "--help"}
    page = "".join((DOCS / name).read_text("utf-8") for name in COMMAND_PAGES)
    tables = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `-")]
    assert {name for cell in tables for name in re.findall(r"`(--?[\w-]+)", cell)} <= known


def test_every_exit_code_is_documented() -> None:
    rows = re.findall(r"^\| (\d+) \|", (DOCS / "exit-codes.md").read_text("utf-8"), re.MULTILINE)
    assert [int(row) for row in rows] == sorted(ExitCode)


def _types() -> set[str]:
    """Every `"type": "…"` that the program writes."""
    found: set[str] = set()
    for file in [*(PACKAGE / "reporting").glob("*.py"), *(PACKAGE / "cli").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant):
                        found.add(str(value.value))
    return found


def test_every_event_and_document_is_documented() -> None:
    assert {"plan", "step_ended", "summary", "ps"} <= _types()
    assert not _types() - {word.strip('"') for word in code("json.md")}


def test_every_key_of_a_play_is_documented() -> None:
    assert not {*(entry.name for entry in PLAY), *BY_SECTION} - code("playbooks.md")


def test_every_connection_variable_is_documented() -> None:
    assert not {entry.name for entry in entries()} - code("inventory.md")


def test_every_symbol_of_a_plan_is_explained() -> None:
    assert not {str(action) for action in Action} - code("playbooks.md")


def _literals() -> list[str]:
    """Every text in the rooms that explain connections, as it is put together from adjacent parts."""
    files = [*(PACKAGE / "transport").rglob("*.py"), *(PACKAGE / "engine").glob("*.py")]
    trees = [ast.parse(file.read_text("utf-8")) for file in files]
    return [
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_explained_messages_are_those_of_the_program() -> None:
    page = (DOCS / "connections.md").read_text("utf-8").partition("| message |")[2]
    messages = re.findall(r"^\| `(.+?)` \|", page, re.MULTILINE)
    literals = _literals()
    parts = [part.strip() for message in messages for part in message.split("…") if len(part.strip()) > 2]
    assert len(messages) > 15
    assert not [part for part in parts if not any(part in literal for literal in literals)]


def test_pages_know_nothing_of_the_machine_they_were_written_on() -> None:
    for page in documents():
        assert str(CHECKOUT) not in page.read_text("utf-8"), page.name


def test_rooms_exist() -> None:
    (tree,) = [block for block in blocks(DOCS / "contributing.md") if "rooms" in block.words]
    folder = Path()
    for line in tree.text.splitlines():
        name = line.split()[0]
        folder = Path() if not line.startswith(" ") else folder
        assert (CHECKOUT / folder / name).exists(), name
        folder = Path(name) if not line.startswith(" ") else folder


def test_every_room_is_shown() -> None:
    (tree,) = [block for block in blocks(DOCS / "contributing.md") if "rooms" in block.words]
    shown = {line.split()[0].rstrip("/") for line in tree.text.splitlines()}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert not rooms - shown
