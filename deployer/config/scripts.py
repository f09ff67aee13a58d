"""What this layer asks the world for through injected callables: running a program, asking for a password."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import TypeAlias

from deployer.records import dataclass


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How a program ended and what it wrote; its output may be a password and stays out of the repr."""

    status: int
    stdout: str = field(default="", repr=False)
    stderr: str = ""


#: Runs `[program, argument, …]` and waits; raises OSError when the program cannot be started.
RunScript: TypeAlias = Callable[[Sequence[str]], ScriptResult]

#: Shows the text, a colon behind it, and returns what was typed; raises `RefusedError` where nobody can be asked.
Prompt: TypeAlias = Callable[[str], str]
