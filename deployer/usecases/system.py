"""The operating system: clock, scripts, password prompts, the user's ssh_config."""

from __future__ import annotations

import errno
import functools
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from deployer.config.files import read_file, state_folder
from deployer.config.scripts import ScriptResult
from deployer.diagnostics import Diagnostic
from deployer.errors import DeployerError, RefusedError
from deployer.interfaces import Awaiting, Clock
from deployer.reach.machine import Machine
from deployer.reach.ssh_config import SshConfig
from deployer.usecases.load import BECOME, Asking

_STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class System(Struct, frozen=True):
    """What a run needs of the system: a clock, scripts and prompts, a function for warnings about its input, and one
    for the hosts that are still being read."""

    clock: Clock
    asking: Asking
    warn: Callable[[Iterable[Diagnostic]], object] = tuple
    awaiting: Awaiting = lambda _hosts, _left: None


class SystemClock:
    """Monotonic seconds, including time in suspend, in which leases expire too."""

    def now(self) -> float:
        return time.clock_gettime(_STEADY)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_KEY_SIZE: Final = 32
_PROGRAM_TIME: Final = 60.0
_PROGRAM_OUTPUT: Final = 64 * 1024 * 1024
"""Limits of a user's program, in seconds and bytes."""


def run_script(command: Sequence[str]) -> ScriptResult:
    """Inventory and password programs; their stderr is kept for the error message. Raises OSError."""
    import subprocess
    import tempfile
    import threading

    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
        )
        late = threading.Timer(_PROGRAM_TIME, _end, (process.pid,))
        late.start()
        try:
            assert process.stdout is not None
            output = process.stdout.read(_PROGRAM_OUTPUT + 1)
            if len(output) > _PROGRAM_OUTPUT:
                raise OSError(errno.EFBIG, f"it printed more than {_PROGRAM_OUTPUT // 1024**2} MiB")
            status = process.wait()
        finally:
            in_time = late.is_alive()
            late.cancel()
            if process.poll() is None:
                _end(process.pid)
                process.wait()
            process.stdout.close() if process.stdout is not None else None
        if not in_time:
            raise TimeoutError(errno.ETIMEDOUT, f"it did not end within {_PROGRAM_TIME:g} s")
        errors.seek(0)
        said = errors.read(65536).decode(errors="replace")
    return ScriptResult(status, output.decode(errors="replace"), said)


def _end(process: int) -> None:
    """Ends the program and its children."""
    import contextlib
    import signal

    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def prompt(text: str) -> str:
    """Prompts on the terminal, without echo."""
    instead = "set ansible_become_password, in a vault" if text == BECOME else "use a password file or a script"
    if not sys.stdin.isatty():
        raise RefusedError(f"cannot ask: {text}", hint=f"there is no terminal; {instead}")
    import getpass

    try:
        return getpass.getpass(f"{text}: ")
    except EOFError as error:
        raise RefusedError(f"no answer to: {text}") from error


_OTHER_OUTPUT: Final = "name another file with -o, or add --force"


def refuse_overwriting(path: str, is_ours: Callable[[str], bool], hint: str = _OTHER_OUTPUT) -> None:
    """Raises `RefusedError` if the file has content that deployer did not write."""
    file = Path(path)
    try:
        if not file.is_file() or not file.stat().st_size or is_ours(read_file(path).decode(errors="replace")):
            return
    except OSError:
        pass
    raise RefusedError(f"{path} exists, and would be overwritten", hint=hint)


def write_private(path: str, text: str) -> None:
    """Writes a file that only its owner may read; a device or pipe is used unchanged. Raises `DeployerError`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, 0o600)
            file.write(text)
    except OSError as error:
        raise DeployerError(f"{path} cannot be written: {error.strerror}", hint="name another file") from error


def keep_passwords(passwords: Mapping[str, str]) -> None:
    """Writes new passwords, by the path of their file. Raises `DeployerError`, also for a file that appeared meanwhile,
    which stays."""
    for path, password in passwords.items():
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(f"{password}\n")
        except FileExistsError as error:
            raise DeployerError(f"{path} was created by another run meanwhile", hint="plan again") from error
        except OSError as error:
            raise DeployerError(f"the new password cannot be written to {path}: {error.strerror}") from error


def this_machine() -> Machine:
    """The facts about this machine that connections depend on."""
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises where there is none
    return Machine(user, "" if home == "~" else home, os.getuid(), os.uname().nodename, _succeeds)


def _succeeds(command: str) -> bool:
    import subprocess

    none = subprocess.DEVNULL
    return subprocess.run(command, shell=True, check=False, stdin=none, stdout=none).returncode == 0


def operator() -> str:
    """The operator, `ann@laptop`."""
    here = this_machine()
    return f"{here.user or f'uid {here.uid}'}@{here.host_name}"


def commit_of(folder: str) -> str:
    """The short git commit of a folder, with `+dirty` for uncommitted changes; "" without git."""
    # fsmonitor is a program that git starts, and the folder's own configuration may name any.
    git = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", folder or ".")
    try:
        head = run_script([*git, "rev-parse", "--short", "HEAD"])
        changed = run_script([*git, "status", "--porcelain", "--untracked-files=no"])
    except OSError:
        return ""
    if head.status or changed.status:
        return ""
    return head.stdout.strip() + ("+dirty" if changed.stdout.strip() else "")


def sealing_key() -> bytes:
    """The key of this machine's state directory that seals secrets in records, created when it is first needed; b"" if
    it cannot be stored."""
    folder = state_folder()
    if folder is None:
        return b""
    path = folder / "sealing.key"
    try:
        return _read_key(path) or _made_key(path)
    except OSError:
        return b""


def _read_key(path: Path) -> bytes:
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        return b""
    return found if len(found) == _KEY_SIZE else b""


def _made_key(path: Path) -> bytes:
    """Concurrent runs all use the first key."""
    import contextlib
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.") as made:
        made.write(os.urandom(_KEY_SIZE))
        made.flush()
        with contextlib.suppress(FileExistsError):
            os.link(made.name, path)
    return _read_key(path)


def this_system(
    learn: Callable[[Iterable[str]], object],
    warn: Callable[[Iterable[Diagnostic]], object] = tuple,
    awaiting: Awaiting = lambda _hosts, _left: None,
) -> System:
    """`learn` receives every secret that is read."""
    ssh_config = functools.cache(lambda: SshConfig(this_machine()))
    return System(SystemClock(), Asking(run_script, prompt, ssh_config, sealing_key, learn), warn, awaiting)
