"""What BuildKit tells of a build: which instruction runs, what it writes, and what failed (`moby.buildkit.trace`)."""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Mapping
from typing import Final

from deployer.engine.buildkit.protobuf import Message
from deployer.errors import EngineError
from deployer.interfaces import Json, Progress
from deployer.values import dockerfile

TRACE: Final = "moby.buildkit.trace"
_VERTEXES, _LOGS = 1, 3
_LINES: Final = 15
"""Last lines of output that an error shows."""

_INTERNAL: Final = "[internal]"
_NUMBERED: Final = re.compile(r"\[[^]]*?(\d+/\d+)\] ")
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r(?!\n)")


class Trace:
    """Follows one build. `name` and `text`: of the Dockerfile."""

    def __init__(self, name: str, text: str, progress: Progress) -> None:
        self._file = name
        self._text = text
        self._progress = progress
        self._names: dict[str, str] = {}
        self._begun: set[str] = set()
        self._output: dict[str, deque[str]] = {}
        self._partial: dict[str, str] = {}
        self._failed = ""

    def take(self, message: Json) -> None:
        """A message of the stream; raises `EngineError` for the failure of the build."""
        if message.get("id") == TRACE:
            try:
                self._take_trace(Message(base64.b64decode(str(message.get("aux") or ""))))
            except ValueError as error:
                raise EngineError(f"the engine's progress of the build cannot be read: {error}", status=0) from error
        detail: Mapping[str, object] = message.get("errorDetail") or {}
        if detail or message.get("error"):
            raise self.failure(str(detail.get("message") or message.get("error")))

    def failure(self, message: str) -> EngineError:
        """With the instruction that failed, its line and its last output."""
        name, output = self._names.get(self._failed, ""), self._output.get(self._failed, ())
        where = self._where(name)
        rest = self._partial.get(self._failed, "").strip()
        lines = [line for line in (*output, rest) if line.strip()][-_LINES:]
        return EngineError(f"{where}{message.strip()}", status=0, hint="\n".join(lines))

    def _take_trace(self, trace: Message) -> None:
        for vertex in trace.messages(_VERTEXES):
            digest, name = vertex.text(1), vertex.text(3)
            self._names[digest] = name or self._names.get(digest, "")
            if vertex.has(5) and digest not in self._begun and not vertex.number(4):
                self._begun.add(digest)
                if name and not name.startswith(_INTERNAL):
                    self._progress({"step": " ".join(name.split())})
            if vertex.text(7) and not (self._failed and "context canceled" in vertex.text(7)):
                self._failed = digest
        for log in trace.messages(_LOGS):
            self._take_log(log.text(1), log.text(4))

    def _take_log(self, digest: str, text: str) -> None:
        *lines, rest = (self._partial.get(digest, "") + text).split("\n")
        self._partial[digest] = rest[-4096:]
        kept = self._output.setdefault(digest, deque(maxlen=_LINES))
        kept.extend(_ESCAPES.sub("", line).rstrip() for line in lines)

    def _where(self, name: str) -> str:
        """`RUN npm ci (Dockerfile:5): `."""
        instruction = _NUMBERED.sub("", name)
        if not name or name.startswith(_INTERNAL):
            return ""
        words = " ".join(instruction.split())
        for found in dockerfile.instructions(self._text):
            if str(found) == words or (found.rest and found.keyword == "RUN" and words.endswith(found.rest)):
                return f"{found} ({self._file}:{found.line}): "
        return f"{words}: "
