"""Comparing a text with a file that holds what it should be."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Golden:
    update: bool

    def check(self, name: str, text: str) -> None:
        path = _FOLDER / name
        if self.update:
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8"), f"differs from {path}; --update-golden takes it over"
