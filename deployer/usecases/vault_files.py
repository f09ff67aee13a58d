"""Files in Ansible's vault format: encrypted, decrypted, edited, and encrypted again with another password. All files
of a command are read, and decrypted or encrypted, before the first is written; each is written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Final

from deployer.config import vault
from deployer.config.files import read_file
from deployer.config.scripts import Prompt
from deployer.config.vault import VaultError, VaultSecret, VaultSecrets
from deployer.config.vault_secrets import load_secrets, password_sources
from deployer.diagnostics import Problems
from deployer.errors import DeployerError, RefusedError
from deployer.interfaces import Guarded
from deployer.usecases.load import Asking

STANDARD: Final = "-"
"""Standard input or output, as a file."""
_PRIVATE: Final = 0o600
_MEMORY: Final = "/dev/shm"


class Passwords(Guarded, frozen=True):
    """Where passwords come from, as `--vault-id`, `--vault-password-file` and `--ask-vault-pass` say. Without any, they
    are asked for."""

    ids: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    ask: bool = False

    def load(self, asking: Asking, *, new: str = "") -> VaultSecrets:
        """Raises `InputError` for those that cannot be had. `new`: a password that does not exist yet, which is asked
        for twice, under this name."""
        problems = Problems()
        given = bool(self.ids or self.files)
        prompts = ("prompt",) if self.ask or not given else ()
        sources = password_sources(self.files, (*self.ids, *prompts))
        prompt = _twice(asking.prompt, new) if new else asking.prompt
        found = load_secrets(sources, problems, run=asking.run, prompt=prompt, learn=asking.learn)
        problems.raise_if_any()
        return found


class Changed(Guarded, frozen=True):
    """What a file will contain."""

    hidden: ClassVar[tuple[str, ...]] = ("content",)
    file: str
    content: bytes


def encrypting(secrets: VaultSecrets, label: str = "") -> VaultSecret:
    """The password to encrypt with: the one with this label, or the only one. Raises `RefusedError`."""
    labels = [secret.label for secret in secrets.secrets]
    if label:
        found = next((secret for secret in secrets.secrets if secret.label == label), None)
        if found is None:
            raise VaultError(f"--encrypt-vault-id {label}: no vault password has this label; given: {_listed(labels)}")
        return found
    if len(labels) > 1:
        raise VaultError(
            f"there are several vault passwords: {_listed(labels)}", hint="name one with --encrypt-vault-id"
        )
    return secrets.secrets[0]


def encrypt(files: Sequence[str], secret: VaultSecret) -> list[Changed]:
    """Raises `VaultError` for a file that is encrypted already."""
    return _each(files, lambda content: vault.encrypt(content, secret).encode())


def decrypt(files: Sequence[str], secrets: VaultSecrets) -> list[Changed]:
    return _each(files, secrets.decrypt_bytes)


def rekey(files: Sequence[str], secrets: VaultSecrets, new: VaultSecret) -> list[Changed]:
    """Encrypted with another password."""
    return _each(files, lambda content: vault.encrypt(secrets.decrypt_bytes(content), new).encode())


def edit(file: str, secrets: VaultSecrets, editor: Callable[[Path], int], label: str = "") -> Changed | None:
    """What the file will contain; None if the editor changed nothing. A missing file is created. `label`: encrypt with
    this password from now on. Raises `RefusedError` if the editor fails."""
    exists = Path(file).exists()
    plain, secret = secrets.unlock(_read(file)) if exists else (b"", encrypting(secrets, label))
    with _private_copy(plain, Path(file).suffix) as copy:
        status = editor(copy)
        if status:
            raise RefusedError(f"the editor ended with status {status}; {file} was not changed")
        changed = read_file(copy)
    if changed == plain and exists and not label:
        return None
    with _naming(file):
        return Changed(file, vault.encrypt(changed, encrypting(secrets, label) if label else secret).encode())


def write(changes: Iterable[Changed], output: str = "") -> None:
    """Each file, or `output` instead of the only one. Mode and owner stay; new files are private. Raises
    `DeployerError`."""
    for change in changes:
        target = output or change.file
        if target == STANDARD:
            sys.stdout.buffer.write(change.content)
            sys.stdout.flush()
        else:
            _replace(Path(target).resolve(), change.content)


def _replace(path: Path, content: bytes) -> None:
    from deployer.transport.local_files import LocalFiles

    try:
        before = path.stat() if path.exists() else None
    except OSError as error:
        raise DeployerError(f"{path}: {error.strerror}") from error
    LocalFiles().write(str(path), [content], mode=stat.S_IMODE(before.st_mode) if before else _PRIVATE)
    if before is not None and (before.st_uid, before.st_gid) != (path.stat().st_uid, path.stat().st_gid):
        with contextlib.suppress(OSError):
            os.chown(path, before.st_uid, before.st_gid)


def _each(files: Sequence[str], change: Callable[[bytes], bytes]) -> list[Changed]:
    found = []
    for file in files:
        content = _read(file)
        with _naming(file):
            found.append(Changed(file, change(content)))
    return found


def _read(file: str) -> bytes:
    if file == STANDARD:
        return sys.stdin.buffer.read()
    try:
        return read_file(file)
    except OSError as error:
        raise DeployerError(f"{file} cannot be read: {error.strerror}") from error


@contextlib.contextmanager
def _naming(file: str) -> Iterator[None]:
    """Errors of the vault name the file."""
    try:
        yield
    except VaultError as error:
        name = "standard input" if file == STANDARD else file
        raise VaultError(f"{name}: {error.message}", hint=error.hint) from error


@contextlib.contextmanager
def _private_copy(content: bytes, suffix: str) -> Iterator[Path]:
    """A file in a folder that only its owner can read, in memory where the system has such a file system."""
    import tempfile

    place = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="deployer-vault-", dir=place) as folder:
        copy = Path(folder, f"plain{suffix}")
        copy.touch(mode=_PRIVATE)
        copy.write_bytes(content)
        yield copy


def run_editor(path: Path) -> int:
    """The user's editor, `$VISUAL`, `$EDITOR` or vi, and its exit code. Raises `RefusedError`."""
    import shlex
    import subprocess

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        return subprocess.run([*shlex.split(editor), str(path)], check=False).returncode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise RefusedError(f"the editor '{editor}' cannot be run: {reason}", hint="set EDITOR") from error


def _twice(prompt: Prompt, name: str) -> Prompt:
    def ask(text: str) -> str:
        label = text.partition("(")[2].rstrip(")") or vault.DEFAULT_ID
        first = prompt(f"{name} ({label})")
        if prompt(f"Confirm {name[0].lower()}{name[1:]} ({label})") != first:
            raise RefusedError("the passwords differ; nothing was written")
        return first

    return ask


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(f"'{label}'" for label in labels)


def yaml_value(text: str, name: str, secret: VaultSecret) -> str:
    """`name: !vault |` and the indented lines, for a file of variables; without a name, only the value."""
    lines = vault.encrypt(text, secret).splitlines()
    head = f"{name}: !vault |" if name else "!vault |"
    return "\n".join([head, *(f"          {line}" for line in lines)]) + "\n"
