"""YAML text in, a tree of nodes with places and secrecy out.

Plain scalars follow the YAML 1.2 core schema narrowed to what reads back as written: true/false, null, decimal
integers, and floats whose text is the shortest for their value; `22:22`, `on`, `0777`, `3.10` and dates stay text.
Every error becomes a diagnostic with line and column; nothing here is templated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from msgspec import Struct
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Scalar, Sequence, as_secret, from_plain, secret_texts

_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"
_CORE = "tag:yaml.org,2002:"
_MERGE = "<<"
_MAX_DEPTH = 100
_MAX_VALUES = 1_000_000

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,39})\Z")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+\Z")
_UNQUOTED = re.compile(r"(?:[:\-,\[]\s+|[\[{]|:\s)\{\{|\}\}\S")
_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)

# A value that could not be decrypted; this was reported.
_UNREADABLE = "***"
_MERGING = ("!reset", "!override")

_RawNode = Any


class _Composer(yaml.CSafeLoader):
    """Composes nodes. The tag of an untagged scalar only says whether it is plain."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is ScalarNode:
            return _PLAIN if implicit[0] else _TEXT
        return f"{_CORE}map" if kind is MappingNode else f"{_CORE}seq"


class Dialect(Struct, frozen=True):
    """`scalar` gives the value of a plain scalar; a key must be text by it. `marks` receives the tags `!reset` and
    `!override`, by the origin of their values; without a dialect they are errors."""

    scalar: Callable[[str], bool | int | float | str | None]
    marks: dict[Origin, str]


class _UnusableError(Exception):
    """The document cannot become a tree; the reason was reported."""


def load(
    source: str | bytes,
    file: str,
    problems: Problems,
    vault: VaultSecrets | None = None,
    *,
    at: Origin | None = None,
) -> Node | None:
    """The tree of one document; None if it has none, with all errors reported. An empty document is a null scalar. A
    vaulted document is decrypted, and its values are secret. `at`: the origin of all values, for text that is not from
    a file."""
    builder = _Builder(file, at, problems, vault or VaultSecrets(), None)
    return next(iter(_load(source, builder, _compose)), None)


def load_documents(source: str | bytes, file: str, problems: Problems, dialect: Dialect) -> tuple[Node, ...]:
    """As `load`, for the documents of a file as another program reads them; none after an error."""
    return _load(source, _Builder(file, None, problems, VaultSecrets(), dialect), _compose_all)


def _load(source: str | bytes, builder: _Builder, compose: Callable[[str], list[_RawNode]]) -> tuple[Node, ...]:
    at, file, problems, secrets = builder.at, builder.file, builder.problems, builder.vault
    secret = is_encrypted(source)
    try:
        text = _decode(secrets.decrypt(source) if secret else source)
        roots = tuple(builder.tree(raw) for raw in compose(text))
    except VaultError as error:
        problems.add(at or Origin(file, 1, 1), error.message, hint=error.hint)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        problems.add(at or Origin(file, line, 1), "the file is not UTF-8 text")
    except yaml.YAMLError as error:
        _report_syntax(error, text, file, at, problems)
    except _UnusableError:
        pass
    else:
        if secret:
            roots = tuple(map(as_secret, roots))
            for root in roots:
                secrets.learn(secret_texts(root))
        return roots
    return ()


def load_json(source: str | bytes, file: str, problems: Problems, vault: VaultSecrets | None = None) -> Node | None:
    """As `load`, for JSON, which differs from YAML in escaped surrogate pairs and very long keys. In a document with
    such keys, all values have the file as origin."""
    found = Problems()
    try:
        text = _decode(source)
    except UnicodeDecodeError:
        return load(source, file, problems, vault)
    tree = load(_SURROGATES.sub(_join_surrogates, text), file, found, vault)
    if tree is None and not is_encrypted(text):
        try:
            return from_plain(json.loads(text), Origin(file, 1, 1))
        except (ValueError, RecursionError):
            pass
    problems.extend(found)
    return tree


