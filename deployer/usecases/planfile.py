"""A saved plan: the request, the printed plan, and a fingerprint of every host's steps. It contains no secrets.

To apply a saved plan, the plan is created again from the same input and compared. If the plan of a host differs, the
host or its input has changed, and the host is refused. So the file needs no request bodies, and apply does what was
shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import asdict, replace

from deployer.diagnostics import Diagnostic, Origin
from deployer.errors import InputError
from deployer.fields.field import Change
from deployer.model import ownership
from deployer.model.desired import Address, Kind
from deployer.model.operations import Operation, WrittenFile
from deployer.model.plan import FieldDiff, HostPlan, Phase, Plan, Refusal, ResourceChange, Step
from deployer.reporting.fields import value_words
from deployer.reporting.json_plan import ACTION_WORDS
from deployer.usecases.load import Request
from deployer.values.file_mount import without_volumes

FORMAT: Final = "deployer-plan/1"

NOT_KEPT: Final = {
    name: getattr(Request(), name) for name in ("extra_vars", "forks", "connect_timeout", "allow_commands")
}
"""Keys of a request that are not saved, and their replacements: parallelism does not matter to a plan, `-e` may contain
secrets, and a file must not allow programs."""


class SavedHost(Struct, frozen=True):
    """`fingerprint` covers the steps with their bodies; `changes` has the changes as shown, by address. `reached`: the
    machine and engine, "" in a plan of an earlier release. `steps`: a digest of each resource's steps."""

    host: str
    play: int
    fingerprint: str
    changes: dict[str, str]
    reached: str = ""
    steps: dict[str, str] = field(default_factory=dict)


class SavedPlan(Struct, frozen=True, tag_field="format", tag=FORMAT):
    """The document. `request` holds the options of the command line, without those of `NOT_KEPT`. `variables` are the
    texts of `-e`, those at `withheld` without their values; `inline` is a digest of the complete ones. `shown` is the
    plan as printed. `folder`: the base of relative names. `inputs`: digests of the named files."""

    made_at: str
    version: str
    request: Request
    inline: str = field(name="extra_vars_digest")
    hosts: tuple[SavedHost, ...]
    shown: str
    folder: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    withheld: tuple[int, ...] = ()


class _Format(Struct, frozen=True):
    format: str = ""


def save(
    plan: Plan,
    *,
    made_at: str,
    version: str,
    request: Request,
    inline: str,
    shown: str,
    reached: Mapping[str, str] = MappingProxyType({}),
    key: str = "",
) -> SavedPlan:
    """`key` is part of every digest: it depends on the secrets and is slow to compute."""
    hosts = tuple(
        SavedHost(
            host.host,
            number,
            fingerprint(host, key),
            _changes(host),
            reached.get(host.host, ""),
            _steps_by_label(host, key),
        )
        for number, play in enumerate(plan.plays)
        for host in play.hosts
    )
    return SavedPlan(made_at, version, replace(request, **NOT_KEPT), inline, hosts, shown)


def fingerprint(host: HostPlan, key: str = "") -> str:
    """A digest of all steps: ids of their objects, bodies, order. It excludes waits for what fails already, and records
    in labels, which another controller seals with another key."""
    moved = f"\n{host.moved.plain}" if host.moved is not None else ""
    return _digest(f"{key}{host.project}\n{_written(host.steps)}{moved}")


def _steps_by_label(host: HostPlan, key: str) -> dict[str, str]:
    """A digest of the steps of each resource."""
    labels = dict.fromkeys(step.address.label for step in host.steps)
    return {
        label: _digest(key + _written(step for step in host.steps if step.address.label == label))[:16]
        for label in labels
    }


def _written(steps: Iterable[Step]) -> str:
    return "\n".join(
        f"{without_volumes(str(step))} {sorted(_public(step.operation).items())} "
        f"{[sorted(_public(undo).items()) for undo in step.undo]}"
        for step in steps
        if not (step.operation.waits and step.phase is Phase.COMMIT)
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _public(operation: Operation) -> dict[str, str]:
    """All fields of an operation, including those that its repr leaves out."""
    return {name: _stable(value) for name, value in asdict(operation).items()} | {"": type(operation).__name__}


def _stable(value: object) -> str:
    match value:
        case Mapping():
            kept = sorted((key, part) for key, part in value.items() if key != ownership.SPEC)
            return "{" + ",".join(f"{key!r}:{_stable(part)}" for key, part in kept) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_stable, value)) + "]"
        case WrittenFile():
            return _stable(asdict(value))
        case str():
            return repr(without_volumes(value))
        case _:
            return repr(value)


