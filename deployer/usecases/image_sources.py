"""Where images come from that are sent to hosts: another host, the engine of this machine, or an archive."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import BinaryIO, Final

from msgspec.structs import replace

from deployer.applying.building import Builds, Told
from deployer.config.files import open_file
from deployer.diagnostics import Diagnostic, Origin
from deployer.engine.connect import connect, this_machine
from deployer.engine.host_facts import free_space
from deployer.engine.image_archive import ImageArchive, ImageSource, Layer, blob_member
from deployer.engine.image_transfer import Sending, Sent, Transfer, is_containerd
from deployer.engine.stored_images import StoredImages
from deployer.engine.versions import at_least
from deployer.errors import InputError, ResourceError, UnreachableError
from deployer.interfaces import Engine, Host
from deployer.model.settings import CONTROLLER
from deployer.usecases.image_tree import Giver, ImageTree
from deployer.values import image, size

FANOUT: Final = 4
"""Hosts that are sent to at the same time."""

_ATTEMPTS: Final = 2
"""Hosts that are asked to send an image to one."""

_BLOBS: Final = "1.44"
"""The API of Docker 25.0, from which on archives have a member for each blob, named after its digest."""

_UNPACKING: Final = 2
"""Times the size of what is sent that an engine needs: the classic store unpacks the archive first, for a moment, and
containerd's keeps the layers and what it unpacked of them."""

_INCOMPLETE: Final = (
    "containerd's store does not fetch a layer that it has unpacked for another image; remove the image there and "
    "those that share its layers, and pull it again, or copy from another host"
)


class ImageSources:
    """The images that a run sends. Each is read from its source once: of containerd's store only layers that a receiver
    does not have, while they are sent; of the classic store whole, because its archives name the layers at their end.
    Safe to use from several threads. `builds`: those that it built."""

    def __init__(self, host: Callable[[str], Host], receivers: int, fanout: int = FANOUT) -> None:
        """`receivers`: hosts that may get images; `fanout`: hosts that this machine sends an image to at once, see
        `ImageTree`."""
        self.builds = Builds(self.engine)
        self._receivers = receivers
        self._host = host
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._reading: dict[tuple[str, str], threading.Lock] = {}
        self._trees: dict[tuple[str, str], ImageTree] = {}
        self._fanout = fanout
        self._local: Engine | None = None
        self._files: dict[str, ImageSource] = {}
        self._open: dict[tuple[str, str], ImageSource] = {}
        self._closing = ExitStack()

    def send(self, host: str, engine: Engine, reference: str, source: str, tell: Told) -> Sent:
        """Raises `ResourceError`, `UnreachableError`."""
        tree, own = self._tree(reference, source), self._giver(host, engine)
        if self._is_there(engine, reference, source):
            tree.add(own)
            return Sent(there=True)
        facts, images = engine.describe(), self._images(reference, source, tell)
        found = images.read(reference, f"{facts.os}/{facts.arch}")
        transfer = Transfer(engine, images, reference, found)
        if transfer.is_complete():
            tree.add(own)
            return Sent(total=found.size, there=True)
        if not facts.simulated:
            _check_room(self._host(host), engine, sum(layer.size for layer in transfer.missing()))
        return self._send(tree, own, host, transfer, lambda sent, total: tell(sent, total, ""))

    def is_there(self, host: str, engine: Engine, reference: str, source: str) -> bool:
        """Whether a host is known to have the image, without reading it whole from its source; it may send it on
        then. Raises `UnreachableError`."""
        try:
            there = self._is_there(engine, reference, source)
            if not there and (source in self._files or is_containerd(self.engine(source).info())):
                facts, images = engine.describe(), self._images(reference, source, _unshown)
                found = images.read(reference, f"{facts.os}/{facts.arch}")
                there = Transfer(engine, images, reference, found).is_complete()
        except ResourceError:
            return False
        if there:
            self._tree(reference, source).add(self._giver(host, engine))
        return there

    def _send(self, tree: ImageTree, own: Giver | None, host: str, transfer: Transfer, tell: Sending) -> Sent:
        """By a host that has it, or else from here. After two hosts that could not, no further one is tried."""
        note = ""
        for _ in range(_ATTEMPTS):
            giver: Giver | None = None
            try:
                with tree.turn(own, containerd=transfer.containerd) as giver:
                    if giver is None:
                        with tree.from_here():
                            return replace(transfer.send(transfer.missing(), tell), note=note)
                    self._give(giver, host, transfer)
                    return Sent(total=transfer.size, giver=giver.host, note=note)
            except (ResourceError, UnreachableError) as error:
                if giver is None:
                    raise
                note = f"{giver.host} could not send it: {error.message}"
        with tree.from_here():
            sent = transfer.send(transfer.missing(), tell)
        tree.add(own)
        return replace(sent, note=note)

    def _give(self, giver: Giver, host: str, transfer: Transfer) -> None:
        missing = frozenset(transfer.missing())
        without = _members(giver, (layer for layer in transfer.layers if layer not in missing))
        self._host(giver.host).give(transfer.reference, without, self._host(host).login())
        if not transfer.is_complete():
            raise ResourceError("not all of it arrived")

    def _giver(self, host: str, engine: Engine) -> Giver | None:
        """A host as one that may send images on."""
        if not self._host(host).gives:
            return None
        return Giver(host, is_containerd(engine.info()), engine.describe().api)

    def _tree(self, reference: str, source: str) -> ImageTree:
        """With the source as the first giver, if it is a host that may be one."""
        made = ImageTree(self._fanout)
        with self._lock:
            found = self._trees.setdefault((reference, source), made)
        if found is made and source != CONTROLLER and source not in self._files:
            found.add(self._giver(source, self.engine(source)))
        return found

    def open_file(self, path: str) -> None:
        """Makes an archive a source of the name of its path. Raises `InputError`, `ResourceError`."""
        try:
            file = self._closing.enter_context(open_file(path))
        except OSError as error:
            problem = Diagnostic(Origin("--from"), f"{path} cannot be read: {error.strerror or error}")
            raise InputError([problem]) from error
        self._files[path] = ImageArchive(file, path)
        self._closing.callback(self._files[path].close)

    def id_of(self, reference: str, source: str) -> str:
        """The image's id there. Raises `ResourceError` if it is not there, `UnreachableError`."""
        found = self.engine(source).inspect_image(reference)
        if found is None:
            hint = "build or pull it there first, or name another source"
            raise ResourceError(f"{image.familiar(reference)} is not on {_name_of(source)}", hint=hint)
        return str(found["Id"])

    def _images(self, reference: str, source: str, tell: Told) -> ImageSource:
        """Where the image is read from. Raises `ResourceError`, `UnreachableError`."""
        if source in self._files:
            return self._files[source]
        key = reference, source
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        with reading:
            if key not in self._open:
                self._open[key] = self._opened(reference, source, tell)
                self._closing.callback(self._open[key].close)
            return self._open[key]

    def _opened(self, reference: str, source: str, tell: Told) -> ImageSource:
        engine, key = self.engine(source), self.id_of(reference, source)
        name = _name_of(source)
        if is_containerd(engine.info()) and engine.present_blobs((key,)):
            return StoredImages(engine, name, _INCOMPLETE, keep=self._receivers > 1)
        spool = self._closing.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the others
        _save(engine, reference, spool, lambda amount, total: tell(amount, total, name))
        return ImageArchive(spool, f"what the engine of {name} saved", _INCOMPLETE)

    def _is_there(self, engine: Engine, reference: str, source: str) -> bool:
        """Whether an engine is known to have the image of a classic store, whose id is that of its configuration,
        without reading it there."""
        there = None if source in self._files else engine.inspect_image(reference)
        if there is None or is_containerd(self.engine(source).info()):
            return False
        wanted = self.id_of(reference, source)
        if not is_containerd(engine.info()):
            return bool(there["Id"] == wanted)
        return _has_whole(engine, reference, wanted)

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


