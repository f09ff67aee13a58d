"""Sends images to an engine: only layers that it does not have, one at a time.

Layers that arrived stay on the host under a name of their own until the image is complete, so that a transfer that was
cut off continues with the layer after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from msgspec import Struct

from deployer.engine import answers
from deployer.engine.image_archive import ArchivedImage, ImageSource, Layer, chain_ids, pack
from deployer.engine.observe import WIDTH
from deployer.engine.versions import at_least
from deployer.errors import EngineError, ResourceError, UnreachableError
from deployer.interfaces import Engine, Json

TRANSFER: Final = "deployer.transfer"
"""The registry in the names of images that hold layers of an incomplete transfer."""

Sending = Callable[[int, int], object]
"""Told the bytes sent and those to send."""


_CONTINUES: Final = "layers that arrived stay on the host: the next transfer of the image continues after them"
_FIRST_WITH_ZSTD: Final = "1.42"
"""The API of Docker 23.0, whose classic store is the first that unpacks layers compressed by zstd."""


class Sent(Struct, frozen=True):
    """An image that an engine has: `sent` of the `total` bytes of its layers from here, or nothing because it was
    `there` or another host sent it, the `giver`. `note`: why another host did not."""

    sent: int = 0
    total: int = 0
    there: bool = False
    giver: str = ""
    note: str = ""


class Transfer:
    """One image to one engine."""

    def __init__(self, engine: Engine, source: ImageSource, reference: str, found: ArchivedImage) -> None:
        self._engine = engine
        self._source = source
        self._reference = reference
        self._found = found
        self._containerd = is_containerd(engine.info())

    @property
    def reference(self) -> str:
        return self._reference

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self._found.layers

    @property
    def size(self) -> int:
        return self._found.size

    @property
    def containerd(self) -> bool:
        """Whether the engine keeps images in containerd's store."""
        return self._containerd

    def missing(self) -> tuple[Layer, ...]:
        """Layers that the engine does not have; all where that is not known."""
        if self._containerd:
            blobs = self._engine.present_blobs(layer.digest for layer in self._found.layers) or frozenset()
            return tuple(layer for layer in self._found.layers if layer.digest not in blobs)
        there = _chains(self._engine)
        named = zip(chain_ids(self._found.diff_ids), self._found.layers, strict=True)
        return tuple(layer for chain, layer in named if chain not in there)

    def is_complete(self) -> bool:
        """Whether the reference stands for the image on the host, with all its layers. A simulated engine's ids are no
        digests."""
        there = self._engine.inspect_image(self._reference)
        if self._engine.describe().simulated:
            return there is not None
        known = (self._found.digest if self._containerd else self._found.id) == (there or {}).get("Id")
        return known and not (self._containerd and self.missing())

    def send(self, missing: tuple[Layer, ...], progress: Sending) -> Sent:
        """Raises `ResourceError`, `UnreachableError`."""
        self._refuse_zstd(missing)
        sent, total = [0], sum(layer.size for layer in missing)

        def counted(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                yield chunk
                sent[0] += len(chunk)
                progress(min(sent[0], total), total)

        try:
            for layer in missing[:-1]:
                self._send_part(layer, counted)
            body = pack(self._source, self._found, self._reference, missing[-1:])
            self._engine.load_images(counted(body), _ignore)
        except UnreachableError as error:
            error.hint = error.hint or _CONTINUES
            raise
        self._clean()
        if not self.is_complete():
            raise EngineError(
                "the image is incomplete after the transfer", status=0, hint="send it again; docker load may show why"
            )
        return Sent(total, self.size)

    def _refuse_zstd(self, missing: tuple[Layer, ...]) -> None:
        facts = self._engine.describe()
        too_old = not (facts.simulated or self._containerd or at_least(facts.api, _FIRST_WITH_ZSTD))
        if too_old and any(layer.media_type.endswith("zstd") for layer in missing):
            hint = "update the engine, or build the image with layers that are compressed by gzip"
            summary = f"the image has layers compressed by zstd, which Docker {facts.version} cannot unpack"
            raise ResourceError(f"{summary}; Docker 23.0 and newer can", hint=hint)

    def _send_part(self, layer: Layer, counted: Callable[[Iterator[bytes]], Iterator[bytes]]) -> None:
        """The classic store keeps it as an image of the layers up to this one. That of containerd keeps the blob, and
        reports that the image with the other blobs missing cannot be unpacked."""
        number = self._found.layers.index(layer)
        name = f"{TRANSFER}/{self._found.id[7:19]}:{number}"
        part = self._found if self._containerd else self._found.first(number + 1)
        body = counted(pack(self._source, part, name, (layer,)))
        try:
            self._engine.load_images(body, _ignore)
        except EngineError:
            if not self._containerd or not self._engine.present_blobs((layer.digest,)):
                raise

    def _clean(self) -> None:
        listed = answers.read(self._engine.list_images(), tuple[answers.ListedImage, ...], "/images/json")
        prefix = f"{TRANSFER}/{self._found.id[7:19]}:"
        for name in sorted(name for entry in listed for name in entry.repo_tags or () if name.startswith(prefix)):
            with suppress(EngineError):
                self._engine.remove_image(name)


def is_containerd(info: Json) -> bool:
    """Whether an engine keeps images in containerd's store."""
    return any("io.containerd.snapshotter" in str(entry) for entry in info.get("DriverStatus") or ())


def _chains(engine: Engine) -> frozenset[str]:
    """The chain ids of all layers of a classic store."""
    listed = answers.read(engine.list_images(), tuple[answers.ListedImage, ...], "/images/json")
    with ThreadPoolExecutor(WIDTH, thread_name_prefix="layers") as pool:
        found = list(pool.map(engine.inspect_image, (entry.id for entry in listed)))
    layers = (((each or {}).get("RootFS") or {}).get("Layers") or () for each in found)
    return frozenset(chain for each in layers for chain in chain_ids(each))


def _ignore(_message: Json) -> None:
    """Progress of the engine's own work is not shown."""
