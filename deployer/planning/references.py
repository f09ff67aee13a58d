"""Objects that containers refer to must be declared in this run or exist on the host.

A missing network or container would only fail at the start. A missing volume would be created silently by the engine.
"""

from __future__ import annotations

from deployer.model import dependencies
from deployer.model.desired import Kind
from deployer.model.kinds import KINDS as DECLARABLE
from deployer.model.plan import Refusal
from deployer.planning.context import Context
from deployer.planning.kinds import KINDS


def check_references(ctx: Context) -> None:
    """Refuse references of containers to objects that do not exist."""
    for resource in ctx.desired.containers:
        if resource.absent or not resource.selected:
            continue
        for kind, name, origin in dependencies.references(resource):
            if refusal := _dead_end(ctx, kind, name):
                summary, hint = refusal
                ctx.draft.refuse(Refusal(resource.address, f"{kind} {name} {summary}", hint, origin))


def _dead_end(ctx: Context, kind: Kind, name: str) -> tuple[str, str] | None:
    """Why the reference is invalid, and a hint; None if it is valid."""
    declared = ctx.desired.container(name) if kind.is_container else ctx.desired.find(kind, name)
    if declared is not None and declared.selected:
        return ("is declared absent", "remove one of the two") if declared.absent else None
    if (kind, name) in ctx.desired.elsewhere or KINDS[kind].exists(ctx.observed, name):
        return None
    if declared is not None:
        return "is excluded by tags, and not on the host", "run without tags, or include its tags"
    hint = "declare it" if kind.is_container else f"declare it: {DECLARABLE[kind].section}: {{{name}: {{}}}}"
    return "is neither declared nor on the host", hint
