"""Host ports that containers of others hold: found before anything is stopped, not when the new container starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.fields.options import RunState
from deployer.model.container_names import base_name
from deployer.model.desired import Kind, Workload
from deployer.model.plan import Refusal
from deployer.planning.context import Context
from deployer.values import port


def check_ports(ctx: Context) -> None:
    """Refuse a container whose fixed host port a running container outside the play holds."""
    held = list(_held(ctx))
    for resource in ctx.desired.containers:
        if resource.settings.state is not RunState.STARTED or not resource.selected:
            continue
        for published in resource.values.get("ports") or ():
            holder = next((name for other, name in held if name != resource.name and port.clash(published, other)), "")
            if holder:
                _refuse(ctx, resource, published, holder)


def _refuse(ctx: Context, resource: Workload, published: str, holder: str) -> None:
    number = port.host_ports(published)[1]
    summary = f"host port {number} is used by container {holder}"
    hint = "choose another port, or stop that container"
    if any(found.name == holder and found.owner.project == ctx.desired.project for found in ctx.observed.containers):
        hint = "it is no longer declared: remove it with --prune, or choose another port"
    ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.place(("ports",))))


def _held(ctx: Context) -> Iterator[tuple[str, str]]:
    """(published port, container) of every running container that this run leaves as it is."""
    for stub in ctx.observed.others:
        yield from ((published, stub.name) for published in stub.ports)
    for found in ctx.observed.containers:
        name = base_name(found.name)
        declared = ctx.desired.container(name) is not None
        ours = found.owner.project == ctx.desired.project
        goes = ours and (ctx.policy.prune or ctx.desired.prune or ctx.desired.is_elsewhere(Kind.CONTAINER, name))
        if found.running and not goes and not declared:
            ports: Iterable[str] = found.values.get("ports") or ()
            yield from ((published, found.name) for published in ports)
