"""What this layer asks the system for through injected callables: running a program, asking for a password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from deployer.interfaces import Guarded


class ScriptResult(Guarded, frozen=True):
    """How a program ended and what it wrote; its output may be a password and stays out of the repr."""

    hidden: ClassVar[tuple[str, ...]] = ("stdout",)
    status: int
    stdout: str = ""
    stderr: str = ""


#: Runs `[program, argument, …]` and waits; raises OSError, its `strerror` for the user, when the program cannot be
#: started, does not end in time or prints too much.
RunScript: TypeAlias = Callable[[Sequence[str]], ScriptResult]

#: Shows the text, a colon behind it, and returns what was typed; raises `RefusedError` without a terminal.
Prompt: TypeAlias = Callable[[str], str]
