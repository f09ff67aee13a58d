"""The retry list: a file of the hosts that a run did not finish, for `--limit @FILE`."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.config.files import state_folder
from deployer.errors import ExitCode
from deployer.model.credentials import holds_credentials
from deployer.model.outcome import Outcome
from deployer.model.secrets import MASK

if TYPE_CHECKING:
    from deployer.usecases.load import Request

SUFFIX: Final = ".retry"
_RECORDED: Final = (
    "limit", "tags", "skip_tags", "extra_vars", "to", "prune", "prune_host", "adopt", "remove_volume", "volumes",
)  # fmt: skip
"""Options that decide what a run is about."""
_HOST: Final = re.compile(r"\w[^\s=\[\]{}#]*(?<!:)")


def retry_file(named: str, playbooks: Sequence[str]) -> Path | None:
    """The file named by `--retry-file`, otherwise one for the first playbook in the state directory,
    `$XDG_STATE_HOME/deployer/retry`. None without a playbook or a home directory."""
    if named:
        return Path(named)
    folder = _folder()
    if not playbooks or folder is None:
        return None
    playbook = Path(playbooks[0]).absolute()
    digest = hashlib.sha256(str(playbook).encode()).hexdigest()[:8]
    return folder / f"{playbook.stem}-{digest}{SUFFIX}"


def _folder() -> Path | None:
    state = state_folder()
    return None if state is None else state / "retry"


def refuse_overwriting(path: str, request: Request) -> None:
    """Raises `RefusedError` if the file is an input of the run, or is not a list of hosts."""
    from deployer.usecases import system

    vars_files = (text[1:] for text in request.extra_vars if text.startswith("@"))
    read = (*request.playbooks, *request.inventory, *vars_files, *request.vault_password_files)
    is_read = any(Path(each).resolve() == Path(path).resolve() for each in read)

    def is_list(text: str) -> bool:
        return not is_read and all(_HOST.fullmatch(each) for each in text.splitlines())

    system.refuse_overwriting(path, is_list, hint="name another file with --retry-file, or remove this one")


def unfinished(outcome: Outcome) -> tuple[str, ...]:
    """Hosts for the next run: failed, unreachable, locked, interrupted or never started. Hosts where the plan has a
    refusal are left out: the next run would refuse it again. A host from which containers come is needed again."""
    hosts = {found.host for found in outcome.plan.unreachable}
    failed = (found.plan for found in outcome.hosts if found.exit_code and not found.refused)
    hosts |= {host for plan in failed for host in plan.concerned}
    begun = [found.shown or found.plan for found in outcome.hosts]
    waiting = (plan for plan in outcome.plan.hosts if plan.steps and not plan.refusals and plan not in begun)
    hosts |= {host for plan in waiting for host in plan.concerned}
    return tuple(sorted(hosts))


def keep(path: Path, outcome: Outcome) -> tuple[str, ...]:
    """Writes the list if hosts are unfinished; deletes it after a run that finished all its hosts. Returns the hosts
    written; raises `OSError`."""
    hosts = unfinished(outcome)
    if hosts:
        if path.parent == _folder():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text("".join(f"{host}\n" for host in hosts), encoding="utf-8")
    elif outcome.exit_code is ExitCode.OK:
        drop(path, {host for plan in outcome.plan.hosts for host in plan.concerned})
    return hosts


def drop(path: Path, finished: set[str]) -> None:
    """Deletes the file, unless it names other hosts or is not such a list."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if set(path.read_text(encoding="utf-8").split()) <= finished:
            path.unlink()


def how_to_go_on(command: str, declared: Iterable[click.Parameter], given: Mapping[str, Any], path: Path) -> str:
    """The command line of the next run: the options and arguments of this one, with the list as its limit. Values of
    `-e` that look like credentials are replaced by ***."""
    params = list(declared)
    arguments: list[str] = []
    for param in params:
        value = given.get(param.name or "")
        if isinstance(param, click.Argument):
            arguments += value if isinstance(value, tuple) else [] if value is None else [value]
    options = _options((param for param in params if param.name != "limit"), given, _without_credentials)
    return shlex.join(["deployer", *command.split(), *options, *arguments, "--limit", f"@{path}"])


def for_the_record(command: str, declared: Iterable[click.Parameter], given: Mapping[str, Any]) -> str:
    """The command line of this run as locks and records show it: the options that decide what it is about. Of `-e` only
    the names."""
    options = _options((param for param in declared if param.name in _RECORDED), given, _names_only)
    return " ".join([command, *map(shlex.quote, options)])


def _options(
    declared: Iterable[click.Parameter], given: Mapping[str, Any], shown: Callable[[str], str]
) -> Iterator[str]:
    for param in declared:
        value = given.get(param.name or "")
        if not isinstance(param, click.Argument) and value not in (None, "", (), False, param.default):
            yield from _words(param, value, shown)


def with_a_new_plan(path: Path) -> str:
    """The same after a saved plan, whose remaining changes nobody has reviewed."""
    return f"create a new plan with {shlex.join(['--limit', f'@{path}'])}"


def _words(param: click.Parameter, value: Any, shown: Callable[[str], str]) -> Iterator[str]:
    for each in value if isinstance(value, tuple) else (value,):
        yield param.opts[0]
        if isinstance(each, float):
            yield f"{each:g}"
        elif not isinstance(each, bool) and not getattr(param, "count", False):
            yield shown(str(each)) if param.name == "extra_vars" else str(each)


def _without_credentials(text: str) -> str:
    from deployer.usecases.saved_plan import without_value

    return without_value(text) if holds_credentials(text) else text


def _names_only(text: str) -> str:
    """`a,b` of `a=1 b=2`, and the name of a file; *** for anything else."""
    if text.startswith("@"):
        return text
    try:
        pairs = [word.partition("=") for word in shlex.split(text)]
    except ValueError:
        return MASK
    return ",".join(name for name, _, _ in pairs) if all(eq and n.isidentifier() for n, eq, _ in pairs) else MASK
