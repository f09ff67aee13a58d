"""Where images come from that are sent to hosts: another host, or the engine of this machine."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO

from deployer.applying.building import Builds
from deployer.engine.connect import connect, this_machine
from deployer.engine.image_archive import ImageArchive
from deployer.engine.image_transfer import Transfer
from deployer.errors import ResourceError
from deployer.interfaces import Engine, Host
from deployer.model.settings import CONTROLLER
from deployer.values import image


class ImageSources:
    """The images that a run sends. Each is read from its source once. Safe to use from several threads. `builds`: those
    that it built."""

    def __init__(self, host: Callable[[str], Host]) -> None:
        self.builds = Builds()
        self._host = host
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], ImageArchive] = {}
        self._closing = ExitStack()

    def send(self, engine: Engine, reference: str, source: str, tell: Callable[[int, int], object]) -> None:
        """Raises `ResourceError`, `UnreachableError`."""
        facts, archive = engine.describe(), self._archive(reference, source)
        transfer = Transfer(engine, archive, reference, archive.read(reference, f"{facts.os}/{facts.arch}"))
        if not transfer.is_complete():
            transfer.send(transfer.missing(), tell)

    def _archive(self, reference: str, source: str) -> ImageArchive:
        with self._lock:
            found = self._open.get((reference, source))
            if found is None:
                spool = self._closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the others
                if source == CONTROLLER:
                    save_from_here(reference, spool)
                else:
                    save(self._host(source).engine(), reference, source, spool)
                spool.seek(0)
                found = self._open[reference, source] = ImageArchive(spool, source)
                self._closing.callback(found.close)
            return found

    def __enter__(self) -> ImageSources:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


def save(engine: Engine, reference: str, where: str, spool: BinaryIO) -> None:
    """Write an image to a file as an archive. Raises `ResourceError`."""
    if engine.inspect_image(reference) is None:
        hint = "build or pull it there first, or name another source"
        raise ResourceError(f"{image.familiar(reference)} is not on {where}", hint=hint)
    try:
        with engine.save_images([reference]) as chunks:
            for chunk in chunks:
                spool.write(chunk)
    except OSError as error:
        raise ResourceError(f"{image.familiar(reference)} cannot be kept here: {error.strerror or error}") from error


def save_from_here(reference: str, spool: BinaryIO) -> None:
    """The same, from the engine that the docker command uses on this machine."""
    engine = connect(this_machine())
    try:
        save(engine, reference, "this machine", spool)
    finally:
        engine.close()