def scalar_value(text: str) -> bool | int | float | str | None:
    """The value of a plain (unquoted) scalar."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text) and repr(float(text)) == text:
        return float(text)
    return text


def _decode(source: str | bytes) -> str:
    text = source if isinstance(source, str) else source.decode("utf-8")
    return text.removeprefix("\ufeff")


def _join_surrogates(pair: re.Match[str]) -> str:
    high, low = int(pair[1], 16), int(pair[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _compose(text: str) -> list[_RawNode]:
    loader = _Composer(text)
    try:
        return [loader.get_single_node()]
    finally:
        loader.dispose()


def _compose_all(text: str) -> list[_RawNode]:
    loader = _Composer(text)
    try:
        return list(iter(lambda: loader.get_node() if loader.check_node() else None, None))
    finally:
        loader.dispose()


def _report_syntax(error: yaml.YAMLError, text: str, file: str, at: Origin | None, problems: Problems) -> None:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n"), len(before) - (before.rfind("\n") + 1)
        summary = "control characters are not allowed"
    elif isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        line, column = error.problem_mark.line, error.problem_mark.column
        summary = _syntax_summary(error)
    else:
        line, column, summary = 0, 0, "not valid YAML"
    problems.add(at or Origin(file, line + 1, column + 1), summary, hint=_syntax_hint(error, text, line))


def _syntax_summary(error: yaml.MarkedYAMLError) -> str:
    if error.problem == "but found another document":
        return "a second YAML document begins here; a file must contain one document"
    if error.problem == "second occurrence" and error.context_mark:
        return f"this anchor is already defined on line {error.context_mark.line + 1}"
    context = ""
    if error.context and error.context_mark and error.problem_mark:
        where = error.context_mark
        here = (where.line, where.column) == (error.problem_mark.line, error.problem_mark.column)
        context = f" {error.context}" + ("" if here else f" that begins at {where.line + 1}:{where.column + 1}")
    return f"not valid YAML: {error.problem}{context}"


def _syntax_hint(error: yaml.YAMLError, text: str, line: int) -> str:
    lines = text.splitlines()
    marks = [line]
    if isinstance(error, yaml.MarkedYAMLError) and error.context_mark is not None:
        marks.append(error.context_mark.line)
    near = [lines[number] for number in (*marks, line - 1) if 0 <= number < len(lines)]
    if any(_UNQUOTED.search(written) for written in near):
        return 'quote values that begin with {{: key: "{{ name }}"'
    if near and re.match(r" *\t", near[0]):
        return "indent with spaces, not tabs"
    if getattr(error, "problem", "") == "mapping values are not allowed in this context":
        return "quote text that contains ': ', and check the indentation"
    return ""


class _Builder:
    """Converts composed nodes into the tree, and reports unsupported ones."""

    def __init__(
        self,
        file: str,
        at: Origin | None,
        problems: Problems,
        vault: VaultSecrets,
        dialect: Dialect | None,
    ) -> None:
        self.file = file
        self.at = at
        self.problems = problems
        self.vault = vault
        self._marks = dialect.marks if dialect is not None else None
        self._plain = dialect.scalar if dialect is not None else scalar_value
        self._built: dict[tuple[int, bool], tuple[Node, int]] = {}
        self._open: set[int] = set()

    def tree(self, root: _RawNode) -> Node:
        if root is None:
            return Scalar(None, self.at or Origin(self.file, 1, 1))
        node, size = self._node(root, 0, verbatim=False)
        if size > _MAX_VALUES:
            self._fail(root, f"aliases expand this document to more than {_MAX_VALUES:,} values")
        return node

    def _origin(self, raw: _RawNode) -> Origin:
        return self.at or Origin(self.file, raw.start_mark.line + 1, raw.start_mark.column + 1)

    def _fail(self, raw: _RawNode, summary: str) -> None:
        self.problems.add(self._origin(raw), summary)
        raise _UnusableError

    def _node(self, raw: _RawNode, depth: int, *, verbatim: bool) -> tuple[Node, int]:
        """The node, and its number of values with aliases expanded."""
        key = (id(raw), verbatim)
        known = self._built.get(key)
        if known is not None:
            return known
        if id(raw) in self._open:
            self._fail(raw, "an alias inside its own anchor would make an infinite value")
        if depth > _MAX_DEPTH:
            self._fail(raw, f"nested deeper than {_MAX_DEPTH} levels")
        self._open.add(id(raw))
        if self._marks is not None and raw.tag in _MERGING:
            self._marks[self._origin(raw)] = raw.tag
            raw.tag = _untagged(raw)
        verbatim = verbatim or raw.tag == "!unsafe"
        if isinstance(raw, ScalarNode):
            built: tuple[Node, int] = (self._scalar(raw, verbatim=verbatim), 1)
        elif isinstance(raw, SequenceNode):
            built = self._sequence(raw, depth, verbatim=verbatim)
        else:
            built = self._mapping(raw, depth, verbatim=verbatim)
        self._open.remove(id(raw))
        self._built[key] = built
        return built

    def _scalar(self, raw: _RawNode, *, verbatim: bool) -> Scalar:
        origin, tag, text = self._origin(raw), raw.tag, raw.value
        if tag == _PLAIN:
            return Scalar(self._plain(text), origin, verbatim=verbatim)
        if tag in (_TEXT, "!unsafe"):
            return Scalar(text, origin, verbatim=verbatim)
        if tag in ("!vault", "!vault-encrypted"):
            return Scalar(self._decrypt(text, origin), origin, secret=True)
        if tag.startswith(_CORE) and tag.removeprefix(_CORE) in ("int", "float", "bool", "null"):
            return Scalar(self._tagged(text, tag, origin), origin)
        self._report_tag(raw)
        return Scalar(text, origin)

    def _decrypt(self, text: str, origin: Origin) -> str:
        try:
            plain = self.vault.decrypt(text)
        except VaultError as error:
            self.problems.add(origin, error.message, hint=error.hint)
            return _UNREADABLE
        self.vault.learn((plain,))
        return plain

    def _tagged(self, text: str, tag: str, origin: Origin) -> bool | int | float | str | None:
        kind = tag.removeprefix(_CORE)
        value = scalar_value(text)
        if kind == "float":
            try:
                return float(text)
            except ValueError:
                value = text
        if kind != {bool: "bool", int: "int", type(None): "null"}.get(type(value)):
            self.problems.add(origin, f"'{text}' does not match its tag !!{kind}")
        return value

    def _report_tag(self, raw: _RawNode) -> None:
        name = raw.tag.replace(_CORE, "!!", 1)
        if name in _MERGING:
            hint = "it is only for merging Compose files; write the value itself"
        elif name == "!vault":
            hint = "only text can be encrypted"
        else:
            hint = "supported tags: !vault, !unsafe"
        self.problems.add(self._origin(raw), f"the tag {name} cannot be used here", hint=hint)

    def _check_collection_tag(self, raw: _RawNode, kind: str) -> None:
        if raw.tag not in (f"{_CORE}{kind}", "!unsafe", "!"):
            self._report_tag(raw)

    def _sequence(self, raw: _RawNode, depth: int, *, verbatim: bool) -> tuple[Sequence, int]:
        self._check_collection_tag(raw, "seq")
        items = [self._node(item, depth + 1, verbatim=verbatim) for item in raw.value]
        return Sequence(tuple(node for node, _ in items), self._origin(raw)), 1 + sum(size for _, size in items)

    def _mapping(self, raw: _RawNode, depth: int, *, verbatim: bool) -> tuple[Node, int]:
        inner = _unquoted_template(raw)
        if inner is not None:
            hint = f'quote it: "{{{{ {inner} }}}}"' if inner else ""
            self.problems.add(self._origin(raw), "unquoted {{ … }} is read as a mapping", hint=hint)
            return Scalar(None, self._origin(raw)), 1
        self._check_collection_tag(raw, "map")
        size = 1
        merged: dict[str, tuple[Scalar, Node]] = {}
        written: dict[str, tuple[Scalar, Node]] = {}
        for raw_key, raw_value in raw.value:
            if raw_key.tag == _PLAIN and raw_key.value == _MERGE:
                size += self._merge(raw_value, depth, merged, verbatim=verbatim)
                continue
            value, value_size = self._node(raw_value, depth + 1, verbatim=verbatim)
            size += value_size
            key = self._key(raw_key, verbatim=verbatim)
            if key is not None:
                self._enter(written, key, value)
        return Mapping(tuple({**merged, **written}.values()), self._origin(raw)), size

    def _enter(self, entries: dict[str, tuple[Scalar, Node]], key: Scalar, value: Node) -> None:
        name = str(key.value)
        first = entries.setdefault(name, (key, value))[0]
        if first is not key:
            self.problems.add(key.origin, f"the key '{name}' is written twice; first at {first.origin}")

    def _key(self, raw: _RawNode, *, verbatim: bool) -> Scalar | None:
        origin = self._origin(raw)
        if not isinstance(raw, ScalarNode):
            self.problems.add(origin, "a key must be text, not a list or a mapping")
            return None
        if raw.tag == _PLAIN and raw.value in _NULLS:
            hint = f"quote it: '{raw.value}'" if raw.value else "write a key before the colon"
            self.problems.add(origin, "a key must be text, not null", hint=hint)
            return None
        if raw.tag == _PLAIN and self._marks is not None and not isinstance(self._plain(raw.value), str):
            self.problems.add(origin, f"a key must be text, not {raw.value}", hint=f"quote it: '{raw.value}'")
        if raw.tag not in (_PLAIN, _TEXT, "!unsafe"):
            self._report_tag(raw)
        return Scalar(raw.value, origin, verbatim=verbatim or raw.tag == "!unsafe")

    def _merge(self, raw: _RawNode, depth: int, merged: dict[str, tuple[Scalar, Node]], *, verbatim: bool) -> int:
        """Adds the entries of `<<`; existing entries take precedence."""
        size = 0
        for part in raw.value if isinstance(raw, SequenceNode) else [raw]:
            if not isinstance(part, MappingNode):
                self.problems.add(self._origin(part), "<< merges a mapping or a list of mappings")
                continue
            node, part_size = self._node(part, depth + 1, verbatim=verbatim)
            size += part_size
            for key, value in _entries(node):
                merged.setdefault(str(key.value), (key, value))
        return size


def _untagged(raw: _RawNode) -> str:
    """The tag of the same value written without one."""
    if isinstance(raw, ScalarNode):
        return _TEXT if raw.style else _PLAIN
    return f"{_CORE}map" if isinstance(raw, MappingNode) else f"{_CORE}seq"


def _entries(node: Node) -> Iterator[tuple[Scalar, Node]]:
    return iter(node.entries if isinstance(node, Mapping) else ())


def _unquoted_template(raw: _RawNode) -> str | None:
    """The expression of a `{{ x }}` without quotes ("" if unknown), otherwise None."""
    if not raw.flow_style or len(raw.value) != 1:
        return None
    key = raw.value[0][0]
    if not isinstance(key, MappingNode) or not key.flow_style:
        return None
    names = [name.value for name, _ in key.value if isinstance(name, ScalarNode)]
    return names[0] if len(names) == 1 else ""
