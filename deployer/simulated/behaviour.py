"""How the process in a simulated container behaves: does it stay up, does it exit, does it become healthy.

A behaviour is one word with arguments, taken from the container's label `sim.behaviour` (an image's label is
inherited), from the constructor's mapping, or guessed from the simplest commands (`true`, `sh -c "exit 3"`):

    run                     stays up, even when its end is waited for; a health check passes on the second read
    exit:CODE[:READS]       ends with CODE, at once or after READS inspections
    healthy[:READS]         health is "starting" for READS inspections, then "healthy"
    unhealthy[:READS]       … then "unhealthy"
    starting                the health check never finishes
    fail:MESSAGE            the engine cannot start it
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from deployer.simulated.state import Record, SimulatedHost

LABEL: Final = "sim.behaviour"
KILLED: Final = 137


class Behaviour(Struct, frozen=True):
    """`exit_code` None: runs until it is stopped. `reads`: inspections until it exits or its health settles.
    `stop_code`: the exit code after a stop; a bare `sleep` ignores the signal and is killed. `lasts`: waiting does not
    end it, unlike an unknown process."""

    exit_code: int | None = None
    reads: int = 1
    health: str = "healthy"
    start_error: str = ""
    stop_code: int = 0
    lasts: bool = False


def parse_behaviour(text: str) -> Behaviour:
    """Reads the notation of the module's docstring."""
    word, _, rest = text.partition(":")
    if word == "fail":
        return Behaviour(start_error=rest or "OCI runtime create failed: the process could not be started")
    numbers = [int(part) for part in rest.split(":") if part]
    if word == "exit":
        return Behaviour(exit_code=numbers[0] if numbers else 0, reads=numbers[1] if len(numbers) > 1 else 0)
    if word in {"healthy", "unhealthy"}:
        return Behaviour(health=word, reads=numbers[0] if numbers else 1)
    if word == "starting":
        return Behaviour(health="starting")
    if word == "run":
        return Behaviour(lasts=True)
    raise ValueError(f"unknown simulated behaviour {text!r}")


def behaviour_of(host: SimulatedHost, record: Record) -> Behaviour:
    """The behaviour of one container: its label first, then the host's mapping by image, then its command."""
    config = record["Config"]
    text = config["Labels"].get(LABEL) or host.behaviours.get(config["Image"])
    if text:
        return parse_behaviour(text)
    command = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
    code = exit_code_of(command)
    if code is not None:
        return Behaviour(exit_code=code, reads=0)
    ignores_signals = any(word.startswith("sleep") for word in command)
    return Behaviour(stop_code=KILLED if ignores_signals else 0)


def exit_code_of(command: list[str]) -> int | None:
    """What a command is known to end with; None where nothing is known of it."""
    match command:
        case ["true"]:
            return 0
        case ["false"]:
            return 1
        case ["sh" | "/bin/sh", "-c", script]:
            ends = re.search(r"(?:^|;\s*)exit (\d+)$", script)
            return int(ends.group(1)) if ends else None
        case _:
            return None
