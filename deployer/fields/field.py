"""A row of a field table, and the rules for comparing a live value.

A row defines a field completely: spelling, shape, place in the engine's create body and inspect answer, value when it
is not declared, and how it is changed. Validation, JSON Schema, reference page, create and update bodies, diff and
import all read the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.fields.shapes import Shape

Json: TypeAlias = Mapping[str, Any]
Body: TypeAlias = dict[str, Any]


class Change(Enum):
    """What a change of the field requires on a live object."""

    UPDATE = "update in place"
    RECONNECT = "reconnect"
    REPLACE = "replace"
    REWRITE = "rewrite files"


class _Default:
    def __repr__(self) -> str:
        return "DEFAULT"


DEFAULT: Final = _Default()
"""The daemon's default for a new object, which no engine reports."""


class View(Struct, frozen=True):
    """The inputs of an expectation. Every map has field names as keys and canonical values. `name` is the object's own;
    `recorded` was declared when it was last applied; `image` is set by the container's image; `ids` maps names of the
    host's containers to ids; `info` is the engine's `GET /info`, empty if it was not read."""

    declared: Mapping[str, Any]
    live: Mapping[str, Any]
    name: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    image: Mapping[str, Any] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    info: Json = field(default_factory=dict)


Judge: TypeAlias = "Callable[[Field, View], Any]"
Show: TypeAlias = Callable[[tuple[str, ...], Any], str]


class Expect(Struct, frozen=True):
    """The expected live value. `unset` describes the value of an undeclared field, for the reference; `{zero}` is
    replaced by the row's own. `fills`: it may differ from zero even if the field is not declared, not set by the image
    and not set live."""

    judge: Judge
    unset: str
    fills: bool = False

    def __call__(self, row: Field, view: View) -> Any:
        return self.judge(row, view)


def when_unset(words: str, *, fills: bool = False) -> Callable[[Judge], Expect]:
    return lambda judge: Expect(judge, words, fills)


@when_unset("{zero}")
def zero_when_unset(row: Field, view: View) -> Any:
    """If undeclared, any live value but the zero is drift. The engine reads "" as unset."""
    declared = view.declared.get(row.name, "")
    return row.zero if declared == "" else declared


@when_unset("the image's value, else {zero}")
def image_when_unset(row: Field, view: View) -> Any:
    """If undeclared, the image's value is expected. The engine reads "" as unset."""
    declared = view.declared.get(row.name, "")
    return view.image.get(row.name, row.zero) if declared == "" else declared


@when_unset("the daemon's default, whatever it is")
def daemon_when_unset(row: Field, view: View) -> Any:
    """If never declared, the live value is accepted; if declared before, it is reset to the daemon's default. An empty
    zero (a size of 0, or "") declares nothing: the engine sets the default."""
    declared, recorded = (side.get(row.name, row.zero) for side in (view.declared, view.recorded))
    if declared or declared != row.zero:
        return declared
    return default_of(row, view) if recorded or recorded != row.zero else view.live.get(row.name, row.zero)


def default_of(row: Field, view: View) -> Any:
    """The daemon's value for a new object, as far as it is known."""
    return row.usual(view.info, view) if row.told and row.usual is not None and view.info else DEFAULT


def expects_default(row: Field, view: View) -> bool:
    """Whether the expectation, or a part of it, is a default that only `/info` says."""
    expected = row.expect(row, view)
    return expected is DEFAULT or (isinstance(expected, Mapping) and DEFAULT in expected.values())


@when_unset("what the image sets")
def merged_over_image(row: Field, view: View) -> Any:
    """The image's map, overridden by declared keys."""
    return dict(view.image.get(row.name) or {}) | dict(view.declared.get(row.name) or {})


def unless_discarded(expect: Expect) -> Expect:
    """For values that the engine ignores, with a warning, if the kernel does not support them: a value that is missing
    although the same value was applied was ignored, and would be ignored again."""

    def expected(row: Field, view: View) -> Any:
        wanted, live = expect(row, view), view.live.get(row.name, row.zero)
        declared, recorded = view.declared.get(row.name), view.recorded.get(row.name)
        if isinstance(declared, Mapping):
            before = recorded or {}
            return {key: part for key, part in wanted.items() if key in live or before.get(key) != part}
        return live if live == row.zero and recorded is not None and recorded == declared else wanted

    return Expect(expected, expect.unset, expect.fills)


class Access(Struct, frozen=True):
    """Reads the value from an inspect answer and writes it into a create body."""

    read: Callable[[Json], Any]
    write: Callable[[Any, Body], None]


def _same(value: Any) -> Any:
    return value


