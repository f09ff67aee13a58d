"""What earlier plays of a run will have done to a host when a later one begins."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.files import Manifest, ObservedFile, manifests, name_of
from deployer.model.observed import Observed, ObservedContainer
from deployer.model.operations import (
    BuildImage,
    ConnectNetwork,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    PullImage,
    RemoveContainer,
    RemoveFile,
    RemoveImage,
    RemoveManifest,
    RemoveNetwork,
    RemoveVolume,
    SendImage,
    StartContainer,
    WriteManifest,
)
from deployer.model.plan import HostPlan, Work


def after(observed: Observed, plan: HostPlan) -> Observed:
    """The host as it will be known after a plan: what the plan makes has no ids yet, so only its names are added. What
    it removes and does not create again is gone."""
    if plan.refusals or not plan.steps:
        return observed
    made = {step.address.name for step in plan.steps if isinstance(step.operation, CreateContainer)}
    made |= {step.address.name for step in plan.steps if step.group is not None and step.group.work is Work.ROLL_BACK}
    started = {step.address.name for step in plan.steps if isinstance(step.operation, StartContainer)} - made
    pulled = {step.operation.reference for step in plan.steps if isinstance(step.operation, PullImage | SendImage)}
    built = {step.operation.reference for step in plan.steps if isinstance(step.operation, BuildImage)}
    connected = {
        (step.operation.container, step.operation.network)
        for step in plan.steps
        if isinstance(step.operation, ConnectNetwork)
    }
    files, manifests_left = _files_left(observed, plan)
    return replace(
        _without_removed(observed, plan),
        files=files,
        renewed=observed.renewed | made,
        restarted=observed.restarted | started,
        coming=observed.coming | pulled | built,
        built=observed.built | built,
        manifests=manifests_left | manifests_of(plan),
        owed={
            project: tuple(each for each in found if (each.container, each.network) not in connected)
            for project, found in observed.owed.items()
        },
    )


def manifests_of(plan: HostPlan) -> dict[str, Manifest]:
    """Those that the plan writes, the last of each project."""
    written = (step.operation for step in plan.steps if isinstance(step.operation, WriteManifest))
    return manifests({"Name": each.name, "Labels": each.labels} for each in written)


def _files_left(observed: Observed, plan: HostPlan) -> tuple[dict[str, ObservedFile], dict[str, Manifest]]:
    operations = [step.operation for step in plan.steps]
    paths = {each.path for each in operations if isinstance(each, RemoveFile)}
    names = {each.name for each in operations if isinstance(each, RemoveManifest)}
    files = {path: found for path, found in observed.files.items() if path not in paths}
    known = observed.manifests.items()
    return files, {project: each for project, each in known if name_of(project, each.number) not in names}


def _without_removed(observed: Observed, plan: HostPlan) -> Observed:
    operations = [step.operation for step in plan.steps]
    created = {each.name for each in operations if isinstance(each, CreateContainer | CreateNetwork | CreateVolume)}
    containers = {each.container for each in operations if isinstance(each, RemoveContainer)}
    networks = {each.network for each in operations if isinstance(each, RemoveNetwork)}
    volumes = {each.name for each in operations if isinstance(each, RemoveVolume)} - created
    images = {each.reference for each in operations if isinstance(each, RemoveImage)}
    left = {(each.container, each.network) for each in operations if isinstance(each, DisconnectNetwork)}
    left -= {(each.container, each.network) for each in operations if isinstance(each, ConnectNetwork)}
    if not (containers or networks or volumes or images or left):
        return observed

    def attached(found: ObservedContainer) -> ObservedContainer:
        kept = {name: key for name, key in found.attached.items() if (found.id, name) not in left}
        return found if len(kept) == len(found.attached) else replace(found, attached=kept)

    return replace(
        observed,
        containers=tuple(
            attached(each) for each in observed.containers if each.id not in containers or each.name in created
        ),
        kept=tuple(each for each in observed.kept if each.id not in containers),
        others=tuple(each for each in observed.others if each.id not in containers),
        networks=tuple(each for each in observed.networks if each.id not in networks or each.name in created),
        volumes=tuple(each for each in observed.volumes if each.name not in volumes),
        tags={reference: key for reference, key in observed.tags.items() if reference not in images},
        pulled=tuple(each for each in observed.pulled if each.reference not in images),
    )
