"""Markdown into fenced blocks, each with what is to be done with it.

The info string says it, `LANGUAGE WORD... NAME=VALUE...`:

    yaml playbook        a whole playbook: validated
    yaml play            the keys of one play, `hosts: all` is added: validated
    yaml inventory       an inventory: validated
    ini inventory        likewise
    ini unit             a service of systemd: its command is one of deployer, with options that it has
    yaml vars            variables: read as YAML
    yaml ci              a pipeline: its commands of deployer exist and have their options
    json, toml           read as such
    console              commands behind `$ `, lines that go on behind `> `, and what they print: run and compared
    console lab          likewise, on the real hosts of the lab and in the checkout
    console untested     commands that cannot be run here; none of deployer's may be among them
    text                 nothing that could be checked; only where ALLOWED_TEXT says so
    text rooms           the tree of folders, which test_coverage.py compares

`file=NAME` also writes the block into the folder that later blocks of the same document find. `same=NAME` says that the
block is that file of the repository, without its comments. A comment `<!-- run: COMMAND -->` is run in the folder
without being shown; README.md has none, so its commands can be typed as printed. A line `…` in an output stands for
any lines; where it is all that is shown, the command has to succeed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.settings import CHECKOUT

FENCE = re.compile(r"(?P<indent> *)```(?P<info>.*)")
HIDDEN = re.compile(r"<!-- run: (?P<command>.+) -->")
ELSEWHERE = {
    "reference.md": "made from the tables; tests/spec and tests/config read every example",
    "editor.md": "settings of other programs",
}
ALLOWED_TEXT = ("lifecycle.md", "contributing.md")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, or a hidden command. `line` is that of the opening fence."""

    document: Path
    line: int
    language: str
    words: tuple[str, ...] = ()
    options: dict[str, str] = field(default_factory=dict)
    text: str = ""

    @property
    def place(self) -> str:
        """`docs/playbooks.md:12`."""
        return f"{self.document.relative_to(CHECKOUT)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block and the lines it is shown to print. `line` is the first of these."""

    text: str
    output: tuple[str, ...]
    line: int


def documents() -> list[Path]:
    """All pages whose blocks are to be checked here."""
    pages = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
    return [page for page in pages if page.name not in ELSEWHERE]


def blocks(document: Path) -> list[Block]:
    """In the order of the page."""
    return list(_blocks(document, document.read_text("utf-8").splitlines()))


def _blocks(document: Path, lines: list[str]) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        hidden = HIDDEN.fullmatch(lines[number].strip())
        fence = FENCE.fullmatch(lines[number])
        number += 1
        if hidden:
            yield Block(document, number, "hidden", text=hidden["command"])
        if fence:
            closing = f"{fence['indent']}```"
            end = next((n for n in range(number, len(lines)) if lines[n] == closing), len(lines))
            text = "".join(f"{line.removeprefix(fence['indent'])}\n" for line in lines[number:end])
            yield _block(document, number, fence["info"], text)
            number = end + 1


def _block(document: Path, line: int, info: str, text: str) -> Block:
    language, *rest = info.split() or [""]
    options = dict(word.split("=", 1) for word in rest if "=" in word)
    return Block(document, line, language, tuple(word for word in rest if "=" not in word), options, text)


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line + 1):
        if line.startswith("$ "):
            found.append(Command(line[2:], (), number + 1))
        elif line.startswith("> ") and found and not found[-1].output:
            found[-1] = Command(f"{found[-1].text}\n{line[2:]}", (), number + 1)
        else:
            assert found, f"{block.place}: a console block begins with a command"
            last = found[-1]
            found[-1] = Command(last.text, (*last.output, line), last.line)
    return found
