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
        self.builds = Builds(self.engine)
        self._host = host
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._local: Engine | None = None
        self._open: dict[tuple[str, str], ImageArchive] = {}
        self._closing = ExitStack()

    def send(self, engine: Engine, reference: str, source: str, tell: Callable[[int, int], object]) -> None:
        """Raises `ResourceError`, `UnreachableError`."""
        facts, archive = engine.describe(), self.archive(reference, source)
        transfer = Transfer(engine, archive, reference, archive.read(reference, f"{facts.os}/{facts.arch}"))
        if not transfer.is_complete():
            transfer.send(transfer.missing(), tell)

    def id_of(self, reference: str, source: str) -> str:
        """The image's id there. Raises `ResourceError` if it is not there, `UnreachableError`."""
        with self._lock:
            found = self.engine(source).inspect_image(reference)
        if found is None:
            hint = "build or pull it there first, or name another source"
            where = "this machine" if source == CONTROLLER else source
            raise ResourceError(f"{image.familiar(reference)} is not on {where}", hint=hint)
        return str(found["Id"])

    def archive(self, reference: str, source: str) -> ImageArchive:
        """The image, read from its source at the first call. Raises `ResourceError`, `UnreachableError`."""
        self.id_of(reference, source)
        with self._lock:
            found = self._open.get((reference, source))
            if found is None:
                spool = self._closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the others
                _save(self.engine(source), reference, spool)
                found = self._open[reference, source] = ImageArchive(spool, source)
                self._closing.callback(found.close)
            return found

    def engine(self, source: str) -> Engine:
        """That of a host, or the one that the docker command uses on this machine."""
        with self._opening:
            if source != CONTROLLER:
                return self._host(source).engine()
            if self._local is None:
                self._local = connect(this_machine())
                self._closing.callback(self._local.close)
            return self._local

    def __enter__(self) -> ImageSources:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


def _save(engine: Engine, reference: str, spool: BinaryIO) -> None:
    """Write an image to a file as an archive. Raises `ResourceError`."""
    try:
        with engine.save_images([reference]) as chunks:
            for chunk in chunks:
                spool.write(chunk)
        spool.seek(0)
    except OSError as error:
        raise ResourceError(f"{image.familiar(reference)} cannot be kept here: {error.strerror or error}") from error
