"""Manifests of the recipes, and storing them in the lab's registry."""

import hashlib
import json
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.lab.images import packing, recipes
from tests.lab.registry import FOLDER, MANIFEST, Pusher
from tests.lab.settings import CACHE_LOCKS
from tests.lab.shell import lock

_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_SOURCES = sorted(Path(__file__).parent.rglob("*"))


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image ready to be stored: the manifest, its configuration and its layers."""

    content: bytes
    config: bytes
    layers: tuple[packing.PackedLayer, ...]

    @property
    def digest(self) -> str:
        """The digest by which the manifest can be pulled."""
        return _digest(self.content)


def pack() -> list[Path]:
    """Pack the Debian layers, so that publishing later needs no time for it; returns their folders in the cache."""
    with lock("pack", folder=CACHE_LOCKS), ThreadPoolExecutor(2) as pool:
        list(pool.map(packing.packed, recipes.LAYERS))
    return [packing.folder(layer) for layer in recipes.LAYERS]


def publish() -> None:
    """Store every image that the registry does not have yet."""
    stamp = FOLDER / "published"
    key = recipes_key()
    if stamp.exists() and stamp.read_text() == key:
        return
    pusher = Pusher()
    try:
        for image in recipes.images():
            store(pusher, image)
    finally:
        pusher.close()
    stamp.write_text(key)


def recipes_key() -> str:
    """Hash of every file that decides what the images are, and of the Debian layers below them."""
    files = [path for path in _SOURCES if path.is_file() and "__pycache__" not in path.parts]
    texts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    return _digest(json.dumps([texts, [layer.key for layer in recipes.LAYERS]]).encode())


def manifest(image: recipes.Image) -> Manifest:
    """Put an image together; the same recipe gives the same digest."""
    layers = [packing.packed(layer) for layer in image.layers]
    if image.files:
        layers.append(packing.packed_files(image.files))
    created = datetime.fromtimestamp(packing.EPOCH, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "created": created,
            "config": dict(image.config),
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": created, "created_by": "tests.lab"} for _ in layers],
        }
    )
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(config), "digest": _digest(config)},
        "layers": [{"mediaType": _LAYER, "size": layer.size, "digest": layer.digest} for layer in layers],
    }
    return Manifest(_json(document), config, tuple(layers))


def store(pusher: Pusher, image: recipes.Image) -> None:
    """Store one image unless the registry has it."""
    ready = manifest(image)
    missing = [tag for tag in image.tags if not pusher.has_manifest(image.repository, tag, ready.digest)]
    if not missing:
        return
    for layer in ready.layers:
        pusher.blob(image.repository, layer.digest, layer.content)
    pusher.blob(image.repository, _digest(ready.config), ready.config)
    for tag in missing:
        pusher.manifest(image.repository, tag, ready.content)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
