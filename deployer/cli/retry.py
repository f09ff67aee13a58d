"""The retry list: the hosts a run did not finish, in a file that `--limit @FILE` takes."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deployer.errors import ExitCode
from deployer.model.outcome import Outcome

SUFFIX: Final = ".retry"


def retry_file(named: str, playbooks: Sequence[str]) -> Path | None:
    """The file named by `--retry-file`, else one beside the first playbook."""
    if named:
        return Path(named)
    return Path(playbooks[0]).with_suffix(SUFFIX) if playbooks else None


def unfinished(outcome: Outcome) -> tuple[str, ...]:
    """Hosts for the next run: failed, unreachable, locked, interrupted or never begun. Hosts where the plan refuses
    something are left out: the next run would refuse it again."""
    hosts = {found.host for found in outcome.plan.unreachable}
    hosts |= {found.host for found in outcome.hosts if found.exit_code and not found.refused}
    begun = [found.shown or found.plan for found in outcome.hosts]
    hosts |= {plan.host for plan in outcome.plan.hosts if plan.steps and not plan.refusals and plan not in begun}
    return tuple(sorted(hosts))


def keep(path: Path, outcome: Outcome) -> tuple[str, ...]:
    """Write the list if hosts are unfinished, and delete it after a run that finished every host it names. Returns the
    hosts written; raises `OSError`."""
    hosts = unfinished(outcome)
    if hosts:
        path.write_text("".join(f"{host}\n" for host in hosts), encoding="utf-8")
    elif outcome.exit_code is ExitCode.OK:
        drop(path, {plan.host for plan in outcome.plan.hosts})
    return hosts


def drop(path: Path, finished: set[str]) -> None:
    """Keep a file that names other hosts or is not such a list."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if set(path.read_text(encoding="utf-8").split()) <= finished:
            path.unlink()


def how_to_go_on(command: str, inventory: Sequence[str], playbooks: Sequence[str], path: Path) -> str:
    """The command line of the next run, without the values of `-e`, which may be secret."""
    words = ["deployer", command, *(word for source in inventory for word in ("-i", source)), *playbooks]
    return shlex.join([*words, "--limit", f"@{path}"])
