"""Copies the data of a volume: watched while it passes, written to a file, and exchanged for what was there before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from deployer import __version__
from deployer.applying.locking import Run, time_stamp
from deployer.applying.performing import Stop
from deployer.config.files import state_folder
from deployer.engine import volume_data
from deployer.engine.tar_walk import open_pieces
from deployer.engine.volume_data import Data
from deployer.errors import DeployerError, ExitCode, RefusedError, ResourceError
from deployer.fields.options import Quiet
from deployer.interfaces import Body, Clock, Engine, Events
from deployer.model.outcome import Blocked
from deployer.model.volume_names import FILLING, NEW, STOPPED
from deployer.usecases import backup_file
from deployer.usecases.backup_file import Backup, Header, Packed, Total, copy_to, frame
from deployer.usecases.volume_sides import How, Line, Place, Said, Side, Tell

_AHEAD: Final = 64
"""Chunks that are read before they are written."""

_LOOK: Final = 0.5
"""Seconds between two looks at whether the operator stopped the run."""

_BEAT: Final = b" " * 16383 + b"\n"
"""More than what is kept back before it is written."""

_BETWEEN: Final = 5.0
"""Seconds between two reports of progress."""


class Into(Struct, frozen=True):
    """The file of a backup. `put` writes all of it or nothing; `take` makes it on the host of the volume, of what a
    docker command writes there: it gets the words of that, how the file begins, and what to send meanwhile. It returns
    the SHA-256 and the size, or None where it cannot be done; None where the file is somewhere else."""

    put: Callable[[Iterable[bytes]], object]
    take: Callable[[Sequence[str], bytes, Iterable[bytes]], tuple[str, int] | None] | None = None


class StoppedError(DeployerError):
    """The operator stopped the run."""

    exit_code = ExitCode.INTERRUPTED


class Watching(Struct, frozen=True, kw_only=True):
    """What watches over data that passes. `progress` is told the bytes so far; `permit` raises `UnreachableError` if
    this run has lost a lock."""

    clock: Clock
    stop: Stop
    tell: Tell
    progress: Callable[[str, int], object]
    permit: Callable[[], object] = tuple


class Tools(Watching, frozen=True, kw_only=True):
    """What copying needs besides the hosts. `consent`: whether the content of a volume may be replaced; `blocked` says
    why the lock of a project cannot be taken, with a hint."""

    run: Run
    events: Events
    consent: Callable[[Place], bool]
    blocked: Callable[[Blocked, str], tuple[str, str]]


def watched(chunks: Iterable[bytes], place: str, tools: Watching) -> Iterator[bytes]:
    """The chunks, which are read ahead. Raises `StoppedError` when the operator stopped the run."""
    passed, told = 0, tools.clock.now()
    ahead = _Ahead(chunks)
    try:
        while (chunk := ahead.get(tools.stop)) is not None:
            tools.permit()
            yield chunk
            passed += len(chunk)
            if tools.clock.now() - told > _BETWEEN:
                told = tools.clock.now()
                tools.progress(place, passed)
    finally:
        ahead.abandoned.set()


class _Ahead:
    """Chunks that a thread reads, so that reading and writing overlap. It ends with them, or when it is abandoned."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.abandoned = threading.Event()
        self._chunks = chunks
        self._ready: queue.Queue[bytes | BaseException | None] = queue.Queue(_AHEAD)
        threading.Thread(target=self._work, name="volume", daemon=True).start()

    def get(self, stop: Stop) -> bytes | None:
        """None at the end. Raises what reading raised, `StoppedError`."""
        while not stop.is_set():
            with suppress(queue.Empty):
                item = self._ready.get(timeout=_LOOK)
                if isinstance(item, BaseException):
                    raise item
                return item
        raise StoppedError("interrupted", hint="nothing was replaced; run it again")

    def _work(self) -> None:
        end: BaseException | None = None
        try:
            for chunk in self._chunks:
                self._put(chunk)
                if self.abandoned.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  # `get` raises it
            end = error
        self._put(end)

    def _put(self, item: bytes | BaseException | None) -> None:
        while not self.abandoned.is_set():
            with suppress(queue.Full):
                self._ready.put(item, timeout=_LOOK)
                return


def mount(engine: Engine, side: Side, how: How, *, filling: bool = False) -> Data:
    """`filling`: its content is replaced from now on."""
    image = side.image if how.exact else ""
    return volume_data.mounted(engine, side.place.volume, image, _marks(side, filling=filling))


def _marks(side: Side, *, filling: bool = False) -> dict[str, str]:
    """Labels of the container, for the run after this one if it is killed."""
    stopped = {member.id for member in side.members} | set(side.stopped_before)
    marks = {STOPPED: ",".join(sorted(stopped))} if stopped else {}
    return marks | ({NEW: "1"} if side.is_new else {}) | ({FILLING: "1"} if filling else {})


