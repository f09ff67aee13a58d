"""Three-way comparison of live object, last applied record and declaration. A difference between declaration and record
is a change in the file; a difference between record and live object is a manual change.

Records hold digests of secrets: with the key, they show whether the live value is the one that was applied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.model.desired import AnyResource, Resource, S
from deployer.model.drift import Drift, Verdict
from deployer.model.observed import Ownership
from deployer.model.plan import FieldDiff
from deployer.model.secrets import DIGEST_KEY, MASK, digest_of_1, is_sealed, sealed
from deployer.planning.context import Context


def as_recorded(ctx: Context, resource: Resource[S], owner: Ownership, live: Mapping[str, Any]) -> Resource[S]:
    """The resource as it was last applied."""
    if not owner.recorded:
        return resource
    seals = _Seals.of(ctx, owner, unopened=_masked)
    fields = {name: part for name, part in owner.recorded.items() if name != "image"}
    return replace(resource, values=seals.open_map(fields, live, resource.values))


def _masked(_digest: Any, live: Any, declared: Any) -> Any:
    """Texts are masked; of anything else, a value of the same type."""
    if isinstance(live, str) or (live is None and declared is None):
        return MASK
    return live if declared is None else declared


def recorded_values(
    ctx: Context, resource: AnyResource, owner: Ownership, live: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The record with its secrets resolved; those that are neither live nor declared stay digests."""
    seals = _Seals.of(ctx, owner, unopened=lambda digest, _now, _wish: digest)
    return seals.open_map(owner.recorded, live, resource.values)


def resealed(ctx: Context, resource: AnyResource | None, live: Live) -> Mapping[str, Any]:
    """The record as this controller would have written it, to be compared with what it writes."""
    owner = live.owner
    here = replace(ctx.desired.sealing, address=f"{owner.project}/{owner.resource}")
    if owner.sealed_with == here.key_id:
        return owner.recorded
    seals = _Seals.of(ctx, owner, unopened=lambda digest, _now, _wish: digest)
    opened = seals.open_map(owner.recorded, live.values, resource.values if resource is not None else {})
    paths = resource.secret_paths if resource is not None else frozenset[tuple[str, ...]]()
    return dict(sealed(opened, here, paths))


class Live(Protocol):
    """A container, a network or a volume."""

    @property
    def owner(self) -> Ownership: ...
    @property
    def values(self) -> Mapping[str, Any]: ...


_UNSURE: Final = "or someone changed a secret by hand; another controller sealed its record"


def _is_foreign(ctx: Context, owner: Ownership) -> bool:
    """Whether the record was sealed with a key that is not here."""
    return owner.sealed_with not in ("", ctx.desired.sealing.key_id)


Unopened: TypeAlias = Callable[[Any, Any, Any], Any]
"""The substitute for a digest that no known value matches, from the digest, the live and the declared value."""


class _Seals(Struct, frozen=True):
    """Resolves the digests of a record by comparing them with the live value, then with the declared one. A digest that
    matches neither was changed manually and in the file. Digests of another controller's key cannot be compared: a
    secret cannot be changed on a live object, so its live value counts as the applied one."""

    digests: Callable[[Any], tuple[str, ...]]
    unopened: Unopened
    is_foreign: bool = False

    @staticmethod
    def of(ctx: Context, owner: Ownership, unopened: Unopened) -> _Seals:
        address = f"{owner.project}/{owner.resource}"
        own = replace(ctx.desired.sealing, address=address)
        if owner.sealed_with:
            return _Seals(lambda value: (own.digest(value),), unopened, _is_foreign(ctx, owner))
        return _Seals(lambda value: _digests_of_1(value, address), unopened)

    def open(self, recorded: Any, live: Any, declared: Any) -> Any:
        if is_sealed(recorded):
            return self._try(recorded, live, declared)
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
        return next((name for name in names if found in self.digests(name)), recorded)

    def _try(self, recorded: Any, live: Any, declared: Any) -> Any:
        found = recorded[DIGEST_KEY]
        if (self.is_foreign or not found) and live is not None:
            return live
        for value in (live, declared):
            if value is not None and found in self.digests(value):
                return value
        return self.unopened(recorded, live, declared)


def _digests_of_1(value: Any, address: str) -> tuple[str, ...]:
    return digest_of_1(str(value), address), digest_of_1(_json(value), address)


def _parts(value: Any, count: int) -> list[Any]:
    return value if isinstance(value, list) and len(value) == count else [None] * count


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def three_way(
    ctx: Context, resource: AnyResource, live: Live, wish: tuple[FieldDiff, ...], applied: tuple[FieldDiff, ...]
) -> Iterator[Drift]:
    """`wish` is how the live object differs from the declaration, `applied` how it differs from the record."""
    before = recorded_values(ctx, resource, live.owner, live.values)
    in_file = tuple(found for found in wish if before and _at(resource.values, found.path) != _at(before, found.path))
    by_hand = applied if before else wish
    if by_hand:
        done = tuple(replace(found, old=found.new, new=found.old, origin=None, source="") for found in by_hand)
        yield Drift(resource.address, Verdict.BY_HAND, done)
    if in_file:
        unsure = _is_foreign(ctx, live.owner) and any(found.sensitive for found in in_file)
        yield Drift(resource.address, Verdict.IN_FILE, in_file, _UNSURE if unsure else "")


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values
