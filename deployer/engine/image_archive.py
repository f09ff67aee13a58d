"""Archives of images: read as `docker save` and other tools write them, and packed with layers left out.

What is packed is an OCI layout plus the `manifest.json` of a Docker archive, whose paths point into `blobs/sha256`.
Both image stores of every engine load it, without blobs that they have (moby #18727 and #46746).
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final, Protocol

from msgspec import Struct

from deployer.errors import ResourceError
from deployer.values import image

_CHUNK: Final = 1024 * 1024
_BLOCK: Final = 512
_BLOBS: Final = "blobs/sha256/"
LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a manifest or a configuration."""

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_COMPRESSED: Final = ((b"\x1f\x8b", "+gzip"), (b"\x28\xb5\x2f\xfd", "+zstd"))


class Layer(Struct, frozen=True):
    """`diff_id`: the digest of its content; `digest` and `size`: of the blob, which may be compressed; `member`: its
    name in an archive."""

    diff_id: str
    digest: str
    size: int
    media_type: str
    member: str = ""


class ArchivedImage(Struct, frozen=True):
    """`platform` as `linux/amd64`."""

    platform: str
    config: bytes
    manifest: bytes
    layers: tuple[Layer, ...]

    @property
    def id(self) -> str:
        """On the classic store."""
        return _digest(self.config)

    @property
    def digest(self) -> str:
        return _digest(self.manifest)

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)

    @property
    def diff_ids(self) -> tuple[str, ...]:
        return tuple(layer.diff_id for layer in self.layers)

    def first(self, count: int) -> ArchivedImage:
        """An image of the first layers only."""
        layers = self.layers[:count]
        system, _, arch = self.platform.partition("/")
        rootfs = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
        config = _encoded({"architecture": arch, "os": system, "config": {}, "rootfs": rootfs})
        return ArchivedImage(self.platform, config, _manifest(config, layers), layers)


class ImageSource(Protocol):
    """Where images are read from. Safe to use from several threads. Raises `ResourceError`, `UnreachableError`."""

    def read(self, reference: str, platform: str) -> ArchivedImage: ...
    def chunks(self, layer: Layer) -> Iterator[bytes]: ...
    def close(self) -> None: ...


def chain_ids(diff_ids: Sequence[str]) -> tuple[str, ...]:
    """The names of layers with all those below them (OCI image specification, layer ChainID)."""
    found: list[str] = []
    for diff_id in diff_ids:
        found.append(_digest(f"{found[-1]} {diff_id}".encode()) if found else diff_id)
    return tuple(found)


