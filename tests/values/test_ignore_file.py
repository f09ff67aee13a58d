"""`.dockerignore` by the engine's rules; `tests/contract` holds the same table to real engines."""

from __future__ import annotations

import pytest

from deployer.values.ignore_file import parse
from tests.values.ignored import CASES, TREE, kept


@pytest.mark.parametrize(("text", "left"), CASES)
def test_the_engine_leaves_out_the_same_files(text: str, left: str) -> None:
    assert kept(text) == left.split()


def test_all_files_are_kept_without_patterns() -> None:
    assert kept("") == list(TREE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n[b\n", "line 2: '[b' is not a pattern: a '[' has no end"),
        ("[]a]", "line 1: '[]a]' is not a pattern: a '[' has no end"),
        ("a[-x]", "line 1: 'a[-x]' is not a pattern: a '[' has no end"),
        ("# x\n\n!", "line 3: '!' is not a pattern: nothing follows the '!'"),
        ("a\\", "line 1: 'a\\' is not a pattern: nothing follows the '\\'"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="line") as raised:
        parse(text)
    assert str(raised.value) == said
