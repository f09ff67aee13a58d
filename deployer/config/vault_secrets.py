"""Vault passwords from files, vaulted files, executables, `-client` scripts or a prompt."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from deployer.config.files import read_file
from deployer.config.scripts import Prompt, RunScript
from deployer.config.vault import DEFAULT_ID, VaultError, VaultSecret, VaultSecrets, is_encrypted
from deployer.diagnostics import Origin, Problems

_PROMPT = "prompt"
_UNKNOWN_ID = 2


class PasswordSource(Struct, frozen=True):
    """The source of a password: `prompt` or a path. `option`: as given by the user."""

    label: str
    source: str
    option: str

    @property
    def origin(self) -> Origin:
        return Origin(self.option)


def parse_vault_id(text: str) -> PasswordSource:
    """`label@source`, or only `source`."""
    label, at, source = text.partition("@")
    option = f"--vault-id {text}"
    return PasswordSource(label or DEFAULT_ID, source, option) if at else PasswordSource(DEFAULT_ID, text, option)


def password_sources(files: Sequence[str] = (), ids: Sequence[str] = ()) -> tuple[PasswordSource, ...]:
    """The sources of `--vault-id` and `--vault-password-file`, in the order they are tried."""
    named = (parse_vault_id(text) for text in ids)
    return (*named, *(PasswordSource(DEFAULT_ID, file, f"--vault-password-file {file}") for file in files))


def load_secrets(
    sources: Sequence[PasswordSource],
    problems: Problems,
    *,
    run: RunScript | None = None,
    prompt: Prompt | None = None,
    learn: Callable[[Iterable[str]], object] = tuple,
) -> VaultSecrets:
    """All available passwords; the others are reported. A vaulted password file is decrypted with those before it."""
    found: list[VaultSecret] = []
    for source in sources:
        try:
            password = _password(source, VaultSecrets(tuple(found)), run, prompt)
        except VaultError as error:
            problems.add(source.origin, error.message, hint=error.hint)
            continue
        if password:
            found.append(VaultSecret(source.label, password))
        else:
            problems.add(source.origin, "the vault password is empty")
    return VaultSecrets(tuple(found), learn)


def _password(source: PasswordSource, known: VaultSecrets, run: RunScript | None, prompt: Prompt | None) -> bytes:
    if source.source == _PROMPT:
        if prompt is None:
            raise VaultError("cannot ask for the vault password", hint="keep it in a file")
        return prompt(f"Vault password ({source.label})").strip().encode()
    path = Path(os.path.expanduser(source.source))  # noqa: PTH111
    if not path.exists():
        raise VaultError(f"there is no vault password file {path}")
    if path.is_dir():
        raise VaultError(f"the vault password file {path} is a directory")
    if os.access(path, os.X_OK):
        return _script_password(source, path, run)
    return _file_password(path, known)


def _file_password(path: Path, known: VaultSecrets) -> bytes:
    try:
        content = read_file(path).strip()
    except OSError as error:
        raise VaultError(f"the vault password file {path} cannot be read: {error.strerror}") from error
    return known.decrypt_bytes(content).strip() if is_encrypted(content) else content


def _script_password(source: PasswordSource, path: Path, run: RunScript | None) -> bytes:
    """The program's output; a program named `…-client` receives the requested id."""
    if run is None:
        raise VaultError(f"vault password programs are not supported here: {path}")
    is_client = path.stem.endswith("-client")
    command = [str(path.absolute()), *(["--vault-id", source.label] if is_client else [])]
    try:
        result = run(command)
    except OSError as error:
        hint = f"a file that holds the password is not executable: chmod -x {path}"
        raise VaultError(f"the vault password program {path} cannot be run: {error.strerror}", hint=hint) from error
    if is_client and result.status == _UNKNOWN_ID:
        raise VaultError(f"{path} has no password for the vault id '{source.label}'")
    if result.status != 0:
        raise VaultError(f"the vault password program {path} ended with status {result.status}")
    return result.stdout.strip("\r\n").encode()
