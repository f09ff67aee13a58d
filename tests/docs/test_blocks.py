"""Every block of every page is checked, each page in order and in a folder of its own."""

import configparser
import json
import re
import shlex
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from deployer.cli.app import APP
from tests.docs.blocks import ALLOWED_TEXT, Block, blocks, commands, documents
from tests.docs.sandbox import Sandbox, same, sandbox
from tests.lab import inventory
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT

PAGES = documents()


def _name(page: Path) -> str:
    return page.name


class Page:
    """Checks blocks; with `update`, remembers what has to be rewritten."""

    def __init__(self, box: Sandbox, *, update: bool) -> None:
        self._box = box
        self._update = update
        self._edits: list[tuple[int, int, list[str]]] = []
        self._checks: dict[str, Callable[[Block], None]] = {
            "yaml playbook": self._playbook,
            "yaml play": self._play,
            "yaml inventory": self._inventory,
            "ini inventory": self._inventory,
            "ini unit": _unit,
            "yaml vars": self._variables,
            "yaml ci": _pipeline,
            "json": _json,
            "toml": _toml,
            "console": self.console,
            "console lab": lambda block: None,
            "console untested": _untested,
            "text": _text,
            "text rooms": _text,
            "hidden": self._hidden,
        }

    def check(self, block: Block) -> None:
        """Fails when the block does not hold, or when nobody knows what to do with it."""
        kind = " ".join((block.language, *block.words))
        assert kind in self._checks, f"{block.place}: nothing checks a block '{kind}'; tests/docs/blocks.py says which"
        if "file" in block.options:
            self._box.write(block.options["file"], block.text)
        if "same" in block.options:
            lines = (CHECKOUT / block.options["same"]).read_text("utf-8").splitlines(keepends=True)
            assert block.text == "".join(line for line in lines if not line.startswith("#")), block.place
        self._checks[kind](block)

    def console(self, block: Block) -> None:
        for command in commands(block):
            code, output = self._box.run(command.text)
            printed = output.splitlines()
            assert code == 0 or command.output != ("…",), f"{block.document.name}:{command.line}: {code}: {output}"
            if same(command.output, printed):
                continue
            assert self._update, (
                f"{block.document.name}:{command.line}: '{command.text}' prints something else than is shown "
                f"(--update-golden takes it over):\n{output}"
            )
            self._edits.append((command.line - 1, len(command.output), printed))

    def rewrite(self, page: Path) -> None:
        """Put what was printed in place of what was shown."""
        lines = page.read_text("utf-8").splitlines()
        for start, count, printed in reversed(self._edits):
            lines[start : start + count] = [line.rstrip() for line in printed]
        if self._edits:
            page.write_text("\n".join(lines) + "\n", "utf-8")

    def _playbook(self, block: Block) -> None:
        self._box.write(".block.yml", block.text)
        self._valid(block, block.options.get("file") or block.options.get("same", ".block.yml"))

    def _play(self, block: Block) -> None:
        self._box.write(".block.yml", "- hosts: all\n" + textwrap.indent(block.text, "  "))
        self._valid(block, ".block.yml")

    def _inventory(self, block: Block) -> None:
        name = block.options.get("file", f".block.{block.language}")
        self._box.write(name, block.text)
        code, output = self._box.run(f"deployer inventory list -i {name}")
        assert code == 0, f"{block.place}: {output}"

    def _variables(self, block: Block) -> None:
        assert isinstance(yaml.safe_load(block.text), dict), f"{block.place}: variables are a map"

    def _hidden(self, block: Block) -> None:
        code, output = self._box.run(block.text)
        assert code == 0, f"{block.place}: {output}"

    def _valid(self, block: Block, name: str) -> None:
        inventory, further = block.options.get("inventory", "hosts.yml"), block.options.get("validate", "")
        code, output = self._box.run(f"deployer validate -i {inventory} {name} {further}")
        assert code == 0, f"{block.place}: {output}"


def _json(block: Block) -> None:
    json.loads(block.text)


def _unit(block: Block) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(block.text)
    _command(block, unit["Service"]["ExecStart"])


def _pipeline(block: Block) -> None:
    texts = [each for each in _texts(yaml.safe_load(block.text)) if each.startswith("deployer ")]
    assert texts, f"{block.place}: no command of deployer"
    for text in texts:
        _command(block, text)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict() | list():
            for part in value.values() if isinstance(value, dict) else value:
                yield from _texts(part)


def _command(block: Block, text: str) -> None:
    program, name, *words = shlex.split(text)
    with APP.make_context("deployer", [name], resilient_parsing=True) as context:
        command = APP.get_command(context, name)
        assert (Path(program).name, command is not None) == ("deployer", True), block.place
        assert command is not None
        command.make_context(name, words, parent=context).close()


def _toml(block: Block) -> None:
    tomllib.loads(block.text)


def _untested(block: Block) -> None:
    for command in commands(block):
        assert not command.text.startswith("deployer"), f"{block.place}: a command of deployer can be tested"
        if command.text.startswith("make "):
            target = command.text.split()[1]
            assert f"\n{target}:" in (CHECKOUT / "Makefile").read_text(), f"{block.place}: no target '{target}'"


def _text(block: Block) -> None:
    assert block.document.name in ALLOWED_TEXT, f"{block.place}: say what the block is, so that it can be checked"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_pages_show_true_output(page: Path, tmp_path: Path, update: bool) -> None:
    checks = Page(sandbox(tmp_path), update=update)
    for block in blocks(page):
        checks.check(block)
    checks.rewrite(page)


@pytest.mark.lab
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any("lab" in block.words for block in blocks(page))], ids=_name
)
def test_pages_show_true_output_of_real_hosts(
    page: Path, tmp_path: Path, update: bool, lab_hosts: tuple[Host, ...]
) -> None:
    box = sandbox(tmp_path)
    box.write(
        "inventory/lab/hosts.yml",
        inventory.text([replace(host, name=f"lab{n}") for n, host in enumerate(lab_hosts, 1)]),
    )
    checks = Page(box, update=update)
    for block in blocks(page):
        if "lab" in block.words:
            checks.console(block)
    checks.rewrite(page)


def test_commands_in_readme_can_be_typed_as_printed() -> None:
    shown = blocks(CHECKOUT / "README.md")
    assert not [block.place for block in shown if block.language == "hidden" or "file" in block.options]


def _prose(page: Path) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]*)\)", _prose(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        assert found.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in _anchors(found), f"{page.name} links to {target}"
