"""Running commands, naming processes safely and taking the lab's lock.

A process is named by pid and start time, so that a pid file left by an earlier boot or an earlier run never
makes the lab signal a stranger.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.lab.settings import LOCKS


class LabError(RuntimeError):
    """Something in the lab did not work; the message says what."""


class LabUnavailableError(LabError):
    """This machine cannot run the lab; the message is the one reason."""


def run(
    *command: str | Path,
    check: bool = True,
    input_text: str | None = None,
    env: dict[str, str] | None = None,
    timeout: float = 600,
) -> str:
    """Run a command and return its standard output; a failure carries the end of what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        input=input_text if input_text is not None else "",
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **env} if env else None,
        timeout=timeout,
        check=False,
    )
    if check and done.returncode != 0:
        tail = (done.stderr or done.stdout).strip()[-2000:]
        raise LabError(f"{' '.join(words)[:300]}: exit {done.returncode}: {tail}")
    return done.stdout


def succeeds(*command: str | Path) -> bool:
    """Whether a command can be run and exits 0."""
    words = [str(word) for word in command]
    try:
        return subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return False


def start_detached(command: Sequence[str], log: Path, env: dict[str, str] | None = None) -> None:
    """Start a process that outlives this one and never becomes its zombie."""
    with log.open("ab") as output:
        subprocess.run(
            ["setsid", "--fork", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **env} if env else None,
            check=True,
        )


def start_time(pid: int) -> int | None:
    """The kernel's start tick of a living process, None for a dead one or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def write_pid(file: Path, pid: int) -> None:
    """Record a process by pid and start time."""
    file.write_text(f"{pid} {start_time(pid) or 0}\n")


def read_pid(file: Path) -> int | None:
    """The recorded pid while that very process lives, else None."""
    try:
        pid, started = (int(word) for word in file.read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    return pid if started and start_time(pid) == started else None


def kill_pids(pids: Sequence[int], timeout: float = 10) -> None:
    """SIGKILL each process and wait until all are gone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(start_time(pid) is None for pid in pids), timeout, f"processes {list(pids)} to die")


def wait_for(condition: Callable[[], bool], timeout: float, what: str, interval: float = 0.03) -> None:
    """Return as soon as the condition holds; raise `LabError` naming what was awaited after the timeout."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(interval)


@contextlib.contextmanager
def lock(name: str = "lab", *, wait: bool = True, folder: Path = LOCKS) -> Iterator[bool]:
    """Hold a lock of that name against other processes; the kernel releases it when this process ends.

    Yields whether it is held: False only without `wait`, when another process has it. A process that holds a lock
    may take it again.
    """
    file = folder / name
    if file in _held:
        yield True
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        _held.add(file)
        try:
            yield True
        finally:
            _held.discard(file)


_held: set[Path] = set()
