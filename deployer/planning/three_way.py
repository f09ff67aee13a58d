"""Live against last applied against declared. What differs between declaration and record was changed in the file; what
differs between record and live object was changed by hand.

Of secrets the record has digests: they tell whether the live value is still the one that was applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from deployer.model import ownership as record
from deployer.model.desired import AnyResource, Resource, S
from deployer.model.drift import Drift, Verdict
from deployer.model.observed import Ownership
from deployer.model.plan import FieldDiff
from deployer.model.secrets import DIGEST_KEY, MASK, digest, is_sealed
from deployer.planning.context import Context


def as_recorded(resource: Resource[S], owner: Ownership, live: Mapping[str, Any]) -> Resource[S]:
    """The resource as it was last applied."""
    if not owner.recorded:
        return resource
    seals = _Seals(f"{owner.project}/{owner.resource}")
    fields = {name: part for name, part in owner.recorded.items() if name != "image"}
    opened = seals.open_map(fields, live, resource.values)
    return replace(resource, values={name: part for name, part in opened.items() if not is_sealed(part)})


class _Seals(Struct, frozen=True):
    """What a record holds of secrets, opened by trying: with the live value, then with the declared one. What neither
    opens was changed both by hand and in the file. `key` is that of the digests."""

    key: str

    def open(self, recorded: Any, live: Any, declared: Any) -> Any:
        if is_sealed(recorded):
            return self._try(recorded[DIGEST_KEY], live, declared)
        if isinstance(recorded, Mapping):
            return self.open_map(recorded, live, declared)
        if isinstance(recorded, list) and any(is_sealed(part) for part in recorded):
            tried = [_parts(live, len(recorded)), _parts(declared, len(recorded))]
            return [self.open(part, *others) for part, *others in zip(recorded, *tried, strict=True)]
        return recorded

    def open_map(self, recorded: Mapping[str, Any], live: Any, declared: Any) -> dict[str, Any]:
        known, wish = (each if isinstance(each, Mapping) else {} for each in (live, declared))
        names = {name: self._name(name, (*known, *wish)) for name in recorded}
        return {
            names[name]: self.open(part, known.get(names[name]), wish.get(names[name]))
            for name, part in recorded.items()
        }

    def _name(self, recorded: str, names: tuple[str, ...]) -> str:
        marker, _, found = recorded.partition(":")
        if marker != DIGEST_KEY:
            return recorded
        return next((name for name in names if digest(name, self.key) == found), recorded)

    def _try(self, found: str, live: Any, declared: Any) -> Any:
        for value in (live, declared):
            if value is not None and found in (digest(str(value), self.key), digest(_json(value), self.key)):
                return value
        return MASK if isinstance(live, str) or declared is None else declared


def _parts(value: Any, count: int) -> list[Any]:
    return value if isinstance(value, list) and len(value) == count else [None] * count


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def three_way(
    ctx: Context, resource: AnyResource, owner: Ownership, wish: tuple[FieldDiff, ...], applied: tuple[FieldDiff, ...]
) -> Iterator[Drift]:
    declared = record.declared(resource, ctx.desired.project, ctx.desired.secrets)
    in_file = tuple(
        found for found in wish if owner.recorded and _at(declared, found.path) != _at(owner.recorded, found.path)
    )
    by_hand = applied if owner.recorded else wish
    if by_hand:
        done = tuple(replace(found, old=found.new, new=found.old, origin=None, source="") for found in by_hand)
        yield Drift(resource.address, Verdict.BY_HAND, done)
    if in_file:
        yield Drift(resource.address, Verdict.IN_FILE, in_file)


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values