class ImageArchive:
    """A tar archive with images, open for reading. Safe to use from several threads. Raises `ResourceError` with the
    hint for one that cannot be read."""

    def __init__(self, source: BinaryIO, name: str, hint: str = "docker save writes one") -> None:
        self._name = name
        self._hint = hint
        self._reading = threading.Lock()
        try:
            self._tar = tarfile.open(fileobj=source)  # noqa: SIM115 - closed by `close`
            self._members = {str(PurePosixPath(member.name)): member for member in self._tar}
        except (tarfile.TarError, OSError, EOFError) as error:
            raise self._broken(str(error)) from error

    def close(self) -> None:
        self._tar.close()

    def read(self, reference: str, platform: str) -> ArchivedImage:
        """The image of a complete reference; that for `linux/amd64` where there are several. An archive with a single
        image has it under any name."""
        entries = self._json("manifest.json")
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise self._broken("manifest.json is not a list")
        named = [each for each in entries if reference in map(image.canonical, each.get("RepoTags") or ())]
        candidates = [self._image(each) for each in (named or (entries if len(entries) == 1 else ()))]
        if not candidates:
            raise ResourceError(f"{self._name} does not contain {image.familiar(reference)}")
        fitting = next((each for each in candidates if each.platform == platform), None)
        if fitting is None:
            others = ", ".join(sorted({each.platform for each in candidates}))
            raise ResourceError(f"{image.familiar(reference)} in {self._name} is for {others}, the host is {platform}")
        return fitting

    def chunks(self, layer: Layer) -> Iterator[bytes]:
        with self._open(layer.member) as content:
            while True:
                with self._reading:
                    chunk = content.read(_CHUNK)
                if not chunk:
                    return
                yield chunk

    def _image(self, entry: Mapping[str, Any]) -> ArchivedImage:
        try:
            config = self._bytes(entry["Config"])
            parsed = json.loads(config)
            diff_ids = (parsed.get("rootfs") or {}).get("diff_ids") or []
            layers = tuple(self._layer(*each) for each in zip(diff_ids, entry["Layers"], strict=True))
            platform = "/".join(filter(None, (parsed["os"], parsed["architecture"])))
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise self._broken(f"an image of it is incomplete: {error}") from error
        return ArchivedImage(platform, config, self._own_manifest(config) or _manifest(config, layers), layers)

    def _layer(self, diff_id: str, name: str) -> Layer:
        member = self._member(name)
        with self._reading, self._open(name) as content:
            start = content.read(4)
            kind = next((kind for magic, kind in _COMPRESSED if start.startswith(magic)), "")
            digest = diff_id
            if name.startswith(_BLOBS):
                digest = f"sha256:{name.removeprefix(_BLOBS)}"
            elif kind:
                content.seek(0)
                digest = f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
        return Layer(diff_id, digest, member.size, _LAYER + kind, name)

    def _own_manifest(self, config: bytes) -> bytes | None:
        """The manifest that the archive itself has for an image, which keeps its digest."""
        wanted, todo = _digest(config), [self._json("index.json")] if "index.json" in self._members else []
        while todo:
            index = todo.pop()
            for entry in (index.get("manifests") if isinstance(index, dict) else None) or ():
                name = blob_member(str(entry.get("digest")))
                if name not in self._members:
                    continue
                parsed, body = self._json(name), self._bytes(name)
                if isinstance(parsed, dict) and (parsed.get("config") or {}).get("digest") == wanted:
                    return body
                todo.append(parsed)
        return None

    def _json(self, name: str) -> Any:
        try:
            return json.loads(self._bytes(name))
        except ValueError as error:
            raise self._broken(f"{name} is not JSON") from error

    def _bytes(self, name: str) -> bytes:
        if self._member(name).size > LARGEST:
            raise self._broken(f"{name} is too large")
        with self._reading, self._open(name) as content:
            return bytes(content.read())

    def _member(self, name: str) -> tarfile.TarInfo:
        """Layers that are alike are links in archives of old engines."""
        found = self._members.get(str(PurePosixPath(name)))
        for _ in range(8):
            if found is None or not found.issym():
                break
            parts: list[str] = []
            for part in (PurePosixPath(found.name).parent / found.linkname).parts:
                parts = parts[:-1] if part == ".." else [*parts, part]
            found = self._members.get("/".join(parts))
        if found is None:
            raise self._broken(f"it has no {name}")
        return found

    def _open(self, name: str) -> Any:
        try:
            found = self._tar.extractfile(self._member(name))
        except (tarfile.TarError, OSError, KeyError) as error:
            raise self._broken(str(error)) from error
        if found is None:
            raise self._broken(f"{name} is not a file")
        return found

    def _broken(self, why: str) -> ResourceError:
        return ResourceError(f"{self._name} is not an archive of images: {why}", hint=self._hint)


def pack(source: ImageSource, found: ArchivedImage, reference: str, layers: Collection[Layer]) -> Iterator[bytes]:
    """A tar archive of the image with only these layers, as chunks."""
    yield _described(found, reference)
    for layer in layers:
        yield _header(blob_member(layer.digest), layer.size)
        yield from source.chunks(layer)
        yield bytes(-layer.size % _BLOCK)
    yield bytes(2 * _BLOCK)


def empty_image(reference: str, platform: str) -> bytes:
    """A tar archive of an image without layers, for a container that is never started."""
    system, _, arch = platform.partition("/")
    rootfs = {"type": "layers", "diff_ids": []}
    config = _encoded({"architecture": arch, "os": system, "config": {}, "rootfs": rootfs})
    found = ArchivedImage(platform, config, _manifest(config, ()), ())
    return _described(found, reference) + bytes(2 * _BLOCK)


def _described(found: ArchivedImage, reference: str) -> bytes:
    """All files of an archive but the layers."""
    index = {
        "mediaType": _MANIFEST,
        "digest": found.digest,
        "size": len(found.manifest),
        "annotations": {
            "io.containerd.image.name": reference,
            "org.opencontainers.image.ref.name": reference.rpartition(":")[2],
        },
    }
    docker = {
        "Config": blob_member(found.id),
        "RepoTags": [image.familiar(reference)],
        "Layers": [blob_member(layer.digest) for layer in found.layers],
    }
    files = (
        _file("oci-layout", _encoded({"imageLayoutVersion": "1.0.0"})),
        _file("index.json", _encoded({"schemaVersion": 2, "manifests": [index]})),
        _file(blob_member(found.digest), found.manifest),
        _file(blob_member(found.id), found.config),
        _file("manifest.json", _encoded([docker])),
    )
    return b"".join(files)


def _manifest(config: bytes, layers: Sequence[Layer]) -> bytes:
    def described(media_type: str, digest: str, size: int) -> dict[str, Any]:
        return {"mediaType": media_type, "digest": digest, "size": size}

    return _encoded(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": described(_CONFIG, _digest(config), len(config)),
            "layers": [described(layer.media_type, layer.digest, layer.size) for layer in layers],
        }
    )


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob_member(digest: str) -> str:
    """The name of a blob in an archive."""
    return _BLOBS + digest.partition(":")[2]


def _encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def _file(name: str, content: bytes) -> bytes:
    return _header(name, len(content)) + content + bytes(-len(content) % _BLOCK)
