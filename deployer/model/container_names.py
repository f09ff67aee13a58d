"""Names that a container has beside its own while it is replaced and after. Pure.

While `web` is replaced, its successor is called `web.deployer-new` and it is itself set aside as `web.deployer-old`.
Afterwards it is kept, stopped, as `web.previous`, the one before it as `web.previous-2`; a successor that failed is
kept as `web.failed`. All of them carry the labels of `web`: labels cannot be changed, names can.
"""

from __future__ import annotations

import re
from typing import Final

NEW: Final = ".deployer-new"
OLD: Final = ".deployer-old"
FAILED: Final = ".failed"
PREVIOUS: Final = ".previous"

_KEPT: Final = re.compile(r"(?P<base>.+)\.(?:failed|previous(?:-(?P<number>[0-9]+))?)")


def base_name(name: str) -> str:
    """The resource a container belongs to, whichever of the names it has while it is replaced."""
    return name.removesuffix(NEW).removesuffix(OLD)


def previous(name: str, number: int) -> str:
    """What the last container but `number` of a resource is called."""
    return name + PREVIOUS + (f"-{number}" if number > 1 else "")


def is_kept(name: str, label: str) -> bool:
    """Whether a container with the label `container.web` is kept as one that `web` was, or failed to be."""
    found = _KEPT.fullmatch(name)
    return found is not None and label.partition(".")[2] == found["base"]


def number_of(name: str) -> int:
    """How many replacements ago it was the resource; 0 for one that failed."""
    found = _KEPT.fullmatch(name)
    return 0 if found is None or name.endswith(FAILED) else int(found["number"] or 1)
