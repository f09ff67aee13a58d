"""Refuses `--allow-data-loss` where it has no effect: a wrong name, or a missing option."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from deployer.diagnostics import did_you_mean
from deployer.model.desired import Address, Desired, Kind
from deployer.model.observed import Observed
from deployer.model.plan import HostPlan, PlayPlan, Refusal
from deployer.planning.policy import Policy


def check(
    plays: Sequence[PlayPlan], desired: Iterable[Desired], seen: Mapping[str, Observed], policy: Policy
) -> tuple[PlayPlan, ...]:
    """The plays of a run, with a refusal or a note for each volume of the policy that no change concerns. `desired`: of
    all plays. Hosts that were not read are ignored."""
    found = list(plays)
    wishes = tuple(desired)
    for text in sorted(policy.data_loss):
        host, _, name = text.partition(f"/{Kind.VOLUME}.")
        address = Address(host, Kind.VOLUME, name)
        if host not in seen or any(_is_about(plan, address) for play in plays for plan in play.hosts):
            continue
        judged = _judge(address, [wish for wish in wishes if wish.host == host], seen[host], policy)
        number = next(n for n, play in enumerate(found) if any(plan.host == host for plan in play.hosts))
        hosts = (_with(plan, judged) if plan.host == host else plan for plan in found[number].hosts)
        found[number] = replace(found[number], hosts=tuple(hosts))
    return tuple(found)


def _is_about(plan: HostPlan, address: Address) -> bool:
    return address in {*(found.address for found in plan.changes), *(found.address for found in plan.refusals)}


def _with(plan: HostPlan, judged: Refusal | str) -> HostPlan:
    if isinstance(judged, str):
        return replace(plan, notes=(*plan.notes, judged))
    return replace(plan, refusals=(*plan.refusals, judged))


def _judge(address: Address, wishes: Sequence[Desired], seen: Observed, policy: Policy) -> Refusal | str:
    """Why no change is planned; a note if the host is already in the desired state."""
    name = address.name
    declared = next((found for wish in wishes if (found := wish.find(Kind.VOLUME, name)) is not None), None)
    live = seen.volume(name)
    if declared is not None and not declared.selected:
        return Refusal(address, "is excluded by --tags or --skip-tags, so its data cannot be deleted")
    if declared is not None and str(address) in policy.remove_volumes and not declared.absent:
        hint = "remove it from the playbook first, or declare it with 'state: absent'"
        return Refusal(address, "is declared; --remove-volume removes volumes that are no longer declared", hint)
    if declared is not None:
        return f"{address.label}: is as declared; its data is kept, although --allow-data-loss names it"
    if live is None:
        known = {found.name for found in seen.volumes} | {
            found.name for wish in wishes for found in wish.resources if found.kind is Kind.VOLUME
        }
        return Refusal(address, f"does not exist on {address.host}, and is not declared", did_you_mean(name, known))
    if live.owner.project in {wish.project for wish in wishes}:
        return Refusal(address, "is no longer declared; it is removed only with --prune", "add --prune")
    whose = f"belongs to project {live.owner.project}" if live.owner.managed else "belongs to no project"
    return Refusal(address, f"{whose}; only volumes of the playbook's projects are removed")
