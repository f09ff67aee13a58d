"""Injected functions of the system: run a program, ask for a password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from deployer.interfaces import Guarded


class ScriptResult(Guarded, frozen=True):
    """A program's exit code and output. The output may be a password and is not in the repr."""

    hidden: ClassVar[tuple[str, ...]] = ("stdout",)
    status: int
    stdout: str = ""
    stderr: str = ""


#: Runs `[program, argument, …]` and waits; raises OSError, its `strerror` for the user, when the program cannot be
#: started, does not end in time or prints too much.
RunScript: TypeAlias = Callable[[Sequence[str]], ScriptResult]

#: Shows the text, a colon behind it, and returns what was typed; raises `RefusedError` without a terminal.
Prompt: TypeAlias = Callable[[str], str]
