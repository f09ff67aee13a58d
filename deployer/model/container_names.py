"""Names of a container during and after its replacement. Pure.

While `web` is replaced, the new container is called `web.deployer-new`, and the old one is renamed to
`web.deployer-old`. Afterwards the old one is kept, stopped, as `web.previous`, the one before it as `web.previous-2`; a
failed new one is kept as `web.failed`. All of them have the labels of `web`: labels cannot be changed, names can.
"""

from __future__ import annotations

import re
from typing import Final

NEW: Final = ".deployer-new"
OLD: Final = ".deployer-old"
FAILED: Final = ".failed"
PREVIOUS: Final = ".previous"
FILES: Final = "deployer.files"
"""The container through which files of a host are read and written that offers neither a shell nor SFTP."""

VALIDATES: Final = "deployer.validate."
"""What the names of containers begin with that validate files, or copy what is there for those that do."""

_KEPT: Final = re.compile(r"(?P<base>.+)\.(?:failed|previous(?:-(?P<number>[0-9]+))?)")


def base_name(name: str) -> str:
    """The resource of a container, under any of these names."""
    return name.removesuffix(NEW).removesuffix(OLD)


def is_beside(name: str) -> bool:
    """Whether a container gets such a name while it is replaced or afterwards."""
    return base_name(name) != name or _KEPT.fullmatch(name) is not None


def previous(name: str, number: int) -> str:
    """The name of the container before `number` replacements."""
    return name + PREVIOUS + (f"-{number}" if number > 1 else "")


def is_kept(name: str, label: str) -> bool:
    """Whether a container with the label `container.web` is a previous or failed one of `web`."""
    found = _KEPT.fullmatch(name)
    return found is not None and label.partition(".")[2] == found["base"]


def is_name_of(name: str, base: str) -> bool:
    """Whether a container of the resource `base` has this name during, before or after its replacement."""
    found = _KEPT.fullmatch(name)
    return base in (name, base_name(name)) or (found is not None and found["base"] == base)


def number_of(name: str) -> int:
    """How many replacements ago it was current; 0 for a failed container."""
    found = _KEPT.fullmatch(name)
    return 0 if found is None or name.endswith(FAILED) else int(found["number"] or 1)
