"""Images in containerd's store of an engine, read blob by blob: only what is asked for leaves the host."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

from deployer.engine.image_archive import LARGEST, ArchivedImage, Layer
from deployer.errors import EngineError, ResourceError
from deployer.interfaces import Engine
from deployer.values import image

_CHUNK: Final = 1024 * 1024


class StoredImages:
    """The images of one engine. Safe to use from several threads. `name`: of the host, in messages; `keep`: whether
    layers are kept in temporary files, so that each is read once for several receivers; `hint`: for layers that are
    not there."""

    def __init__(self, engine: Engine, name: str, hint: str = "", *, keep: bool = False) -> None:
        self._engine = engine
        self._name = name
        self._hint = hint
        self._keep = keep
        self._lock = threading.Lock()
        self._kept: dict[str, _Kept] = {}

    def read(self, reference: str, platform: str) -> ArchivedImage:
        """The image of a complete reference, for `linux/amd64`. Raises `ResourceError`, `UnreachableError`."""
        found = self._engine.inspect_image(reference)
        if found is None:
            raise ResourceError(f"{image.familiar(reference)} is not on {self._name}")
        candidates = list(self._images(str(found["Id"])))
        fitting = next((each for each in candidates if each.platform == platform), None)
        if fitting is None:
            others = ", ".join(sorted({each.platform for each in candidates})) or "no platform completely"
            raise ResourceError(f"{image.familiar(reference)} on {self._name} is for {others}, the host is {platform}")
        return fitting

    def chunks(self, layer: Layer) -> Iterator[bytes]:
        """Raises `ResourceError`, `UnreachableError`."""
        if not self._keep:
            yield from self._blob(layer.digest, 0)
            return
        with self._lock:
            kept = self._kept.setdefault(layer.digest, _Kept(lambda offset: self._blob(layer.digest, offset)))
        yield from kept.chunks()

    def close(self) -> None:
        for kept in self._kept.values():
            kept.close()

    def _images(self, digest: str) -> Iterator[ArchivedImage]:
        """Those of an index that are there; its other platforms need not be."""
        todo = [digest]
        while todo:
            here = todo.pop(0)
            if not self._engine.present_blobs((here,)):
                continue
            manifest = self._whole(here)
            parsed = json.loads(manifest)
            if "manifests" in parsed:
                todo += [str(each["digest"]) for each in parsed["manifests"] if not _is_attestation(each)]
            elif self._engine.present_blobs((parsed["config"]["digest"],)):
                yield _image(manifest, parsed, self._whole(parsed["config"]["digest"]))

    def _whole(self, digest: str) -> bytes:
        found = bytearray()
        for chunk in self._blob(digest, 0):
            found += chunk
            if len(found) > LARGEST:
                raise ResourceError(f"{digest[:19]} on {self._name} is too large for a manifest")
        return bytes(found)

    def _blob(self, digest: str, offset: int) -> Iterator[bytes]:
        try:
            yield from self._engine.read_blob(digest, offset)
        except EngineError as error:
            raise ResourceError(f"{self._name}: {error.message}", hint=self._hint) from error


class _Kept:
    """The content of a stream, in a temporary file as far as it has been read. Safe to use from several threads: who
    needs more than has been read reads on for all. `source`: the content from a byte on; after a failure it is asked
    again."""

    def __init__(self, source: Callable[[int], Iterator[bytes]]) -> None:
        self._source = source
        self._reading: Iterator[bytes] | None = None
        self._lock = threading.Lock()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._size = 0

    def chunks(self) -> Iterator[bytes]:
        position = 0
        while chunk := self._at(position):
            yield chunk
            position += len(chunk)

    def close(self) -> None:
        self._reading = None
        self._file.close()

    def _at(self, position: int) -> bytes:
        with self._lock:
            if position < self._size:
                self._file.seek(position)
                return self._file.read(min(_CHUNK, self._size - position))
            try:
                self._reading = self._reading or self._source(self._size)
                chunk = next(self._reading, b"")
                self._file.seek(self._size)
                self._file.write(chunk)
                self._size += len(chunk)
            except OSError as error:
                raise ResourceError(f"a layer cannot be kept here: {error.strerror or error}") from error
            except BaseException:
                self._reading = None
                raise
            return chunk


def _is_attestation(entry: dict[str, Any]) -> bool:
    return "vnd.docker.reference.type" in (entry.get("annotations") or {})


def _image(manifest: bytes, parsed: dict[str, Any], config: bytes) -> ArchivedImage:
    found = json.loads(config)
    layers = zip(found["rootfs"]["diff_ids"] or (), parsed["layers"], strict=True)
    return ArchivedImage(
        "/".join(filter(None, (found["os"], found["architecture"]))),
        config,
        manifest,
        tuple(Layer(diff_id, each["digest"], each["size"], each["mediaType"]) for diff_id, each in layers),
    )