def save(side: Side, data: Data, how: How, tools: Tools, into: Into) -> Total:
    """Makes a backup. Raises `DeployerError`."""
    header = Header(
        volume=side.place.volume,
        host=side.place.host,
        made=time_stamp(tools.run.now()),
        exact=how.exact,
        state=side.quiet,
        driver=side.driver,
        options=side.options,
        labels=side.labels,
        version=__version__,
    )
    if into.take is not None and side.quiet is not Quiet.LIVE:
        beginning = frame(msgspec.json.encode(header))
        if (taken := into.take(data.words, beginning, _beats(tools))) is not None:
            return Total(*taken)
    with data.read(changing=side.quiet is Quiet.LIVE) as chunks:
        packed = Packed(header, watched(chunks, str(side.place), tools))
        try:
            into.put(packed)
        except OSError as error:
            raise ResourceError(f"the backup cannot be written: {error.strerror or error}") from error
        return packed.total


def _beats(tools: Tools) -> Iterator[bytes]:
    """What a script gets while it works elsewhere; the end of it ends the script. Raises `StoppedError`."""
    pause = _LOOK / 16
    while not tools.stop.is_set():
        tools.permit()
        yield _BEAT
        tools.clock.sleep(pause)
        pause = min(2 * pause, _LOOK)
    raise StoppedError("interrupted", hint="nothing was replaced; run it again")


def has_content(data: Data) -> bool:
    """Whether there is anything besides the root."""
    with data.read(changing=True) as chunks, open_pieces(chunks) as tar:
        return tar.next() is not None and tar.next() is not None


class Content:
    """The content of an existing volume, which is replaced."""

    def __init__(self, line: Line, side: Side, how: How, tools: Tools) -> None:
        self._line = line
        self._side = side
        self._how = how
        self._tools = tools
        self._complete = True
        self._touched = False
        self._before: Backup | None = None
        self._recreated = not side.users and side.driver == "local" and not side.options
        """Whether it is emptied by removing the volume; otherwise by a program in a container."""

    def check(self, data: Data) -> bool:
        """Whether there is any. Raises `RefusedError` without consent to replace it, `ResourceError` if it cannot be
        removed."""
        if not has_content(data):
            return False
        place = self._side.place
        if not self._tools.consent(place):
            hint = f"--allow-data-loss {place.host}/volume.{place.volume} replaces it"
            raise RefusedError(f"volume {place} has content; nothing was changed", hint=hint)
        if not self._recreated:
            if not self._side.image:
                hint = "name an image that has find with --image"
                raise RefusedError(f"{place} cannot be emptied without a program", hint=hint)
            volume_data.check_find(self._line.engine, place.volume, self._side.image, _marks(self._side))
        return True

    @contextmanager
    def kept(self) -> Iterator[Backup]:
        """The content in a file of this machine, which is removed unless the volume could not be filled again."""
        path = _spool(self._side.place, self._tools)
        try:
            with path.open("x+b") as file:
                path.chmod(0o600)
                save(
                    self._side,
                    mount(self._line.engine, self._side, self._how),
                    self._how,
                    self._tools,
                    Into(partial(copy_to, file)),
                )
                file.seek(0)
                yield backup_file.read(file, str(path))
        except OSError as error:
            raise ResourceError(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            if self._complete:
                path.unlink(missing_ok=True)

    def replace(self, before: Backup | None, chunks: Body) -> None:
        """`before` None: the volume is empty."""
        self._tools.permit()
        self._before, self._touched = before, True
        engine = self._line.engine
        data = self._emptied(engine) if before is not None else mount(engine, self._side, self._how, filling=True)
        data.write(chunks)

    def put_back(self) -> None:
        """After a failure, also one that came later: the volume has its content from before."""
        if not self._touched:
            return
        name, before = self._side.place.volume, self._before
        problem = self._line.again(lambda engine: self._restore(engine, before))
        if problem:
            self._complete = False
            kept = f"it is in {before.name}; deployer volume restore puts it back" if before else ""
            text = f"volume {name}: could not be given its content from before: {problem}"
            self._tools.tell(Said(self._line.host, text, kept, failed=True))
        else:
            self._tools.tell(Said(self._line.host, f"volume {name}: has its content from before"))

    def _restore(self, engine: Engine, before: Backup | None) -> None:
        emptied = self._emptied(engine)
        if before is not None:
            emptied.write(before.chunks())

    def _emptied(self, engine: Engine) -> Data:
        side = self._side
        if self._recreated:
            volume_data.remove_helper(engine, side.place.volume)
            engine.remove_volume(side.place.volume)
            engine.create_volume({"Name": side.place.volume, "Labels": side.labels})
        else:
            volume_data.empty(engine, side.place.volume, side.image, _marks(side, filling=True))
        return mount(engine, side, self._how, filling=True)


def _spool(place: Place, tools: Tools) -> Path:
    """Raises `ResourceError`."""
    folder = state_folder()
    if folder is None:
        raise ResourceError("there is no folder to keep the content of before in", hint="set XDG_STATE_HOME")
    stamp = time_stamp(tools.run.now()).replace(":", "").removesuffix("Z")
    try:
        (folder / "volumes").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ResourceError(f"{folder / 'volumes'} cannot be made: {error.strerror or error}") from error
    numbers = ("", *(f"-{number}" for number in range(1, 100)))
    names = (folder / "volumes" / f"{place.host}-{place.volume}-{stamp}{number}Z.tar.zst" for number in numbers)
    return next(path for path in names if not path.exists())
