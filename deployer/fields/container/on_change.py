"""`on_change`: what a container does when the content of a file that it mounts has changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from schema import Or

from deployer.fields.leaves import WORDS
from deployer.fields.options import Reaction
from deployer.fields.shapes import Entry, Forms, Leaf, Record
from deployer.fields.table import Violation
from deployer.values import signals

KEY: Final = "on_change"
FIELDS: Final = ("configs", "secrets", "volumes")
"""Fields whose parts may have it."""

_ALONE: Final = (Reaction.RECREATE, Reaction.RESTART, Reaction.NONE)


def _one(found: dict[str, Any]) -> dict[str, Any]:
    if len(found) != 1:
        raise ValueError("write one of signal and exec")
    if found.get("exec") == []:
        raise ValueError("exec requires a command")
    if "signal" in found:
        return {"reaction": Reaction.SIGNAL, "signal": found["signal"]}
    return {"reaction": Reaction.EXEC, "command": tuple(found["exec"])}


_WORDS: Final = tuple(map(str, _ALONE))
SHAPE: Final = Forms(
    expects=f"one of {', '.join(_ALONE)}, or signal or exec",
    scalar=Leaf(
        lambda word: word in _WORDS,
        f"one of {', '.join(_ALONE)}, or signal or exec",
        lambda word: {"reaction": Reaction(word)},
        json={"enum": list(_ALONE)},
    ),
    mapping=Record(
        (
            Entry(
                name="signal",
                shape=Leaf(Or(int, str), "a signal such as SIGHUP", signals.parse),
                doc="Signal for the container's process, such as SIGHUP.",
            ),
            Entry(name="exec", shape=WORDS, doc="Command to run in the container, such as [nginx, -s, reload]."),
        ),
        _one,
    ),
)


def entry(default: str) -> Entry:
    """The key of a part. `default`: what counts without it."""
    doc = f"What to do when the content changes: recreate, restart, none, or signal or exec. Default: {default}."
    return Entry(name=KEY, shape=SHAPE, doc=doc)


def reactions(values: dict[str, Any], settings: dict[str, Any]) -> Iterator[Violation]:
    """They are settings of the container, and no part of what the engine compares."""
    if found := _taken(values):
        settings[KEY] = found
    yield from ()


def no_reactions(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """For jobs."""
    for field in _taken(values):
        yield field, f"'{KEY}' is for containers: a job reads its files when it runs, and runs again if they change"


def _taken(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By field and target."""
    found: dict[str, dict[str, Any]] = {}
    for field in FIELDS:
        parts = values.get(field) or {}
        if any(KEY in part for part in parts.values()):
            found[field] = {target: part[KEY] for target, part in parts.items() if KEY in part}
            bare = {t: {key: value for key, value in part.items() if key != KEY} for t, part in parts.items()}
            values[field] = bare
    return found
