"""The file table. A file is created, changed in place of the one before, or removed; what its content is and to whom it
belongs are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schema import Or

from deployer.fields import validation
from deployer.fields.container import on_change
from deployer.fields.container.files import mode_of
from deployer.fields.leaves import FLAG, NUMBER_OR_TEXT, TEXT
from deployer.fields.options import Presence
from deployer.fields.settings import PRESENCE, PROTECT
from deployer.fields.shapes import Entry, Leaf, one_or_many
from deployer.fields.table import Table, Violation

WAYS: Final = ("content", "src", "template", "directory", "archive")
"""The keys that say what is in a file or a directory."""

TREES: Final = ("directory", "archive")
"""Those of a directory."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,30}\$?")
_MODE: Final = Leaf(Or(int, str), 'an octal mode such as "0644"', mode_of)


def _owner(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"'{text}' is neither a name nor an id")
    return text


_OWNER: Final = Leaf(NUMBER_OR_TEXT.schema, "a name or an id", lambda found: _owner(str(found)))


def _one_way(_values: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Violation]:
    ways = [name for name in WAYS if settings.get(name) is not None]
    absent = settings.get("state") is Presence.ABSENT
    if len(ways) > 1:
        yield ways[1], f"'{ways[1]}' and '{ways[0]}' both say what is in the file; write one of them"
    elif not ways and not absent:
        yield "content", f"one of {', '.join(WAYS)} is missing"
    elif ways and absent:
        yield ways[0], "a file that is absent has no content"
    for name in ("delete", "exclude", "directory_mode"):
        if settings.get(name) is not None and not set(ways) & set(TREES):
            yield name, f"'{name}' is for a directory"
    if set(ways) & set(TREES):
        if settings.get("backup"):
            yield "backup", "'backup' is for a file"
        if (check := settings.get("validate")) is not None and _is_of_one(check):
            yield (
                "validate",
                f"{validation.NEW} stands for a file; for a directory, write a command without it, and an image",
            )


def _is_of_one(check: Mapping[str, Any]) -> bool:
    return any(validation.NEW in word for word in check["command"])


FILE = Table(
    kind="file",
    doc="A file or directory on the host, by its absolute path. Missing directories above it are created.",
    fields=(),
    settings=(
        PRESENCE,
        Entry(
            name="content",
            shape=Leaf(NUMBER_OR_TEXT.schema, "text", str, keeps_empty=True),
            doc="The content.",
        ),
        Entry(
            name="src",
            shape=TEXT,
            doc="File on this machine, in `files/` beside the playbook or beside it; may be encrypted with a vault.",
        ),
        Entry(
            name="template",
            shape=TEXT,
            doc="The same for a Jinja2 template, in `templates/` beside the playbook or beside it.",
        ),
        Entry(
            name="directory",
            shape=TEXT,
            doc="Directory on this machine, in `files/` beside the playbook or beside it: everything in it is written "
            "below the path, with the modes it has here, and links as links.",
        ),
        Entry(
            name="archive",
            shape=TEXT,
            doc="Tar archive on this machine, plain or compressed, found in the same way: what is in it is written as "
            "the content of a `directory` is.",
        ),
        Entry(
            name="delete",
            shape=FLAG,
            doc="Remove from the directory on the host what the one on this machine does not have.",
        ),
        Entry(
            name="exclude",
            shape=one_or_many(TEXT, "a pattern or a list of patterns"),
            doc="Names or paths in the directory that are neither written nor removed: `*.bak`, `conf.d/local*`.",
        ),
        Entry(
            name="mode",
            shape=_MODE,
            doc='Octal mode such as "0644", also of all files of a directory; default: the one it has, or for a new '
            "file 0644, with secret content 0600.",
        ),
        Entry(
            name="directory_mode",
            shape=_MODE,
            doc="Octal mode of the directory and those in it; default: the one they have, or 0755.",
        ),
        Entry(name="owner", shape=_OWNER, doc="Name or id; default: the one it has, or the user that writes it."),
        Entry(name="group", shape=_OWNER, doc="Name or id of the group; default as for `owner`."),
        validation.ENTRY,
        on_change.entry("none"),
        Entry(name="backup", shape=FLAG, doc="Keep what is replaced or removed beside it, with the time in its name."),
        PROTECT,
    ),
    rules=(_one_way, validation.take_image),
    advice={
        "dest": "the key of the entry is the path",
        "path": "the key of the entry is the path",
        "source": "write src",
        "force": "a difference is planned and shown",
        "remote_src": "what is copied comes from this machine",
        "variables": "write vars in the play",
    },
)
