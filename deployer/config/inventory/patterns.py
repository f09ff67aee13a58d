"""Host patterns of `hosts:` and `--limit`: unions, `&` intersections, `!` exclusions, globs, `~` regexes, subscripts. A
pattern or item that matches nothing is an error, except a group without hosts."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from deployer.config.files import read_text
from deployer.config.inventory.names import NameFaultError, split_port
from deployer.config.inventory.types import ALL, LOCAL_NAMES, Inventory
from deployer.diagnostics import Missing, Origin, Problems, did_you_mean

_SUBSCRIPT = re.compile(r"(?P<expr>.+)\[(?:(?P<index>-?[0-9]+)|(?P<first>[0-9]+)[:-](?P<last>[0-9]*))\]\Z")
_COLON_ITEM = re.compile(r"(?:[^\s:\[\]]|\[[^\]]*\])+")
_GLOB = frozenset(".?*[")


class _Item(Struct, frozen=True):
    """One part of a pattern: `sign` is "", "&" or "!"."""

    sign: str
    text: str
    origin: Origin


def select(
    pattern: str | Sequence[str], inventory: Inventory, problems: Problems, *, origin: Origin
) -> tuple[str, ...]:
    """The hosts of a pattern, each once, in the order of its items and their groups; () after an error. A list of
    patterns is their union. If groups without hosts leave no host, that is a warning."""
    items = [_item(text, origin) for text in _split_all(pattern)]
    matcher = _Matcher(inventory, problems)
    chosen = _evaluate(items, matcher, problems, shown=_shown(pattern), origin=origin)
    if not chosen and matcher.all_known:
        for group in matcher.empty:
            problems.warn(origin, f"the group '{group}' has no hosts")
    return chosen


def select_limit(
    limit: str, inventory: Inventory, problems: Problems, *, origin: Origin | None = None
) -> tuple[str, ...]:
    """As `select`, for `--limit`: an item `@FILE` means the patterns in the file, one per line; no hosts is an
    error."""
    origin = origin or Origin("--limit")
    items: list[_Item] = []
    unread = False
    for text in split_pattern(limit):
        found = _file_items(text[1:], problems, origin) if text.startswith("@") else [_item(text, origin)]
        items += found or ()
        unread = unread or found is None
    if unread and not items:
        return ()
    matcher = _Matcher(inventory, problems)
    chosen = _evaluate(items, matcher, problems, shown=limit, origin=origin)
    if not chosen and matcher.all_known:
        for group in matcher.empty:
            problems.add(origin, f"the group '{group}' has no hosts", missing=Missing.HOST)
    return chosen


def split_pattern(pattern: str) -> tuple[str, ...]:
    """The items of a pattern, separated by commas, or by colons if there is no comma and it is not an address."""
    if "," in pattern:
        parts: Iterable[str] = pattern.split(",")
    elif _is_one_name(pattern):
        parts = [pattern]
    else:
        parts = _COLON_ITEM.findall(pattern)
    return tuple(part.strip() for part in parts if part.strip())


def _split_all(pattern: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(pattern, str):
        return split_pattern(pattern)
    return tuple(item for part in pattern for item in split_pattern(part))


def _shown(pattern: str | Sequence[str]) -> str:
    return pattern if isinstance(pattern, str) else ",".join(pattern)


def _is_one_name(pattern: str) -> bool:
    """Whether its colons belong to an IPv6 address, a port or a subscript."""
    if ":" not in pattern:
        return True
    try:
        name, port = split_port(pattern)
    except NameFaultError:
        return False
    is_ipv6 = name.count(":") >= 2 and re.fullmatch(r"[0-9A-Fa-f:.]+(?:%\w+)?", name) is not None
    return is_ipv6 or port is not None


def _item(text: str, origin: Origin) -> _Item:
    sign = text[0] if text[0] in "&!" else ""
    return _Item(sign, text[len(sign) :].strip(), origin)


def _file_items(path: str, problems: Problems, origin: Origin) -> list[_Item] | None:
    """None if the file cannot be read."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.add(origin, f"the file {path} cannot be read: {reason}")
        return None
    written = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if not line.lstrip().startswith("#")]
    return [_item(part, Origin(path, number, 1)) for number, line in written for part in split_pattern(line)]


