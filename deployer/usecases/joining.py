"""The plays of one host know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from deployer.config.exclusive import check_exclusive
from deployer.config.play_order import check_play_order
from deployer.config.resolve import join_plays
from deployer.config.subnets import check_networks
from deployer.diagnostics import Problems
from deployer.model.desired import Desired

if TYPE_CHECKING:
    from deployer.usecases.load import PlayInput


def join(plays: tuple[PlayInput, ...], problems: Problems) -> tuple[PlayInput, ...]:
    """Adds to each play of a host what the host's other plays declare."""
    hosts = dict.fromkeys(desired.host for play in plays for desired in play.desired)
    joined: dict[tuple[str, int], Desired] = {}
    for host in hosts:
        numbered = [(n, found) for n, play in enumerate(plays) for found in play.desired if found.host == host]
        wishes = [found for _, found in numbered]
        check_networks(wishes, problems)
        check_exclusive(wishes, problems)
        if any(wish.builds for wish in wishes):
            from deployer.config.building import check_builds

            check_builds(wishes, problems)
        check_play_order(wishes, problems)
        for (number, _), found in zip(numbered, join_plays(wishes, problems), strict=True):
            joined[host, number] = found
    return tuple(
        replace(play, desired=tuple(joined[found.host, number] for found in play.desired))
        for number, play in enumerate(plays)
    )
