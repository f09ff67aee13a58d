"""One self-contained HTML page: the hosts of a plan, of drift or of a list, their resources, and a picture of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from deployer.model.desired import AnyResource, Desired, Kind
from deployer.model.drift import Drift, DriftReport
from deployer.model.plan import Action, FieldDiff, HostPlan, Plan, ResourceChange, Unreachable
from deployer.reporting.fields import place_words
from deployer.reporting.human import SIMULATED, moved_words
from deployer.reporting.json_plan import ACTION_WORDS

SIGNATURE: Final = '<meta name="generator" content="deployer">'
_HEIGHT, _GAP, _WIDTH = 34, 12, 200


class Tone(StrEnum):
    """How a resource looks."""

    SAME = "same"
    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"
    BAD = "bad"


class Difference(Struct, frozen=True):
    name: str
    old: str = ""
    new: str = ""
    place: str = ""


class Item(Struct, frozen=True):
    """A resource. `state` is a word for people; `ports`, `networks` and `volumes` are those of a container."""

    kind: str
    name: str
    state: str
    tone: Tone = Tone.SAME
    detail: str = ""
    differences: tuple[Difference, ...] = ()
    ports: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


class HostPage(Struct, frozen=True):
    name: str
    words: str
    tone: Tone = Tone.SAME
    items: tuple[Item, ...] = ()
    notes: tuple[str, ...] = ()


class Page(Struct, frozen=True):
    """`made_at`: for people, such as `2026-01-31 12:00 UTC`."""

    title: str
    summary: str
    made_at: str
    hosts: tuple[HostPage, ...] = ()


class _Box(Struct, frozen=True):
    x: int
    y: int
    label: str
    kind: str
    tone: str


class _Picture(Struct, frozen=True):
    """`lines` are paths of SVG."""

    height: int
    boxes: tuple[_Box, ...] = field(default=())
    lines: tuple[str, ...] = field(default=())


def plan_page(plan: Plan, of_host: Callable[[str], Iterable[Desired]], made_at: str) -> Page:
    """What the plan changes, and what it leaves as it is. `of_host`: what the plays declare there."""
    planned: dict[str, list[HostPlan]] = {}
    for host in plan.hosts:
        planned.setdefault(host.host, []).append(host)
    counts = plan.counts
    words = (
        f"{counts.create} to create, {counts.update} to update, {counts.replace} to replace, {counts.remove} to remove"
    )
    pages = [_planned_host(host, plans, of_host(host)) for host, plans in planned.items()]
    return Page("Plan", words, made_at, (*pages, *map(_lost, plan.unreachable)))


def _planned_host(host: str, plans: Iterable[HostPlan], wishes: Iterable[Desired]) -> HostPage:
    plans = tuple(plans)
    changes = {(found.address.kind, found.address.name): found for plan in plans for found in plan.changes}
    refusals = [refusal for plan in plans for refusal in plan.refusals]
    items = [_with_links(_changed(changes.pop(key, None), *key), found) for key, found in _declared(wishes).items()]
    items += [_changed(found, *key) for key, found in changes.items()]
    notes = [note for plan in plans for note in plan.notes]
    moves = [plan.moved for plan in plans if plan.moved is not None]
    notes += [f"from {moved.source}: {text}" for moved in moves for text in moved_words(moved)]
    notes += [f"refused: {found.address.label}: {found.summary}" for found in refusals]
    changed = sum(item.tone is not Tone.SAME for item in items)
    tone = Tone.BAD if refusals else Tone.CHANGED if changed else Tone.SAME
    words = "refused" if refusals else f"{changed} of {len(items)} resources change" if changed else "no changes"
    marker = SIMULATED if any(plan.simulated for plan in plans) else ""
    return HostPage(host, words + marker, tone, tuple(items), tuple(notes))


def _declared(wishes: Iterable[Desired]) -> dict[tuple[Kind, str], AnyResource]:
    return {(found.kind, found.name): found for wish in wishes for found in wish.resources if found.selected}


def _changed(change: ResourceChange | None, kind: Kind, name: str) -> Item:
    if change is None:
        return Item(kind, name, "as declared")
    tones = {Action.CREATE: Tone.NEW, Action.RUN: Tone.NEW, Action.REMOVE: Tone.GONE}
    differences = tuple(_difference(found) for found in (*change.declared, *change.diffs))
    return Item(
        kind, name, ACTION_WORDS[change.action], tones.get(change.action, Tone.CHANGED), change.reason, differences
    )


def drift_page(report: DriftReport, of_host: Callable[[str], Iterable[Desired]], made_at: str) -> Page:
    """What differs from the declaration, and why. `of_host`: what the plays declare there."""
    found: dict[str, dict[tuple[Kind, str], list[Drift]]] = {}
    for host in report.hosts:
        for each in host.found:
            found.setdefault(host.host, {}).setdefault((each.address.kind, each.address.name), []).append(each)
    markers = {host.host: SIMULATED if host.simulated else "" for host in report.hosts}
    pages = [_drifted_host(host, found.get(host, {}), of_host(host), markers[host]) for host in markers]
    count = sum(len(host.found) for host in report.hosts)
    words = "nothing differs" if not count else f"{count} finding{'' if count == 1 else 's'}"
    return Page("Drift", words, made_at, (*pages, *map(_lost, report.unreachable)))


def _drifted_host(
    host: str, found: Mapping[tuple[Kind, str], list[Drift]], wishes: Iterable[Desired], marker: str
) -> HostPage:
    declared = _declared(wishes)
    items = [_with_links(_drifted(found.get(key, ()), *key), resource) for key, resource in declared.items()]
    items += [_drifted(drifts, *key) for key, drifts in found.items() if key not in declared]
    differing = sum(item.tone is not Tone.SAME for item in items)
    words = f"{differing} of {len(items)} resources differ" if differing else "as declared"
    return HostPage(host, words + marker, Tone.BAD if differing else Tone.SAME, tuple(items))


def _drifted(drifts: Iterable[Drift], kind: Kind, name: str) -> Item:
    drifts = tuple(drifts)
    if not drifts:
        return Item(kind, name, "as declared")
    details = "; ".join(found.detail for found in drifts if found.detail)
    words = ", ".join(found.verdict for found in drifts)
    return Item(
        kind, name, words, Tone.BAD, details, tuple(_difference(diff) for found in drifts for diff in found.diffs)
    )


def _difference(found: FieldDiff) -> Difference:
    return Difference(found.name, found.old, found.new, place_words(found))


def _with_links(item: Item, resource: AnyResource) -> Item:
    """With the ports, networks and volumes that the resource declares."""
    values = resource.values
    mounts = values.get("volumes") or {}
    return msgspec.structs.replace(
        item,
        ports=tuple(map(str, values.get("ports") or ())) if item.kind in (Kind.CONTAINER, Kind.JOB) else (),
        networks=tuple(values.get("networks") or ()),
        volumes=tuple(
            dict.fromkeys(
                str(found["source"])
                for found in mounts.values()
                if found.get("type") == "volume" and found.get("source")
            )
        )
        if isinstance(mounts, Mapping)
        else (),
    )


def _lost(host: Unreachable) -> HostPage:
    return HostPage(host.host, "unreachable", Tone.BAD, notes=tuple(filter(None, (host.message, host.hint))))


def list_page(
    containers: Iterable[Any],
    networks: Iterable[Any],
    volumes: Iterable[Any],
    lost: Iterable[Unreachable],
    made_at: str,
) -> Page:
    """What runs. The rows are those of the lists: of containers, networks and volumes."""
    hosts: dict[str, list[Item]] = {}
    joined, mounted = _joined(networks), _joined(volumes)
    for row in containers:
        key = (row.host, row.name)
        tone = Tone.SAME if row.state == "running" and "unhealthy" not in row.status else Tone.BAD
        item = Item(
            Kind.CONTAINER,
            row.name,
            row.status or row.state,
            tone,
            row.image,
            ports=row.ports,
            networks=tuple(joined.get(key, ())),
            volumes=tuple(mounted.get(key, ())),
        )
        hosts.setdefault(row.host, []).append(item)
    for kind, rows in ((Kind.NETWORK, networks), (Kind.VOLUME, volumes)):
        for row in rows:
            hosts.setdefault(row.host, []).append(Item(kind, row.name, row.driver, detail=row.project))
    simulated = {row.host for row in (*containers, *networks, *volumes) if row.simulated}
    pages = [_listed_host(host, items, SIMULATED if host in simulated else "") for host, items in hosts.items()]
    count = sum(item.kind == Kind.CONTAINER for items in hosts.values() for item in items)
    words = f"{count} containers on {len(pages)} hosts"
    return Page("Containers", words, made_at, (*pages, *map(_lost, lost)))


def _listed_host(host: str, items: list[Item], marker: str) -> HostPage:
    bad = sum(item.tone is Tone.BAD for item in items)
    running = sum(item.kind == Kind.CONTAINER for item in items) - bad
    words = f"{running} running" + (f", {bad} not" if bad else "")
    return HostPage(host, words + marker, Tone.BAD if bad else Tone.SAME, tuple(items))


def _joined(rows: Iterable[Any]) -> dict[tuple[str, str], list[str]]:
    """Names of networks or volumes, by host and container."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for container in row.containers:
            found.setdefault((row.host, container), []).append(row.name)
    return found