def _evaluate(
    items: Sequence[_Item], matcher: _Matcher, problems: Problems, *, shown: str, origin: Origin
) -> tuple[str, ...]:
    """Plain items first, then all `&`, then all `!`. Without a plain item, all hosts are the start."""
    if not items:
        problems.add(origin, f"the pattern '{shown}' names no host")
        return ()
    plain = [item for item in items if not item.sign] or [_Item("", ALL, origin)]
    chosen: dict[str, None] = {}
    for item in plain:
        chosen.update(dict.fromkeys(matcher.hosts(item)))
    for sign in "&!":
        for item in (item for item in items if item.sign == sign):
            named = set(matcher.hosts(item))
            chosen = {host: None for host in chosen if (host in named) == (sign == "&")}
    if not chosen and matcher.all_known and not matcher.empty:
        problems.add(origin, f"the pattern '{shown}' matches no host", missing=Missing.HOST)
    return tuple(chosen) if matcher.all_known else ()


class _Matcher:
    """Finds the hosts of single items. `all_known` becomes False with the first item without a match. `empty`: groups
    without hosts."""

    def __init__(self, inventory: Inventory, problems: Problems) -> None:
        self._inventory = inventory
        self._problems = problems
        self.all_known = True
        self.empty: list[str] = []

    def hosts(self, item: _Item) -> tuple[str, ...]:
        found = _SUBSCRIPT.match(item.text)
        if found is None or item.text.startswith("~"):
            return self._named(item.text, item)
        hosts = self._named(found["expr"], item)
        chosen = _sliced(hosts, found)
        if hosts and not chosen:
            self._fail(
                item, f"'{found['expr']}' has {len(hosts)} hosts; there is none at {item.text[found.end('expr') :]}"
            )
        return chosen

    def _named(self, text: str, item: _Item) -> tuple[str, ...]:
        try:
            matches = re.compile(text[1:] if text.startswith("~") else fnmatch.translate(text)).match
        except re.error as error:
            self._fail(item, f"'{text}' is not a regular expression: {error}")
            return ()
        groups = [group for name, group in self._inventory.groups.items() if matches(name)]
        found = {host: None for group in groups for host in group.hosts}
        if not groups or text.startswith("~") or not _GLOB.isdisjoint(text):
            found.update((host, None) for host in self._inventory.hosts if matches(host))
        if not found and text in LOCAL_NAMES:
            return (text,)
        if not found and groups and self._inventory.hosts:
            self.empty.extend([] if item.sign == "!" else [text])
        elif not found:
            self._report_nothing(text, item)
        return tuple(found)

    def _report_nothing(self, text: str, item: _Item) -> None:
        if not self._inventory.hosts:
            self._fail(item, f"'{text}' matches nothing: the inventory has no hosts", "name an inventory with -i")
        else:
            known = (*self._inventory.groups, *self._inventory.hosts)
            self._fail(item, f"no host or group matches '{text}'", did_you_mean(text, known))

    def _fail(self, item: _Item, summary: str, hint: str = "") -> None:
        self.all_known = False
        self._problems.add(item.origin, summary, hint=hint, missing=Missing.HOST)


def _sliced(hosts: tuple[str, ...], subscript: re.Match[str]) -> tuple[str, ...]:
    """`[i]`, `[i:j]`, `[i:]`, inclusive."""
    if subscript["index"] is not None:
        index = int(subscript["index"])
        return (hosts[index],) if -len(hosts) <= index < len(hosts) else ()
    last = int(subscript["last"]) + 1 if subscript["last"] else None
    return hosts[int(subscript["first"]) : last]
