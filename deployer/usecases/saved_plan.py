"""Saved plans: `plan -o FILE`, `apply FILE`, `show FILE`."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from deployer import __version__
from deployer.config.files import read_file
from deployer.diagnostics import Diagnostic, Origin, Problems
from deployer.errors import InputError, RefusedError
from deployer.model.credentials import holds_credentials, is_sensitive_name
from deployer.model.desired import Desired
from deployer.model.secrets import MASK, redact
from deployer.reach.connection import DEFAULT_SOCKET, ConnectionSpec
from deployer.usecases import planfile, system
from deployer.usecases.load import Loaded, Request, inventories
from deployer.usecases.plan import Planned, Session, plan
from deployer.usecases.planfile import SavedPlan
from deployer.usecases.references import files_of
from deployer.usecases.system import System, write_private

_HOW: Final = ("vault_ids", "vault_password_files", "ask_vault_pass", "ask_become_pass", "user", "private_key")
"""Options of a request that may be given again."""
_TELLING: Final = 4
"""Length of a value that may reveal part of a secret."""
_PLURAL: Final = {"prune_hosts": "prune_host", "remove_volumes": "remove_volume"}


def write(path: str, planned: Planned, request: Request, shown: str) -> SavedPlan:
    """Writes the file, readable by its owner only. Raises `DeployerError` if it cannot be written, and `RefusedError`
    if the plan contains a password that is kept nowhere yet."""
    if planned.loaded.passwords:
        files = ", ".join(map(os.path.relpath, planned.loaded.passwords))
        hint = "create it, or run 'deployer apply' with the playbook"
        raise RefusedError(f"the plan needs passwords that are in no file yet: {files}", hint=hint)
    secrets = planned.loaded.secrets.union(*map(_telling, planned.loaded.desired))
    withheld = tuple(n for n, text in enumerate(request.extra_vars) if _may_tell(text, secrets))
    request = replace(request, inventory=inventories(request))
    saved = planfile.save(
        planned.plan,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        request=request,
        inline=digest_of(request.extra_vars),
        shown=shown,
        reached=_reached(planned.loaded),
        key=_key(planned.loaded),
    )
    saved = replace(
        saved,
        folder=str(Path.cwd()),
        inputs=_digests(request, planned.loaded),
        variables=tuple(without_value(text) if n in withheld else text for n, text in enumerate(request.extra_vars)),
        withheld=withheld,
    )
    write_private(path, planfile.encode(saved) + "\n")
    return saved


def _telling(wish: Desired) -> frozenset[str]:
    """Texts that may reveal secrets: values of variables and labels with secret names."""
    return frozenset(found for resource in wish.resources for found in _secret_texts("", resource.values))


def _secret_texts(name: str, value: Any) -> Iterator[str]:
    match value:
        case Mapping():
            for key, part in value.items():
                yield from _secret_texts(str(key), part)
        case list() | tuple():
            for part in value:
                yield from _secret_texts(name, part)
        case str() if value and (is_sensitive_name(name) or holds_credentials(value)):
            yield value


def _may_tell(text: str, secrets: frozenset[str]) -> bool:
    """Whether a text of `-e` may contain a secret, or a part of one."""
    if text.startswith("@"):
        return False
    values = [word.partition("=")[2] or word for word in re.split(r"[\s\"'{}\[\],:]+", text)]
    parts = any(len(value) >= _TELLING and value in secret for value in values for secret in secrets)
    return parts or is_sensitive_name(text) or holds_credentials(text) or redact(text, secrets) != text


def without_value(text: str) -> str:
    """`name=***`; nothing of texts in another form."""
    name, equals, _ = text.partition("=")
    return f"{name}={MASK}" if equals and name.isidentifier() else MASK


def refuse_overwriting(path: str) -> None:
    """Raises `RefusedError` for a file that is not a saved plan."""

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
        text = read_file(path).decode()
    except OSError as error:
        raise InputError([Diagnostic(Origin(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError:
        text = ""
    return planfile.decode(text, path)


def located(saved: SavedPlan) -> SavedPlan:
    """The plan with file names that the current directory has."""
    here = not saved.folder or Path(saved.folder) == Path.cwd()
    return saved if here else replace(saved, request=_absolute(saved.request, saved.folder))


def _absolute(request: Request, folder: str) -> Request:
    def path(text: str) -> str:
        return _in(folder, text)

    def after_at(text: str) -> str:
        return f"@{path(text[1:])}" if text.startswith("@") else text

    def vault(text: str) -> str:
        label, at, source = text.rpartition("@")
        return text if source.startswith("prompt") else f"{label}{at}{path(source)}"

    return replace(
        request,
        playbooks=tuple(map(path, request.playbooks)),
        inventory=tuple(text if "," in text else path(text) for text in request.inventory),
        limit=after_at(request.limit),
        extra_vars=tuple(map(after_at, request.extra_vars)),
        vault_ids=tuple(map(vault, request.vault_ids)),
        vault_password_files=tuple(map(path, request.vault_password_files)),
        private_key=path(request.private_key),
    )


def missing_variables(saved: SavedPlan) -> str:
    """Variables that must be given again, without their values."""
    return ", ".join(saved.variables[number] for number in saved.withheld)


def variables(saved: SavedPlan, given: Request) -> tuple[str, ...]:
    """The texts of `-e`: the saved ones, and those given again because they may contain secrets. Raises `RefusedError`
    for others."""
    texts = list(saved.variables)
    for number, text in zip(saved.withheld, given.extra_vars, strict=False):
        texts[number] = text
    complete = len(given.extra_vars) == len(saved.withheld)
    candidates: list[tuple[str, ...]] = [given.extra_vars, *([tuple(texts)] if complete else [])]
    for found in candidates:
        if digest_of(found) == saved.inline:
            return found
    if saved.withheld and not given.extra_vars:
        summary = f"the plan needs variables that it does not contain: {missing_variables(saved)}"
        raise RefusedError(summary, hint="repeat them with -e; they are not saved, because they may contain secrets")
    hint = "repeat the -e options of the plan, or only those that are not saved, because they may contain secrets"
    raise RefusedError("the plan was created with different extra variables", hint=hint)


def plan_again(saved: SavedPlan, given: Request, system: System) -> Session:
    """The saved plan, created again; hosts where it differs are refused. Of `given`, only login, vault passwords and
    parallelism are used; `InputError` names other options. `RefusedError` is raised for a plan of another release, for
    other extra variables, and when a host with changes is no longer in the input."""
    if saved.version != __version__:
        summary = f"the plan was created by deployer {saved.version}, and this is {__version__}"
        raise RefusedError(summary, hint="another release may do something else: create a new plan")
    _check_options(saved, given)
    again: dict[str, Any] = {name: getattr(given, name) for name in planfile.NOT_KEPT}
    again |= {name: value for name in _HOW if (value := getattr(given, name))}
    request = replace(saved.request, **again | {"extra_vars": variables(saved, given)})
    session = plan(located(replace(saved, request=request)).request, system)
    try:
        _check_complete(saved, session.planned.loaded)
    except RefusedError:
        session.fleet.close()
        raise
    inputs = ((_in(saved.folder, name), digest) for name, digest in saved.inputs.items())
    changed = tuple(name for name, digest in inputs if _digest_of(name) != digest)
    now = planfile.Now(changed, _reached(session.planned.loaded), _key(session.planned.loaded))
    session.replace_plan(planfile.refuse_stale(session.plan, saved, now))
    return session


def _in(folder: str, path: str) -> str:
    """The name of a file of a folder, below the current directory or absolute; `~` stays."""
    if not path or path.startswith("~"):
        return path
    written, here = Path(folder) / path, Path.cwd()
    plain = Path(os.path.normpath(written))
    whole = plain if plain.resolve() == written.resolve() else written
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)


def _digests(request: Request, loaded: Loaded) -> dict[str, str]:
    """Digests of the files that were read, by name."""
    return {name: digest for name in sorted(files_of(request, loaded)) if (digest := _digest_of(name))}


def _digest_of(path: str) -> str:
    """ "" for what is not a file: a folder, a list of hosts."""
    file = Path(path).expanduser()
    return hashlib.sha256(read_file(file)).hexdigest() if file.is_file() else ""


def _reached(loaded: Loaded) -> dict[str, str]:
    return {host: _machine(spec) for host, spec in loaded.hosts.items()}


def _machine(spec: ConnectionSpec) -> str:
    """The identity of the machine and engine, without the login."""
    engine = spec.docker_command or ("" if spec.docker_socket == DEFAULT_SOCKET else spec.docker_socket)
    route = [*(f"via {jump.address}" for jump in spec.jumps), *((spec.proxy_command,) if spec.proxy_command else ())]
    return " ".join(filter(None, (spec.kind.value, spec.address, *route, engine)))


def _check_options(saved: SavedPlan, given: Request) -> None:
    """Raises `InputError` for options that select something else than the saved plan."""
    problems, folder = Problems(), saved.folder or str(Path.cwd())
    there, here = _absolute(saved.request, folder), _absolute(given, str(Path.cwd()))
    for name in Request.__struct_fields__:
        value, then = getattr(here, name), getattr(there, name)
        free = (*_HOW, *planfile.NOT_KEPT, "playbooks")
        if name not in free and value not in (then, getattr(Request(), name)):
            option = f"--{_PLURAL.get(name, name).replace('_', '-')}"
            summary = "cannot be changed: a saved plan is applied as a whole, and was made "
            summary += f"with {_shown(getattr(saved.request, name))}" if then else "without this option"
            problems.add(Origin(option), summary, hint="create a new plan with it")
    problems.raise_if_any()


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _check_complete(saved: SavedPlan, loaded: Loaded) -> None:
    hosts = {(number, wish.host) for number, play in enumerate(loaded.plays) for wish in play.desired}
    if lost := planfile.lost(saved, hosts):
        names = ", ".join(dict.fromkeys(f"{found.host} (play {found.play + 1})" for found in lost))
        summary = f"the plan has changes for hosts or plays that the input no longer has: {names}"
        raise RefusedError(summary, hint="playbooks or inventory have changed; create a new plan")


def _key(loaded: Loaded) -> str:
    """An additional input of the digests in the file, so that no secret can be guessed from them."""
    return digest_of(sorted({secret for wish in loaded.desired for secret in wish.secrets}))


def digest_of(texts: Sequence[str]) -> str:
    """A digest of the `-e` options in order, or of secrets; slow to compute, so that short values are hard to guess."""
    if not texts:
        return ""
    text = "\0".join(texts)
    return hashlib.scrypt(
        text.encode(errors="surrogateescape"), salt=b"deployer-plan/1", n=2**14, r=8, p=1, dklen=16
    ).hex()
