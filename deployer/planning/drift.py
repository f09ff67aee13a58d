"""Live against last applied against wish, for every resource of a play on one host. Pure, and changes nothing.

What differs between wish and record was changed in the file; what differs between record and live object was changed
by hand. Of secrets the record has digests: they tell whether the live value is still the one that was applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.field import View
from deployer.fields.network import NETWORK
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.model import ownership as record
from deployer.model.desired import Desired, Kind, Resource, slot
from deployer.model.drift import Drift, HostDrift, Verdict
from deployer.model.observed import Observed, ObservedContainer, ObservedNetwork, ObservedVolume, Ownership
from deployer.model.plan import FieldDiff
from deployer.model.secrets import DIGEST_KEY, MASK, digest, is_sealed
from deployer.planning.container.judging import compare_fields
from deployer.planning.container.plan import has_completed
from deployer.planning.context import Context
from deployer.planning.diff import Comparison, diff
from deployer.planning.image import plan as images
from deployer.planning.job import plan as jobs
from deployer.planning.policy import Policy
from deployer.values import image


def find_drift(desired: Desired, observed: Observed) -> HostDrift:
    """Everything that is not as declared, with its verdict; one resource may have several."""
    ctx = Context(desired, observed, Policy())
    found: list[Drift] = []
    for resource in desired.resources:
        if resource.selected and not resource.settings.external:
            found += _unwanted(ctx, resource) if resource.absent else _of(ctx, resource)
    found += _undeclared(ctx)
    return HostDrift(desired.host, desired.project, tuple(found), observed.engine.simulated)


def _of(ctx: Context, resource: Resource) -> Iterator[Drift]:
    observed = ctx.observed
    match resource.kind:
        case Kind.IMAGE:
            yield from _image(ctx, resource)
        case Kind.NETWORK:
            yield from _plain(ctx, resource, NETWORK, observed.network(resource.name))
        case Kind.VOLUME:
            yield from _plain(ctx, resource, VOLUME, observed.volume(resource.name))
        case Kind.CONTAINER:
            yield from _container(ctx, resource)
        case Kind.JOB:
            yield from _job(ctx, resource)


def _unwanted(ctx: Context, resource: Resource) -> Iterator[Drift]:
    """What is declared absent, whoever made it."""
    observed, name = ctx.observed, resource.name
    live: object
    match resource.kind:
        case Kind.IMAGE:
            live = observed.tags.get(resource.settings.image)
        case Kind.NETWORK:
            live = observed.network(name)
        case Kind.VOLUME:
            live = observed.volume(name)
        case _:
            live = observed.container(name)
    if live is not None:
        yield Drift(resource.address, Verdict.STILL_THERE)


def _image(ctx: Context, resource: Resource) -> Iterator[Drift]:
    need = images.wanted(ctx, resource)
    if need.local is None:
        yield Drift(resource.address, Verdict.GONE)
    elif need.pull:
        yield Drift(resource.address, Verdict.IMAGE_MOVED, detail=f"the registry has {need.digest[:19]}")


def _plain(
    ctx: Context, resource: Resource, table: Table, live: ObservedNetwork | ObservedVolume | None
) -> Iterator[Drift]:
    if live is None:
        yield Drift(resource.address, Verdict.GONE)
        return
    owner = live.owner
    ours = record.belongs_to(owner, ctx.desired.project, resource.address)

    def compared(wish: Resource) -> tuple[FieldDiff, ...]:
        view = View(wish.values, live.values, wish.name, owner.recorded)
        return diff(Comparison(table, wish, view, ctx.desired.secrets, strict=ours))

    yield from _three_way(
        ctx, resource, owner, compared(resource), compared(_as_recorded(resource, owner, live.values))
    )


def _container(ctx: Context, resource: Resource) -> Iterator[Drift]:
    live = ctx.observed.container(resource.name)
    if live is None:
        yield Drift(resource.address, Verdict.GONE)
        return
    wish = compare_fields(ctx, resource, live)
    applied = compare_fields(ctx, _as_recorded(resource, live.owner, live.values), live)
    yield from _three_way(ctx, resource, live.owner, wish, applied)
    yield from _image_of(ctx, resource, live)
    yield from _health(ctx, resource, live)


def _job(ctx: Context, resource: Resource) -> Iterator[Drift]:
    """Its container is only the record that it ran, so nothing but the declaration and the end of that run count."""
    live = ctx.observed.container(resource.name)
    if live is None or live.state == "created":
        yield Drift(resource.address, Verdict.NOT_RUN)
        return
    found = jobs.changed(ctx, resource, live, images.wanted(ctx, resource))
    if in_file := tuple(diff for diff in found if diff.path != ("image",)):
        yield Drift(resource.address, Verdict.IN_FILE, in_file)
    yield from _image_of(ctx, resource, live)
    if not live.running and (live.state != "exited" or live.exit_code):
        yield Drift(resource.address, Verdict.RUN_FAILED, detail=f"{live.state} with code {live.exit_code}")


def _as_recorded(resource: Resource, owner: Ownership, live: Mapping[str, Any]) -> Resource:
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


def _three_way(
    ctx: Context, resource: Resource, owner: Ownership, wish: tuple[FieldDiff, ...], applied: tuple[FieldDiff, ...]
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


def _image_of(ctx: Context, resource: Resource, live: ObservedContainer) -> Iterator[Drift]:
    need = images.wanted(ctx, resource)
    if need.is_that_of(live, ctx.observed.images.get(live.image_id)):
        return
    old, new = image.familiar(live.image), image.familiar(need.reference)
    detail = f"{old} → {new}" if old != new else new
    yield Drift(resource.address, Verdict.IN_FILE if old != new else Verdict.IMAGE_MOVED, detail=detail)


def _health(ctx: Context, resource: Resource, live: ObservedContainer) -> Iterator[Drift]:
    wanted = resource.settings.state
    if wanted == "started" and not live.running and not has_completed(ctx, resource, live):
        detail = f"{live.state} with code {live.exit_code}" if live.state == "exited" else live.state
        yield Drift(resource.address, Verdict.NOT_RUNNING, detail=detail)
    elif wanted == "started" and live.state == "restarting":
        yield Drift(resource.address, Verdict.UNHEALTHY, detail=f"keeps restarting, last exit code {live.exit_code}")
    elif wanted == "started" and live.health == "unhealthy":
        yield Drift(resource.address, Verdict.UNHEALTHY)


def _undeclared(ctx: Context) -> Iterator[Drift]:
    """Objects of the project that no play of this run declares."""
    desired, observed = ctx.desired, ctx.observed
    declared = {slot(resource.kind, resource.name) for resource in desired.resources}
    declared |= {slot(*key) for key in desired.elsewhere}
    objects = [
        *((Kind.NETWORK, found.name, found.owner) for found in observed.networks),
        *((Kind.VOLUME, found.name, found.owner) for found in observed.volumes),
        *((record.kind_of(found.owner), found.name, found.owner) for found in observed.containers),
    ]
    for kind, name, owner in sorted(objects, key=lambda found: (list(Kind).index(found[0]), found[1])):
        if owner.project == desired.project and slot(kind, name) not in declared:
            yield Drift(ctx.address(kind, name), Verdict.UNDECLARED)