def lenient(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A parser for live values. Values it rejects stay unchanged: engines check less than deployer."""

    def read(value: Any) -> Any:
        try:
            return parse(value)
        except ValueError:
            return value

    return read


def at(
    path: str,
    *,
    zero: Any,
    decode: Callable[[Any], Any] = _same,
    encode: Callable[[Any], Any] = _same,
    create: str = "",
) -> Access:
    """A single path, such as `Config.User` or `HostConfig.Memory`. The create body has the keys of `Config` at its top
    level; `create` is the path in the create body if it differs.

    null, absent, "" and empty all read as `zero`, unless `zero` is None and the value is false or 0.
    """
    parts = tuple(path.split("."))
    targets = tuple((create or path).removeprefix("Config.").split("."))

    def read(inspect: Json) -> Any:
        value: Any = inspect
        for part in parts:
            value = (value or {}).get(part)
        empty = value is None or value == "" or value == [] or value == {}
        return zero if empty else decode(value)

    def write(value: Any, body: Body) -> None:
        *above, last = targets
        for part in above:
            body = body.setdefault(part, {})
        body[last] = encode(value)

    return Access(read, write)


def show_plain(_path: tuple[str, ...], value: Any) -> str:
    """Text unchanged, lists joined by commas, maps as `key=value`."""
    match value:
        case None:
            return "unset"
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ", ".join(show_plain((), item) for item in value) if value else "none"
        case dict():
            return ", ".join(f"{key}={show_plain((), item)}" for key, item in sorted(value.items())) or "{}"
        case "":
            return '""'
        case _:
            return str(value)


def shown_by(show: Callable[[Any], str]) -> Show:
    """Shows every part of the value with the same function."""
    return lambda _path, value: show(value)


Path: TypeAlias = tuple[str, ...]
Effect: TypeAlias = Callable[[Path, Any, Any], Change]


class ChangeRule(Struct, frozen=True):
    """What a change at a path requires, from an old value to a new one; `words` for the reference."""

    effect: Effect
    words: str

    def __call__(self, path: Path, old: Any, new: Any) -> Change:
        return self.effect(path, old, new)


def when_changed(words: str) -> Callable[[Effect], ChangeRule]:
    return lambda effect: ChangeRule(effect, words)


def always(change: Change) -> ChangeRule:
    words = {Change.UPDATE: "in place", Change.RECONNECT: "reconnected", Change.REPLACE: "replaced"}
    return ChangeRule(lambda _path, _old, _new: change, words[change])


def _with_defaults(new: Any, *, accepted: Any) -> Any:
    """The parts of a map that are accepted, although a new object may not get them, are the daemon's default."""
    if not isinstance(new, Mapping) or not isinstance(accepted, Mapping):
        return new
    shared = {key: _with_defaults(part, accepted=accepted.get(key)) for key, part in new.items()}
    return {key: DEFAULT for key in accepted if key not in new} | shared


_STORED: Final[Mapping[type, Any]] = {
    str: str,
    int: int,
    bool: bool,
    list: list[str],
    dict: dict[str, str | None],
}
"""The type of canonical values by the type of their zero."""


class Field(Struct, frozen=True, kw_only=True):
    """See the module. `example` and `other` are two different valid declarations, for docs and tests.

    `same` compares two canonical values if reading leaves more than one live spelling. `depth`: how many levels of a
    map a diff distinguishes. `since`: the API version that introduced the field. Older engines drop it silently, so it
    is refused before anything is sent; `newer` lists parts of a value that were introduced later. `spell`: a canonical
    value as a user would write it. `usual`: the value of an undeclared field according to the engine's `/info` and the
    live object, for fields whose `expect` accepts any value; `told`: `/info` says exactly what a new object gets;
    `moves`: what nobody declared moves to the new object. `stored`: the type of canonical values, as JSON holds them,
    if it does not follow from `zero`.
    """

    name: str
    doc: str
    shape: Shape
    access: Access
    example: Any
    other: Any
    zero: Any = None
    aliases: tuple[str, ...] = ()
    expect: Expect = zero_when_unset
    same: Callable[[Any, Any], bool] = lambda expected, live: bool(expected == live)
    change: ChangeRule = field(default_factory=lambda: always(Change.REPLACE))
    depth: int = 1
    since: str = ""
    newer: Callable[[Any], Iterable[tuple[str, str]]] = lambda _value: ()
    show: Show = show_plain
    spell: Callable[[Any], Any] = _same
    usual: Callable[[Json, View], Any] | None = None
    told: bool = False
    moves: bool = False
    stored: Any = None

    @property
    def recorded(self) -> Any:
        """The type of a value in a record, apart from digests."""
        return self.stored or _STORED[type(self.zero)]

    def of_new(self, view: View) -> Any:
        """The value that a new object with this declaration gets instead of the live one, where `expect` accepts live
        values that nobody declared."""
        expected, live = self.expect(self, view), view.live.get(self.name, self.zero)
        if self.usual is None or self.moves:
            return expected
        usual = self.usual(view.info, view)
        new = self.expect(self, replace(view, live={**view.live, self.name: usual}))
        if self.name in view.declared:
            return _with_defaults(new, accepted=expected)
        if expected != live:
            return new
        return live if live in (self.zero, usual) else DEFAULT

    def needs(self, value: Any) -> Iterable[tuple[str, str]]:
        """(part, API version) for every part of a declared value that not every engine supports."""
        return ((self.name, self.since), *self.newer(value)) if self.since else tuple(self.newer(value))
