"""Going back to how containers were after an earlier run: recreated from the records, where their images can be had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from deployer.diagnostics import Origin
from deployer.fields.options import PullPolicy, Recreate
from deployer.model.desired import Address, AnyResource, Container, Desired
from deployer.model.observed import Observed, ObservedContainer, RecordedRun
from deployer.model.plan import Action, HostPlan, Refusal
from deployer.model.secrets import holds_sealed
from deployer.model.settings import ContainerSettings
from deployer.planning.context import Context
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from deployer.planning.three_way import recorded_values
from deployer.values import image


class Past(Struct, frozen=True):
    """A container after an earlier run: its record, and the digest or else the id of its image. `existed`: whether
    there was one."""

    fields: Mapping[str, Any]
    image: str = ""
    digest: str = ""
    existed: bool = True


def roll_back_to(desired: Desired, observed: Observed, policy: Policy, names: Set[str], run: int) -> HostPlan:
    """The plan that makes these containers, or all if none is named, as they were after a run; nothing else changes.
    What a container does not need its record for, such as `update`, is as declared now."""
    ctx = Context(desired, observed, policy)
    changed: dict[str, AnyResource] = {}
    for resource in _chosen(desired, names) if _may_go_back(ctx, run) else ():
        live, past = observed.container(resource.name), _past(observed, desired, resource.name, run)
        if past is None:
            continue
        if live is None or not past.existed:
            what = "is not there now" if past.existed else f"did not exist after run {run}"
            ctx.draft.note(f"{resource.address.label}: {what}, so it is not changed")
        elif (as_it_was := _as_it_was(ctx, resource, live, past, run)) is not None:
            changed[resource.name] = as_it_was
    everything = [changed.get(found.name, replace(found, selected=False)) for found in desired.resources]
    made = reconcile(replace(desired, resources=tuple(everything), prune=False), observed, policy)
    notes, refusals = (*ctx.draft.notes, *made.notes), (*ctx.draft.refusals, *made.refusals)
    return replace(made, notes=notes, refusals=refusals)


def image_references(desired: Desired, observed: Observed, names: Set[str], run: int) -> frozenset[str]:
    """Every reference by which an image may be found that a container had after a run."""
    found = (_past(observed, desired, resource.name, run) for resource in _chosen(desired, names))
    return frozenset(reference for past in found if past is not None for reference in _references(past))


def _chosen(desired: Desired, names: Set[str]) -> list[Container]:
    declared = (found for found in desired.of(ContainerSettings) if not found.absent)
    return [found for found in declared if not names or found.name in names]


def _may_go_back(ctx: Context, run: int) -> bool:
    """Whether every run after that one is on record; refuses otherwise."""
    runs = {found.number: found for found in ctx.observed.runs.get(ctx.desired.project, ())}
    missing = [number for number in range(run + 1, max(runs, default=0) + 1) if _unknown(runs.get(number))]
    summary, hint = "", f"recorded runs: {', '.join(map(str, sorted(runs))) or 'none'}"
    if run not in runs:
        summary = f"run {run} is not recorded on this host"
    elif missing:
        summary = f"cannot roll back to run {run}: the record of run {missing[-1]} does not say what it changed"
        hint = f"the oldest run for --to is {missing[-1]}; or apply an older playbook"
    if summary:
        ctx.draft.refuse(Refusal(Address.whole(ctx.desired.host), summary, hint))
    return not summary


def _unknown(run: RecordedRun | None) -> bool:
    return run is None or run.before is None


def _past(observed: Observed, desired: Desired, name: str, run: int) -> Past | None:
    """What the runs since then say, the newest first; None if none of them changed the container."""
    live = observed.container(name)
    runs = sorted(observed.runs.get(desired.project, ()), key=lambda found: found.number, reverse=True)
    later = [found for found in runs if found.number > run]
    fields, image_id, digest, existed = dict(live.owner.recorded) if live is not None else {}, "", "", True
    found = [change for each in later for change in each.before or () if change.name == name]
    for change in found:
        fields |= change.fields
        image_id, digest = change.image, change.digest
        existed = change.action != Action.CREATE
    known = {key: value for key, value in fields.items() if value is not None}
    return Past(known, image_id, digest, existed) if found else None


def _references(past: Past) -> Iterator[str]:
    """The most familiar first."""
    written = past.fields.get("image")
    reference = written if isinstance(written, str) else ""
    yield from filter(None, (reference, past.image))
    parsed = image.parse(reference) if reference else None
    if past.digest and parsed is not None and parsed.path:
        yield f"{parsed.repository}@{past.digest}"


def _as_it_was(ctx: Context, resource: Container, live: ObservedContainer, past: Past, run: int) -> Container | None:
    """None after refusing."""
    values = dict(recorded_values(ctx, resource, replace(live.owner, recorded=past.fields), live.values))
    values.pop("image", None)
    reference, sealed = _reference(ctx, past), sorted(name for name, part in values.items() if holds_sealed(part))
    if sealed:
        summary = f"a secret in {', '.join(sealed)} was another one after run {run}, and records do not contain secrets"
        hint = "apply a playbook with that secret"
    elif not reference:
        summary = f"its image after run {run} is no longer on the host, and it is not known to be in a registry"
        hint = "load or build the image again, or apply an older playbook"
    else:
        settings = replace(resource.settings, image=reference, pull=PullPolicy.MISSING, recreate=Recreate.AUTO)
        return replace(resource, settings=settings, values=values, origin=Origin(f"run {run}"), origins={})
    ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
    return None


def _reference(ctx: Context, past: Past) -> str:
    """By which the same image can be had: one that is here, or the digest in the registry; "" if there is none."""
    for reference in _references(past):
        found = ctx.observed.image_of(reference)
        if found is not None and (found.id == past.image or past.digest in (found.id, *found.digests)):
            return reference
    return next((reference for reference in _references(past) if "@" in reference), "")
