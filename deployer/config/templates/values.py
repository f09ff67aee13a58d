"""The values templates see, and where each was written.

A `Scope` gives every variable name an `Entry`, evaluated when first read. Mappings appear as `LazyDict`, whose leaves
are entries too, so that reading one leaf neither evaluates nor taints by its neighbours; text appears as `Text`, which
remembers its place and secrecy while it is passed along unchanged. Each read is noted in the frame of the template
that is being rendered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as MappingABC
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct, field

from deployer.config.templates.problems import OMIT, Absent, TemplateProblem, raise_absent
from deployer.diagnostics import Origin
from deployer.nodes import Mapping, Node, Scalar, Sequence, is_secret, place

if TYPE_CHECKING:
    from deployer.config.templates.templar import Templates


class Text(str):
    """Text of a variable. Methods of `str` return plain text, so that computed text is not mistaken for it. Its origin
    is None if the user did not write it."""

    __slots__ = ("_place", "_secret")
    _place: Origin | None
    _secret: bool

    @staticmethod
    def at(text: str, origin: Origin | None, *, secret: bool) -> Text:
        made = Text(text)
        made._place = origin
        made._secret = secret
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


def place_of(text: Text) -> Origin | None:
    return text._place


def is_secret_text(text: Text) -> bool:
    return text._secret


class LazyDict(dict[str, Any]):
    """A mapping of a variable: holds entries, returns values. `dict(lazy)`, `**lazy` and `json` use its methods."""

    __slots__ = ("_owner",)
    _owner: Entry

    def __getitem__(self, key: str) -> Any:
        return dict.__getitem__(self, key).read()

    def get(self, key: str, default: Any = None) -> Any:
        entry = entry_of(self, key)
        return default if entry is None else entry.read()

    def __iter__(self) -> Iterator[str]:
        return dict.__iter__(self)

    def values(self) -> list[Any]:  # type: ignore[override]
        return [value for _, value in self.items()]

    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override]
        read = [(key, entry.read()) for key, entry in dict.items(self)]
        return [(key, value) for key, value in read if value is not OMIT]

    def copy(self) -> dict[str, Any]:
        return dict(self.items())

    def __eq__(self, other: object) -> bool:
        return self.copy() == (other.copy() if isinstance(other, LazyDict) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __or__(self, other: Any) -> Any:
        return self.copy() | dict(other)

    def __ror__(self, other: Any) -> Any:
        return dict(other) | self.copy()

    def __repr__(self) -> str:
        return repr(to_plain_value(self))

    __hash__ = None


def entries_of(lazy: LazyDict) -> Iterable[tuple[str, Entry]]:
    return dict.items(lazy)


def entry_of(lazy: LazyDict, key: str) -> Entry | None:
    return cast("Entry", dict.__getitem__(lazy, key)) if key in lazy else None


def owner_of(lazy: LazyDict) -> Entry:
    return lazy._owner


def to_plain_value(value: Any) -> Any:
    """Plain dicts, lists and text, for serialisers; reads every leaf."""
    if isinstance(value, Text):
        return str.__str__(value)
    if isinstance(value, dict):
        return {to_plain_value(key): to_plain_value(item) for key, item in value.items() if item is not OMIT}
    if isinstance(value, list | tuple):
        return [to_plain_value(item) for item in value if item is not OMIT]
    if isinstance(value, Absent):
        raise_absent(value)
    return value


def finalize(value: Any) -> Any:
    """The text of a value: null is empty, collections are written as in Python."""
    if value is None:
        return ""
    return to_plain_value(value) if isinstance(value, dict | list | tuple) else value


class Frame(Struct):
    """What one rendering has read so far."""

    secret: bool = False
    reads: dict[Entry, None] = field(default_factory=dict)

    def source(self, template: Origin) -> Origin | None:
        """The origin of the only variable read: of its leaf if only one was read. That of the template for several."""
        roots = {read.root for read in self.reads}
        if len(roots) != 1:
            return template.using(read.place for read in self.reads if not read.is_mapping) if roots else None
        leaves = [read for read in self.reads if not read.is_mapping]
        found = leaves[0] if len(leaves) == 1 else next(iter(roots))
        return found.place


class Session(Struct):
    """The state of rendering for one host; used by one thread at a time. `base`: the playbook's folder; `secrets`:
    texts that were read and must never be shown."""

    base: Path
    secrets: set[str] = field(default_factory=set)
    frames: list[Frame] = field(default_factory=lambda: [Frame()])
    running: list[Entry] = field(default_factory=list)
    hosts: tuple[str, ...] = ()
    host_scope: Callable[[str], Scope] | None = None

    def note_secret(self, value: Any) -> None:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            self.secrets.add(str(value))


class Entry:
    """A variable, or a value inside it: its node, and its value once it is evaluated."""

    __slots__ = (
        "_done",
        "_failure",
        "_value",
        "is_magic",
        "is_mapping",
        "label",
        "node",
        "place",
        "root",
        "scope",
        "secret",
    )

    def __init__(self, label: str, node: Node, scope: Scope, *, root: Entry | None = None) -> None:
        self.label = label
        self.node = node
        self.scope = scope
        self.root = root or self
        self.is_magic: bool = root is not None and root.is_magic
        self.is_mapping = False
        self.secret = False
        self.place = place(node)
        self._value: Any = None
        self._done = False
        self._failure: TemplateProblem | None = None

    def read(self) -> Any:
        """The value; raises `TemplateProblem`. Records the read in the current frame."""
        if not self._done:
            self._evaluate()
        if self._failure is not None:
            raise self._failure
        frame = self.scope.session.frames[-1]
        if self.secret:
            frame.secret = True
            self.scope.session.note_secret(self._value)
        if not self.is_magic:
            frame.reads[self] = None
        return self._value

    def settle(self, value: Any) -> Any:
        """Sets the value without evaluating a node."""
        self._value = value
        self._done = True
        self.is_mapping = isinstance(value, LazyDict)
        return value

    def _evaluate(self) -> None:
        node = self.node
        if isinstance(node, Scalar) and (node.verbatim or not isinstance(node.value, str) or "{" not in node.value):
            self.secret = node.secret
            text, written = node.value, None if self.is_magic else self.place
            self.settle(Text.at(text, written, secret=node.secret) if isinstance(text, str) else text)
            return
        running = self.scope.session.running
        if self in running:
            names = [entry.label for entry in running[running.index(self) :]]
            loop = " → ".join([*names, self.label])
            raise TemplateProblem(
                place(node), f"the variable '{self.label}' depends on itself: {loop}", address=self.label
            )
        running.append(self)
        frames = self.scope.session.frames
        frames.append(Frame())
        try:
            self.settle(self._compute(node, frames[-1]))
        except TemplateProblem as problem:
            self._failure, self._done = problem, True
        finally:
            frames.pop()
            running.pop()

    def _compute(self, node: Node, frame: Frame) -> Any:
        match node:
            case Mapping():
                made = self._lazy(node)
                self.secret = frame.secret  # by its keys
                return made
            case Sequence():
                items = [self._child(f"[{index}]", item).read() for index, item in enumerate(node.items)]
                self.secret = frame.secret
                return [item for item in items if item is not OMIT]
            case Scalar():
                return self._template(node, frame)

    def _template(self, node: Scalar, frame: Frame) -> Any:
        templates = self.scope.templates
        value = templates.evaluate(node, self.scope, address=self.label)
        if value is OMIT:
            return OMIT
        if isinstance(value, LazyDict):
            self.place = owner_of(value).place
            return value
        made = templates.convert(value, node, frame, address=self.label)
        if isinstance(made, Mapping):
            self.secret = any(key.secret for key, _ in made.entries)
            return self._lazy(made)
        if isinstance(value, Text):
            self.place = place_of(value) or self.place
        elif templates.is_reference(str(node.value)):
            self.place = frame.source(self.place) or self.place
        else:
            self.place = self.place.using(read.place for read in frame.reads if not read.is_mapping)
        self.secret = node.secret or frame.secret
        if isinstance(made, Sequence):
            self.secret = node.secret or is_secret(made)
            return [self._child(f"[{index}]", item).read() for index, item in enumerate(made.items)]
        return Text.at(str(value), self.place, secret=self.secret) if isinstance(value, str) else value

    def _child(self, step: str, node: Node) -> Entry:
        return Entry(self.label + step, node, self.scope, root=self.root)

    def _lazy(self, node: Mapping) -> LazyDict:
        entries = {}
        for key, value in node.entries:
            name = self.scope.key_text(key, self.label)
            if name is not None:
                entries[name] = self._child(f".{name}", value)
        return lazy_dict(entries, self)


def lazy_dict(entries: MappingABC[str, Entry], owner: Entry) -> LazyDict:
    made = LazyDict(entries)
    made._owner = owner
    return made


class Scope:
    """The names a template can use: `local` ones, then those of the `outer` scope."""

    __slots__ = ("_entries", "_is_magic", "context", "local", "outer", "session", "templates")

    def __init__(
        self,
        templates: Templates,
        session: Session,
        local: MappingABC[str, Node],
        outer: Scope | None = None,
        *,
        magic: bool = False,
    ) -> None:
        self.templates = templates
        self.session = session
        self.local = local
        self.outer = outer
        self.context: dict[str, Any] | None = None  # Jinja's, once it has run in this scope
        self._entries: dict[str, Entry | None] = {}
        self._is_magic = magic

    def entry(self, name: str) -> Entry | None:
        """The variable of that name. One without templates is shared with the outer scope; others are evaluated in this
        scope."""
        if name in self._entries:
            return self._entries[name]
        found = self._find(name)
        self._entries[name] = found
        return found

    def _find(self, name: str) -> Entry | None:
        if name == "hostvars" and self.session.host_scope is not None:
            return self._hostvars()
        if name in self.local:
            made = Entry(name, self.local[name], self)
            made.is_magic = self._is_magic
            return made
        if self.outer is None:
            return None
        found = self.outer.entry(name)
        if found is None or found.is_magic or not self.templates.is_templated(found.node):
            return found
        return Entry(name, found.node, self)

    def names(self) -> Iterable[str]:
        return chain(self.local, self.outer.names() if self.outer else ())

    def key_text(self, key: Scalar, label: str) -> str | None:
        """The rendered text of a mapping's key; None if it is omitted."""
        if key.verbatim or "{" not in str(key.value):
            return str(key.value)
        value = self.templates.evaluate(key, self, address=label)
        return None if value is OMIT else str(value)

    def _hostvars(self) -> Entry:
        """One entry per host; its variables are resolved when it is first read."""
        owner = Entry("hostvars", Scalar(None, Origin("hostvars")), self)
        owner.is_magic = True
        hosts = {name: _HostEntry(name, self) for name in self.session.hosts}
        owner.settle(lazy_dict(hosts, owner))
        return owner


class _HostEntry(Entry):
    """All variables of another host, as that host sees them."""

    __slots__ = ()

    def __init__(self, host: str, scope: Scope) -> None:
        super().__init__(f"hostvars[{host}]", Scalar(host, Origin("hostvars")), scope)
        self.is_magic = True

    def _evaluate(self) -> None:
        assert self.scope.session.host_scope is not None
        theirs = self.scope.session.host_scope(str(self.node.value))  # type: ignore[union-attr]
        entries = {name: theirs.entry(name) for name in theirs.names()}
        self.settle(lazy_dict({name: entry for name, entry in entries.items() if entry}, self))
