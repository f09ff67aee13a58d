"""Whether images can be pulled: they are there, may be had with the credentials given, and for the host's platform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from deployer.fields.field import Change
from deployer.model.desired import Kind
from deployer.model.observed import Observed
from deployer.model.operations import PullImage, PushImage
from deployer.model.plan import FieldDiff, HostPlan, ResourceChange, Step
from deployer.model.registry import Availability, RegistryAnswer, denied, missing, remedy
from deployer.planning.diff import image_diffs
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values import image, size

_RUNS: Final = {"amd64": "386", "arm64": "arm"}
"""Architectures to those that an engine may take instead; never the other way round (measured on 20.10, 26.1 and
28.5)."""

_TO_SECOND: Final = len("2026-01-02T03:04:05")
_OTHERWISE: Final = "check the address of the registry, and firewalls and proxies between it and the host"


def unasked(plan: HostPlan, observed: Observed) -> Iterator[str]:
    """What is to be pulled and no registry was asked for when the host was read."""
    for step in plan.steps:
        if isinstance(step.operation, PullImage) and step.operation.reference not in observed.registry:
            yield step.operation.reference


def fetched(plan: HostPlan, observed: Observed) -> Iterator[tuple[str, str, str]]:
    """What is pulled, with its digest where a registry was asked, and the platform."""
    for step in plan.steps:
        if isinstance(step.operation, PullImage):
            reference, platform = step.operation.reference, step.operation.platform
            wanted = platform or f"{observed.engine.os}/{observed.engine.arch}"
            yield reference, observed.remote.get(reference, ""), wanted


def explained(change: ResourceChange, checked: CheckedHost) -> ResourceChange:
    """The change of an image that is pulled, with how much is fetched and, if its tag moved, what differs inside."""
    found = checked.facts.contents.get(image.canonical(change.address.name))
    if change.address.kind is not Kind.IMAGE or found is None:
        return change
    old, new = found
    if old is None or not change.diffs:
        total = sum(each for _, each in new.layers)
        return (
            replace(change, reason=f"{change.reason}, up to {size.show_rounded(total)} to fetch") if total else change
        )
    built = FieldDiff(("created",), old.created[:_TO_SECOND], new.created[:_TO_SECOND], Change.UPDATE)
    inside = image_diffs(old.values, new.values, checked.desired.secrets)
    there = {digest for digest, _ in old.layers}
    total, new_bytes = sum(each for _, each in new.layers), sum(each for key, each in new.layers if key not in there)
    amount = f"up to {size.show_rounded(new_bytes)} of {size.show_rounded(total)} to fetch"
    diffs = (*change.diffs, *((built,) if built.old != built.new else ()), *inside)
    return replace(change, reason=f"{change.reason}, {amount}", diffs=diffs)


def findings(checked: CheckedHost) -> Iterator[Finding]:
    for step in checked.plan.steps:
        if isinstance(step.operation, PushImage):
            yield from _refused_push(checked, step, step.operation.reference)
        if not isinstance(step.operation, PullImage):
            continue
        reference = step.operation.reference
        if reference in checked.facts.pushed:
            continue
        answer = checked.observed.registry.get(reference) or checked.facts.registry.get(reference)
        if answer is None:
            continue
        if answer.availability is Availability.FOUND:
            yield from _platform(checked, step, step.operation.platform, answer)
        else:
            yield from _absent(checked, step, reference, answer)


def _refused_push(checked: CheckedHost, step: Step, reference: str) -> Iterator[Finding]:
    answer = checked.observed.registry.get(reference)
    if answer is None or answer.availability not in (Availability.DENIED, Availability.UNREACHABLE):
        return
    said = _explain(image.parse(reference).domain, answer)
    if said is not None:
        yield checked.refuse(step.address, f"cannot be pushed: {said[0]}", said[1])


def _absent(checked: CheckedHost, step: Step, reference: str, answer: RegistryAnswer) -> Iterator[Finding]:
    """Docker asks the mirrors of Docker Hub for what it is about to pull, and goes on to the next one only when it
    pulls: then nothing is certain."""
    domain = image.parse(reference).domain
    if answer.availability is Availability.LIMITED:
        yield f"{step.address.label}: the registry {domain} limits the number of pulls; the pull may fail"
    said = _explain(domain, answer)
    if said is None:
        return
    summary, hint = said
    if checked.facts.mirrored and domain == image.DOCKER_HUB:
        yield f"{step.address.label}: {summary}, according to the host's mirror; the pull may still find it"
    else:
        yield checked.refuse(step.address, summary, hint)


def _explain(domain: str, answer: RegistryAnswer) -> tuple[str, str] | None:
    """What is wrong, and what to do; None if unknown."""
    match answer.availability:
        case Availability.MISSING:
            return f"the registry {domain} does not have it", missing(authenticated=answer.authenticated)
        case Availability.DENIED:
            hint = denied(domain, authenticated=answer.authenticated)
            if answer.authenticated:
                return f"the registry {domain} rejects the credentials", hint
            return f"the registry {domain} requires credentials, or does not have it", hint
        case Availability.UNREACHABLE:
            way = remedy(domain, answer.message, authenticated=answer.authenticated) or _OTHERWISE
            return f"the host cannot reach the registry {domain}", f"{answer.message}\n{way}"
        case _:
            return None


def _platform(checked: CheckedHost, step: Step, platform: str, answer: RegistryAnswer) -> Iterator[Finding]:
    engine = checked.observed.engine
    asked = platform or f"{engine.os}/{engine.arch}"
    system, arch = _parts(asked, engine.os)
    offered = [_parts(found, "linux") for found in answer.platforms]
    if not arch or not offered or any(system == there and other in (arch, _RUNS.get(arch)) for there, other in offered):
        return
    summary = f"is not for {asked}, only for {', '.join(dict.fromkeys(answer.platforms))}"
    if answer.several or platform:
        hint = (
            "choose another platform, or a tag that has it" if platform else "choose a tag that is, or set 'platform'"
        )
        yield checked.refuse(step.address, summary, hint)
    else:
        yield f"{step.address.label}: {summary}"


def _parts(platform: str, system: str) -> tuple[str, str]:
    """(os, architecture); without a slash either may be meant, and `linux` is no architecture."""
    first, slash, rest = platform.partition("/")
    return (first, rest.partition("/")[0]) if slash else (system, "" if first == system else first)
