"""Saved plans: `plan -o FILE`, `apply FILE`, `show FILE`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from deployer import __version__
from deployer.diagnostics import Diagnostic, Origin, Problems
from deployer.errors import InputError, RefusedError
from deployer.usecases import planfile, system
from deployer.usecases.load import Loaded, Request
from deployer.usecases.plan import Planned, Session, plan
from deployer.usecases.planfile import SavedPlan
from deployer.usecases.system import System, write_private

_HOW: Final = ("vault_ids", "vault_password_files", "ask_vault_pass", "user", "private_key")
"""Of a request: what may be given again."""
_PLURAL: Final = {"prune_hosts": "prune_host", "remove_volumes": "remove_volume"}


def write(path: str, planned: Planned, request: Request, shown: str) -> None:
    """Write the file, readable by its owner only. Raises `DeployerError` if it cannot be written."""
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    saved = planfile.save(
        planned.plan,
        made_at=made_at,
        version=__version__,
        request=request,
        inline=_digest(request.extra_vars),
        shown=shown,
    )
    write_private(path, planfile.encode(saved) + "\n")


def refuse_overwriting(path: str) -> None:
    """Raises `RefusedError` for a file that is no saved plan."""

    def is_plan(text: str) -> bool:
        try:
            return bool(planfile.decode(text, path).version)
        except InputError:
            return False

    system.refuse_overwriting(path, is_plan)


def is_saved(path: str) -> bool:
    """Whether the file is a saved plan rather than a playbook."""
    file = Path(path)
    try:
        if not file.is_file():
            return False
        with file.open("rb") as content:
            return content.read(1) == b"{"
    except OSError:
        return False


def read(path: str) -> SavedPlan:
    """Raises `InputError` for a file that is not a saved plan."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError([Diagnostic(Origin(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError:
        text = ""
    return planfile.decode(text, path)


def plan_again(saved: SavedPlan, given: Request, system: System) -> Session:
    """The saved plan, created again; hosts where it differs are refused. Of `given`, only login, vault passwords and
    parallelism are used; `InputError` names other options. Its `-e` must equal those of the plan, and every host with
    changes must still be in the input, otherwise `RefusedError` is raised."""
    _check_options(saved, given)
    if _digest(given.extra_vars) != saved.inline:
        hint = "repeat the -e options of the plan; they are not saved, because they may contain secrets"
        raise RefusedError("the plan was created with different extra variables", hint=hint)
    again = {name: getattr(given, name) for name in planfile.NOT_KEPT}
    again |= {name: value for name in _HOW if (value := getattr(given, name))}
    session = plan(replace(saved.request, **again), system)
    try:
        _check_complete(saved, session.planned.loaded)
    except RefusedError:
        session.fleet.close()
        raise
    session.replace_plan(planfile.refuse_stale(session.plan, saved))
    return session


def _check_options(saved: SavedPlan, given: Request) -> None:
    """Raises `InputError` for options that select something else than the plan was made for."""
    problems = Problems()
    for name in Request.__struct_fields__:
        value, then = getattr(given, name), getattr(saved.request, name)
        free = (*_HOW, *planfile.NOT_KEPT, "playbooks")
        if name not in free and value not in (then, getattr(Request(), name)):
            option = f"--{_PLURAL.get(name, name).replace('_', '-')}"
            summary = "cannot be changed: a saved plan is applied as a whole, and was made "
            summary += f"with {_shown(then)}" if then else "without this option"
            problems.add(Origin(option), summary, hint="make a new plan with it")
    problems.raise_if_any()


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check_complete(saved: SavedPlan, loaded: Loaded) -> None:
    hosts = {(number, wish.host) for number, play in enumerate(loaded.plays) for wish in play.desired}
    if lost := planfile.lost(saved, hosts):
        names = ", ".join(dict.fromkeys(f"{found.host} (play {found.play + 1})" for found in lost))
        summary = f"the plan has changes for hosts or plays that the input no longer has: {names}"
        raise RefusedError(summary, hint="playbooks or inventory have changed; create a new plan")


def _digest(extra_vars: Sequence[str]) -> str:
    """A digest of the `-e` options in order; slow to compute, so that short values cannot easily be guessed."""
    if not extra_vars:
        return ""
    text = "\0".join(extra_vars)
    return hashlib.scrypt(text.encode(), salt=b"deployer-plan/1", n=2**14, r=8, p=1, dklen=16).hex()
