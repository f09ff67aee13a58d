"""The data of a volume as a tar archive, through a container that mounts it. The names in it begin with `data`, so that
the volume's root has its owner and mode too.

Without an image of the user, the container is of an empty image and never started: only the engine's socket is needed.
With one, GNU tar runs in it, which keeps what the engine does not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Final, Protocol

from deployer.engine.image_archive import empty_image
from deployer.engine.logs import Frames
from deployer.engine.tar_walk import whole
from deployer.errors import EngineError, ResourceError, UnreachableError
from deployer.interfaces import Body, Engine, ExecQuery, Json, Stream
from deployer.model.volume_names import HELPERS

FOLDER: Final = "data"
EMPTY: Final = "docker.io/deployer/empty:1"
_LONGEST: Final = "86400"
"""Seconds after which a container ends that a killed run left."""

_OUTPUT: Final = 4000
"""Characters of an error message of tar."""

_KEEPING: Final = ("--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls")
_READ: Final = ("tar", "--create", "--format=posix", "--sparse", *_KEEPING, "--file=-", "--directory=/", FOLDER)
_WRITE: Final = ("tar", "--extract", "--same-permissions", *_KEEPING, "--file=-", "--directory=/")
_STATE: Final = "--listed-incremental=/tmp/deployer.snar"
"""What was read is known in the container, so that it is read once more only where it changed."""

_DIFFERENCE: Final = "--listed-incremental=/dev/null"
"""Also removes what is not there any more, by the lists of folders in the archive."""

_TOP: Final = ("find", f"/{FOLDER}/.", "!", "-name", ".", "-prune")
_REMOVE: Final = ("-exec", "rm", "-rf", "{}", "+")
_CHANGED: Final = 1
"""The exit code of GNU tar when files changed while it read them."""


class Data(Protocol):
    """A mounted volume. Methods raise `EngineError`, `ResourceError`, `UnreachableError`."""

    @property
    def words(self) -> Sequence[str]:
        """Of a docker command that writes its content."""
        ...

    def read(self, *, changing: bool) -> AbstractContextManager[Iterator[bytes]]:
        """Its content. `changing`: containers may write while it is read."""
        ...

    def write(self, archive: Body) -> None:
        """Adds the content of an archive."""
        ...


class PlainData:
    """Through the archive requests of the engine."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container

    @property
    def words(self) -> Sequence[str]:
        return ("cp", f"{self._container}:/{FOLDER}", "-")

    @contextmanager
    def read(self, *, changing: bool) -> Iterator[Iterator[bytes]]:
        with self._engine.get_archive(self._container, f"/{FOLDER}") as chunks:
            yield whole(chunks)

    def write(self, archive: Body) -> None:
        self._engine.put_archive(self._container, "/", archive)


class ExactData:
    """Through commands in a running container."""

    def __init__(self, engine: Engine, container: str, image: str) -> None:
        self._engine = engine
        self._container = container
        self._image = image

    def check_tar(self) -> None:
        """Raises `ResourceError` without GNU tar."""
        try:
            with self._running(("tar", "--version")) as (output, _):
                found = b"".join(output)
        except ResourceError:
            found = b""
        if b"GNU tar" not in found:
            hint = (
                "name an image that has it with --image, such as one of Debian; without it and --exact, none is needed"
            )
            raise ResourceError(f"image {self._image} has no GNU tar", hint=hint)

    @property
    def words(self) -> Sequence[str]:
        return ("exec", "--user", "0:0", self._container, *_READ)

    @contextmanager
    def read(self, *, changing: bool) -> Iterator[Iterator[bytes]]:
        with self._running(_READ, allowed=(0, _CHANGED) if changing else (0,)) as (output, _):
            yield output

    @contextmanager
    def read_difference(self, *, changing: bool) -> Iterator[Iterator[bytes]]:
        """What changed since this was called for the first time, for `write_difference`."""
        command = (*_READ[:2], _STATE, "--no-check-device", *_READ[2:])
        with self._running(command, allowed=(0, _CHANGED) if changing else (0,)) as (output, _):
            yield output

    def write_difference(self, archive: Body) -> None:
        self._write((*_WRITE[:2], _DIFFERENCE, *_WRITE[2:]), archive)

    def write(self, archive: Body) -> None:
        self._write(_WRITE, archive)

    def _write(self, command: Sequence[str], archive: Body) -> None:
        with self._running(command, stdin=True) as (output, stream):
            try:
                for chunk in chunks(archive):
                    stream.write(chunk)
                stream.end_writing()
            except UnreachableError:
                # A program that failed takes no more input, and has said why.
                _finish(output)
                raise
            _finish(output)

    def check_find(self) -> None:
        """Raises `ResourceError` if `empty` would fail; removes nothing, since no file is named so."""
        with self._running((*_TOP, "-name", "/", *_REMOVE)) as (output, _):
            _finish(output)

    def empty(self) -> None:
        """Removes all files of the volume."""
        with self._running((*_TOP, *_REMOVE)) as (output, _):
            _finish(output)

    @contextmanager
    def _running(
        self, command: Sequence[str], allowed: tuple[int, ...] = (0,), *, stdin: bool = False
    ) -> Iterator[tuple[Iterator[bytes], Stream]]:
        """Its output and its input. Raises `ResourceError` at the end of the output for another exit code."""
        key = self._engine.create_exec(self._container, ExecQuery(tuple(command), stdin=stdin, user="0:0"))
        with closing(self._engine.start_exec(key, None)) as stream:
            yield self._output(key, stream, command[0], allowed), stream

    def _output(self, key: str, stream: Stream, program: str, allowed: tuple[int, ...]) -> Iterator[bytes]:
        frames, errors = Frames(), ""
        while data := stream.read():
            for number, payload in frames.feed(data):
                if number == 1:
                    yield payload
                else:
                    errors = (errors + payload.decode(errors="replace"))[:_OUTPUT]
        while (code := self._engine.exec_exit_code(key)) is None:
            """The engine learns of the end a moment after the output has ended."""
        if code not in allowed:
            said = errors.strip().splitlines()[:1] or [f"exit code {code}"]
            raise ResourceError(f"{program} failed in a container of {self._image}: {said[0]}")