def render(document: Mapping[str, Any]) -> str:
    """HTML from a page as plain data, from which secrets have been removed."""
    from jinja2 import Environment

    page = msgspec.convert(dict(document), Page)
    template = files("deployer.reporting").joinpath("page.html.j2").read_text("utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pictures = [_picture(host.items) for host in page.hosts]
    return environment.from_string(template).render(page=page, hosts=list(zip(page.hosts, pictures, strict=True)))


def _picture(items: Iterable[Item]) -> _Picture | None:
    """Published ports at the left, containers in the middle, networks and volumes at the right. None without any."""
    items = tuple(items)
    containers = [item for item in items if item.kind in (Kind.CONTAINER, Kind.JOB)]
    ports = list(dict.fromkeys(port for item in containers for port in item.ports))
    rights = _rights(items, containers)
    if not containers:
        return None
    columns = (
        [_Box(0, 0, port, "port", "same") for port in ports],
        [_Box(0, 0, item.name, item.kind, item.tone) for item in containers],
        rights,
    )
    rows = max(map(len, columns))
    placed = [list(_placed(column, number, rows)) for number, column in enumerate(columns)]
    lines = [*_lines(containers, placed)]
    boxes = tuple(box for column in placed for box in column)
    return _Picture(rows * (_HEIGHT + _GAP), boxes, tuple(lines))


def _rights(items: Iterable[Item], containers: Iterable[Item]) -> list[_Box]:
    """Networks and volumes, with those that only containers name."""
    tones = {(item.kind, item.name): item.tone for item in items}
    named = {(str(item.kind), item.name): None for item in items if item.kind in (Kind.NETWORK, Kind.VOLUME)}
    for item in containers:
        named |= {(str(Kind.NETWORK), name): None for name in item.networks}
        named |= {(str(Kind.VOLUME), name): None for name in item.volumes}
    return [_Box(0, 0, name, kind, tones.get((kind, name), Tone.SAME)) for kind, name in sorted(named)]


def _placed(boxes: Iterable[_Box], column: int, rows: int) -> Iterator[_Box]:
    """In its column, spread over the height."""
    boxes = tuple(boxes)
    step = rows * (_HEIGHT + _GAP) / max(1, len(boxes))
    for number, box in enumerate(boxes):
        y = int(step * number + (step - _HEIGHT) / 2)
        yield msgspec.structs.replace(box, x=column * (_WIDTH + 80), y=y)


def _lines(containers: Iterable[Item], placed: list[list[_Box]]) -> Iterator[str]:
    ports, middle, rights = ({(box.kind, box.label): box for box in column} for column in placed)
    for item in containers:
        here = middle[str(item.kind), item.name]
        for port in item.ports:
            yield _line(ports["port", port], here)
        for kind, names in ((Kind.NETWORK, item.networks), (Kind.VOLUME, item.volumes)):
            for name in names:
                yield _line(here, rights[str(kind), name])


def _line(left: _Box, right: _Box) -> str:
    """A curve from the right side of one box to the left side of another."""
    x1, y1 = left.x + _WIDTH, left.y + _HEIGHT // 2
    x2, y2 = right.x, right.y + _HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}"