def _changes(host: HostPlan) -> dict[str, str]:
    """The action and a line per field of each resource, compared to show what differs now."""
    return {change.address.label: _lines(change) for change in host.changes}


def _lines(change: ResourceChange) -> str:
    action = ", ".join(filter(None, (ACTION_WORDS[change.action], change.reason)))
    return "\n".join((action, *(f"{diff.name}: {value_words(diff.old, diff.new)}" for diff in change.diffs)))


def lost(saved: SavedPlan, hosts: Collection[tuple[int, str]]) -> tuple[SavedHost, ...]:
    """Hosts and plays with changes in the plan that are no longer in the input. `hosts`: the hosts of each play, by
    number."""
    return tuple(found for found in saved.hosts if found.changes and (found.play, found.host) not in hosts)


class Now(Struct, frozen=True):
    """What is read again: the changed files, how each host is reached, and the key of the digests."""

    changed: tuple[str, ...] = ()
    reached: Mapping[str, str] = MappingProxyType({})
    key: str = ""

    @property
    def hint(self) -> str:
        files = f"{', '.join(self.changed)} changed since; " if self.changed else ""
        return f"{files}create a new plan"


UNCHANGED: Final = Now()


def refuse_stale(plan: Plan, saved: SavedPlan, now: Now = UNCHANGED) -> Plan:
    """The new plan, in which hosts that differ from the saved plan, or are another machine, have no changes and a
    refusal with the difference."""
    known = {(found.play, found.host): found for found in saved.hosts}
    plays = tuple(
        replace(play, hosts=tuple(_host(host, known.get((number, host.host)), now) for host in play.hosts))
        for number, play in enumerate(plan.plays)
    )
    return replace(plan, plays=plays)


def _host(host: HostPlan, saved: SavedHost | None, now: Now) -> HostPlan:
    changes, then = _changes(host), saved.changes if saved else {}
    reached = now.reached.get(host.host, "")
    if saved is not None and saved.reached and saved.reached != reached and (changes or then):
        summary = f"is another machine or engine than in the plan: {saved.reached} → {reached}"
        return _refused(host, Refusal(Address.whole(host.host), summary, now.hint))
    if saved is not None and saved.fingerprint == fingerprint(host, now.key) and changes == then:
        return host
    differing = sorted(label for label in {*changes, *then} if changes.get(label) != then.get(label))
    what = ", ".join(differing) if differing else "the objects of the plan"
    summary = "is not part of the plan" if saved is None else f"changed since the plan was created: {what}"
    address = _address(host.host, differing[0]) if len(differing) == 1 else Address.whole(host.host)
    diffs = [_difference(label, then.get(label, ""), changes.get(label, "")) for label in differing]
    if saved is not None and not differing:
        steps = _steps_by_label(host, now.key)
        other = sorted(label for label in {*steps, *saved.steps} if steps.get(label) != saved.steps.get(label))
        diffs = [_difference(label, "as planned", "other values, or another object") for label in other if saved.steps]
    return _refused(host, Refusal(address, summary, now.hint, diffs=tuple(diffs)))


def _refused(host: HostPlan, refusal: Refusal) -> HostPlan:
    return replace(host, changes=(), steps=(), refusals=(refusal,), moved=None)


def _difference(label: str, then: str, now: str) -> FieldDiff:
    """What the saved plan does to a resource, and what the new one would do."""
    return FieldDiff((label,), then or "no change", now or "no change", Change.UPDATE, source="planned, then now")


def _address(host: str, label: str) -> Address:
    kind, _, name = label.partition(".")
    return Address(host, Kind(kind), name)


def encode(saved: SavedPlan) -> str:
    """JSON."""
    return msgspec.json.format(msgspec.json.encode(saved, order="sorted"), indent=1).decode()


def decode(text: str, file: str) -> SavedPlan:
    """Raises `InputError` for a file that is not a plan of this format."""
    try:
        found = msgspec.json.decode(text, type=_Format).format
    except msgspec.ValidationError:
        found = ""
    except (ValueError, RecursionError) as error:
        raise _refusal(file, "is not a saved plan", "deployer plan -o FILE creates one") from error
    if found != FORMAT:
        hint = "create a new plan with this release" if found else "create one with: deployer plan -o FILE"
        raise _refusal(file, f"is not a saved plan of format {FORMAT}", hint)
    try:
        return msgspec.json.decode(text, type=SavedPlan)
    except (ValueError, RecursionError) as error:
        raise _refusal(file, f"is damaged: {error}", "create a new plan") from error


def _refusal(file: str, summary: str, hint: str) -> InputError:
    return InputError([Diagnostic(Origin(file), summary, hint=hint)])