def _finish(output: Iterator[bytes]) -> None:
    """Waits for the end of a command, which prints nothing."""
    for _ in output:
        pass


def chunks(archive: Body) -> Iterator[bytes]:
    """In pieces, as they are sent."""
    read = getattr(archive, "read", None)
    return iter(archive) if read is None else iter(lambda: read(65536), b"")


def helper_name(volume: str) -> str:
    """Of the container that mounts a volume."""
    return f"{HELPERS}{hashlib.sha256(volume.encode()).hexdigest()[:24]}"


def mounted(engine: Engine, volume: str, image: str, labels: Mapping[str, str]) -> Data:
    """The volume in a container, to be removed with `remove_helper`; `image` "": an empty one. The volume is created
    where it does not exist. Raises `ResourceError` for an image that does not serve."""
    container = _create(engine, volume, image, labels)
    if not image:
        return PlainData(engine, container)
    found = _started(engine, container, image)
    found.check_tar()
    return found


def check_find(engine: Engine, volume: str, image: str, labels: Mapping[str, str]) -> None:
    """Raises `ResourceError` for an image in which `empty` would fail."""
    _started(engine, _create(engine, volume, image, labels), image).check_find()


def empty(engine: Engine, volume: str, image: str, labels: Mapping[str, str]) -> None:
    """Removes all files of a volume, by a program in a container, to be removed with `remove_helper`."""
    _started(engine, _create(engine, volume, image, labels), image).empty()


def _started(engine: Engine, container: str, image: str) -> ExactData:
    try:
        engine.start_container(container)
    except EngineError as error:
        hint = "name an image that has sleep, find and GNU tar with --image, such as one of Debian"
        raise ResourceError(f"a container of {image} cannot be started: {error.message}", hint=hint) from error
    return ExactData(engine, container, image)


def _create(engine: Engine, volume: str, image: str, labels: Mapping[str, str]) -> str:
    body = {
        "Image": image or EMPTY,
        "Entrypoint": ["sleep"],
        "Cmd": [_LONGEST],
        "User": "0:0",
        "WorkingDir": "/",
        "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": dict(labels),
        "HostConfig": {"Mounts": [_mount(volume)], "NetworkMode": "none"},
    }
    remove_helper(engine, volume)
    if not image:
        load_empty(engine)
    elif engine.inspect_image(image) is None:
        raise ResourceError(f"image {image} is not on the host", hint=f"deployer image pull {image} HOST pulls it")
    created, _ = engine.create_container(helper_name(volume), body, "")
    return created


def _mount(volume: str) -> Json:
    return {"Type": "volume", "Source": volume, "Target": f"/{FOLDER}", "VolumeOptions": {"NoCopy": True}}


def left_labels(engine: Engine, volume: str) -> Mapping[str, str]:
    """Of the helper that a run left which was killed; {} without one."""
    found = engine.inspect_container(helper_name(volume)) or {}
    return dict((found.get("Config") or {}).get("Labels") or {})


def remove_helper(engine: Engine, volume: str) -> None:
    """And the empty image, unless another volume uses it."""
    try:
        engine.remove_container(helper_name(volume), force=True, anonymous_volumes=True)
    except EngineError as error:
        if not error.not_found:
            raise
    remove_empty(engine)


def load_empty(engine: Engine) -> None:
    info = engine.describe()
    engine.load_images([empty_image(EMPTY, f"{info.os}/{info.arch}")], lambda _message: None)


def remove_empty(engine: Engine) -> None:
    """Unless a container uses it."""
    if engine.inspect_image(EMPTY) is not None:
        with suppress(EngineError):
            engine.remove_image(EMPTY)
