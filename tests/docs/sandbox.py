"""Where the commands of one page run: an empty folder that is also the home, with simulated hosts."""

import io
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.settings import CHECKOUT
from tests.program import call

# A page may use these without showing them.
HOSTS = """\
all:
  vars: {connection: simulated}
  children:
    web: {hosts: {"web[1:3]": {}}}
    db: {hosts: {db1: {}}}
    production: {hosts: {web1: {}, web2: {}, db1: {}}}
"""
# Such commands are left to a shell; others are called in this process.
_SHELL = re.compile(r"[|<>&;$`\n]")
_VARYING = (
    (re.compile(r"\b\d+\.\d+ ?s\b"), "0.1s"),
    (re.compile(r"\b\d+(\.\d+)? [kMGT]B\b"), "1 GB"),
    (re.compile(r"\bUp (Less than a|\d+) seconds?"), "Up 1 second"),
    (re.compile(r'"@timestamp": "[^"]+"'), '"@timestamp": "…"'),
    # Hosts of the lab.
    (re.compile(r"\b10\.77\.\d\.\d\d\b"), "10.77.0.11"),
    (re.compile(r'"seconds": [0-9.e-]+'), '"seconds": 0.1'),
    (re.compile(r"\bcreated at \S+ by deployer \S+"), "created at … by deployer …"),
)


@dataclass(slots=True)
class Sandbox:
    """Runs commands one after the other; `$?` is the exit code of the one before."""

    folder: Path
    home: Path
    _code: int = field(default=0, init=False)

    def run(self, command: str) -> tuple[int, str]:
        """The exit code, and what was written to both streams."""
        if command.startswith("deployer ") and not _SHELL.search(command):
            both = io.StringIO()
            self._code = call(shlex.split(command)[1:], self.folder, self._environment(), both, both)
            return self._code, both.getvalue()
        done = subprocess.run(
            ["bash", "-c", f"(exit {self._code})\n{command}"],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self._code = done.returncode
        return done.returncode, done.stdout

    def write(self, name: str, text: str) -> None:
        """A file in the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def _environment(self) -> dict[str, str]:
        programs = Path(sys.executable).parent
        return {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "LANG": "C.UTF-8",
            "COLUMNS": "80",
        }


def sandbox(folder: Path) -> Sandbox:
    """A new one, in a folder of its own below `folder`."""
    here, home = folder / "here", folder / "home"
    here.mkdir()
    home.mkdir()
    made = Sandbox(here, home)
    made.write("hosts.yml", HOSTS)
    (here / "playbooks").symlink_to(CHECKOUT / "playbooks")
    # A folder of its own: pages of real hosts write into it.
    (here / "inventory").mkdir()
    for file in (CHECKOUT / "inventory").glob("*.yml"):
        (here / "inventory" / file.name).symlink_to(file)
    return made


def same(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether a page shows what was printed; times do not count, nor which of several hosts was first, and `…` stands
    for any lines."""
    return _same(_settled(shown), _settled(printed))


def _same(shown: Sequence[str], printed: Sequence[str]) -> bool:
    if "…" not in shown:
        return list(shown) == list(printed)
    gap = list(shown).index("…")
    if list(shown[:gap]) != list(printed[:gap]):
        return False
    rest = shown[gap + 1 :]
    return any(_same(rest, printed[start:]) for start in range(gap, len(printed) + 1))


def _settled(lines: Sequence[str]) -> list[str]:
    """Consecutive lines of steps are in the order of their hosts."""
    groups = itertools.groupby(map(_without_times, lines), _host_of_step)
    found: list[tuple[str, list[str]]] = [(host, list(group)) for host, group in groups]
    parts = itertools.groupby(found, lambda each: bool(each[0]))
    ordered = (sorted(part, key=lambda each: each[0]) for _, part in parts)
    return [line for part in ordered for _, group in part for line in group]


def _host_of_step(line: str) -> str:
    return line.partition(" ")[0] if line.endswith(" (0.1s)") else ""


def _without_times(line: str) -> str:
    for pattern, text in _VARYING:
        line = pattern.sub(text, line)
    return line.rstrip()
