"""Whether there is room for what is pulled and made. How much an image needs is known only when it is there."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model.desired import Address, Kind
from deployer.model.operations import BuildImage, CreateContainer, PullImage, SendImage
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values import image, size

_NEED_ROOM = PullImage | SendImage | BuildImage | CreateContainer

_FULL = 1024**2
"""Bytes below which not even the files of a container can be written."""

_LITTLE = 1024**3
"""Bytes below which a pull may fail, for an image of which nothing is known."""


def findings(checked: CheckedHost) -> Iterator[Finding]:
    room = checked.facts.room
    needing = [step for step in checked.plan.steps if isinstance(step.operation, _NEED_ROOM)]
    if room is None or not needing:
        return
    if room.left < _FULL:
        first = needing[0].address
        hint = f"free space in {room.folder}; docker system df on the host shows what uses it"
        yield checked.refuse(first, f"no space is left in {room.folder}", hint)
        return
    moved = checked.plan.moved
    needed = sum(volume.size or 0 for volume in moved.volumes) if moved is not None else 0
    if moved is not None and needed > room.left:
        summary = f"the volumes that are moved need {size.show_rounded(needed)}, and {size.show_rounded(room.left)} "
        address = Address(checked.plan.host, Kind.VOLUME, moved.volumes[0].name)
        yield checked.refuse(address, f"{summary}are free in {room.folder}", "free space there")
    for step in needing:
        if isinstance(step.operation, PullImage | SendImage | BuildImage):
            before = checked.facts.sizes.get(image.parse(step.operation.reference).repository, 0)
            if room.free < (before or _LITTLE):
                known = f"; the present image of the same name uses {size.show_rounded(before)}" if before else ""
                yield f"{step.address.label}: only {size.show_rounded(room.free)} are free in {room.folder}{known}"