def _name_of(source: str) -> str:
    return "this machine" if source == CONTROLLER else source


def _unshown(_amount: int, _total: int, _reading: str) -> None:
    """Progress that nobody sees."""


def _has_whole(engine: Engine, reference: str, config: str) -> bool:
    """Whether containerd's store has an image with this configuration, and all its layers."""
    facts, images = engine.describe(), StoredImages(engine, "the host")
    try:
        found = images.read(reference, f"{facts.os}/{facts.arch}")
    except ResourceError:
        return False
    return found.id == config and not Transfer(engine, images, reference, found).missing()


def _check_room(host: Host, engine: Engine, amount: int) -> None:
    """Raises `ResourceError` where the image would not fit."""
    info = engine.info()
    folder = str(info.get("DockerRootDir") or "/var/lib/docker")
    free, needed = free_space(host, folder), amount * _UNPACKING
    if free is not None and free < needed:
        shown = f"{size.show_rounded(needed)} are needed in {folder} during the transfer"
        hint = "docker system df on the host shows what uses the space"
        raise ResourceError(f"{shown}, {size.show_rounded(free)} are free", hint=hint)


def _members(giver: Giver, layers: Iterable[Layer]) -> frozenset[str]:
    """The layers in an archive that a host saves. The classic store keeps none compressed."""
    if not at_least(giver.api, _BLOBS):
        return frozenset()
    return frozenset(blob_member(layer.digest if giver.containerd else layer.diff_id) for layer in layers)


def _save(engine: Engine, reference: str, spool: BinaryIO, tell: Sending) -> None:
    """Write an image to a file as an archive, which is a little larger than the image. Raises `ResourceError`."""
    size, written = int((engine.inspect_image(reference) or {}).get("Size") or 0), 0
    try:
        with engine.save_images([reference]) as chunks:
            for chunk in chunks:
                written += spool.write(chunk)
                tell(min(written, size), size)
        spool.seek(0)
    except OSError as error:
        raise ResourceError(f"{image.familiar(reference)} cannot be kept here: {error.strerror or error}") from error
