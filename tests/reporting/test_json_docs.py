"""docs/json.md names every key there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_DOCS = _HERE.parent.parent / "docs" / "json.md"


def keys(value: Any) -> Iterator[str]:
    match value:
        case dict():
            yield from value
            for part in value.values():
                yield from keys(part)
        case list():
            for part in value:
                yield from keys(part)


@pytest.mark.parametrize("file", ["plan.json", "events.jsonl"])
def test_every_key_is_documented(file: str) -> None:
    text = (_HERE / "golden" / file).read_text("utf-8")
    documents = [json.loads(text)] if file == "plan.json" else [json.loads(line) for line in text.splitlines()]
    documented = set(re.findall(r"`(@?\w+)`", _DOCS.read_text("utf-8")))
    assert {key for document in documents for key in keys(document)} <= documented
