"""`validate` of a file: a command that must accept what is new before it is put in place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from deployer.fields.container.resolving import HOSTS
from deployer.fields.leaves import DURATION, WORDS
from deployer.fields.settings import IMAGE_REF
from deployer.fields.shapes import Entry, Forms, Keyed, Leaf, Record, Then
from deployer.fields.table import Violation
from deployer.values import duration, mount

NEW: Final = "%s"
"""What stands for the new file in a command."""


def _with_placeholder(words: list[str]) -> list[str]:
    if not any(NEW in word for word in words):
        raise ValueError(f"the command must contain {NEW}, which stands for the new file")
    return words


def _bind(text: str) -> tuple[str, str]:
    """(target, path on the host). What is mounted is always read-only, so that `ro` may be written or not."""
    target, own = mount.parse_short(text)
    if own["type"] != "bind" or not set(own) <= {"type", "source", "read_only"}:
        raise ValueError(f"'{text}' does not have the form /path/on/the/host:/path/in/the/container")
    return target, own["source"]


def _pairs(found: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(found.items()))


def _on_host(words: list[str]) -> dict[str, Any]:
    return {"command": tuple(words)}


def _in_container(found: dict[str, Any]) -> dict[str, Any]:
    if not found["command"]:
        raise ValueError("the command is empty")
    seconds: dict[str, Any] = {"timeout": found["timeout"] / duration.SECOND} if "timeout" in found else {}
    words: dict[str, Any] = {key: tuple(found[key]) for key in ("command", "extra_hosts") if key in found}
    return {**found, **seconds, **words}


_COMMAND: Final = Then(Then(WORDS, _with_placeholder), _on_host)
SHAPE: Final = Forms(
    expects="a command with %s for the new file, or a command and an image",
    scalar=_COMMAND,
    sequence=_COMMAND,
    mapping=Record(
        (
            Entry(
                name="command",
                shape=WORDS,
                doc="The command, without the image's entrypoint; `%s` stands for the path of the new file.",
                required=True,
            ),
            Entry(
                name="image",
                shape=IMAGE_REF,
                doc="Image of the container in which the command runs; pulled first if the host does not have it.",
                required=True,
            ),
            Entry(
                name="volumes",
                shape=Then(Keyed(Leaf(str, "/path/on/the/host:/path/in/the/container", _bind)), _pairs),
                doc="Directories and files of the host that the command sees, read-only, with what is new in the "
                "files of this run; default: only the file, at its own path.",
            ),
            Entry(
                name="extra_hosts",
                shape=HOSTS,
                doc="Entries for /etc/hosts: the container has no network, and so resolves no other names.",
            ),
            Entry(name="timeout", shape=DURATION, doc="How long the command may take; default 30s."),
        ),
        _in_container,
    ),
)

ENTRY: Final = Entry(
    name="validate",
    shape=SHAPE,
    doc="Command that must accept the new file before it is put in place: on the host, with `%s` for the file, or with "
    "`image` in a container that is removed afterwards.",
)


def take_image(_values: dict[str, Any], settings: dict[str, Any]) -> Iterator[Violation]:
    """It is an image that the file needs, as a container needs its own."""
    found = dict(settings.get("validate") or {})
    if "image" in found:
        settings["image"] = found.pop("image")
        settings["validate"] = found
    yield from ()
