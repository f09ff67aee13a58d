"""Archives of images, as different programs write them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import Any

import pytest

from deployer.engine.image_archive import ArchivedImage, ImageArchive, chain_ids, pack
from deployer.errors import ResourceError

REF = "docker.io/library/app:1"
AMD = "linux/amd64"
ONE, TWO = b"one" * 1000, b"two" * 1000


def sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob(content: bytes) -> str:
    return f"blobs/sha256/{sha(content)[7:]}"


def config(*layers: bytes, arch: str = "amd64") -> bytes:
    rootfs = {"type": "layers", "diff_ids": [sha(each) for each in layers]}
    return json.dumps({"os": "linux", "architecture": arch, "config": {}, "rootfs": rootfs}).encode()


def manifest(name: str, *layers: str, tags: tuple[str, ...] | None = ("app:1",)) -> dict[str, Any]:
    return {"Config": name, "RepoTags": tags, "Layers": list(layers)}


def packed(files: dict[str, bytes | str | object]) -> io.BytesIO:
    """Bytes are contents, texts targets of links, everything else is written as JSON."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
                continue
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    target.seek(0)
    return target


def read(files: dict[str, Any], reference: str = REF, platform: str = AMD) -> ArchivedImage:
    return ImageArchive(packed(files), "app.tar").read(reference, platform)


OLD: dict[str, Any] = {
    "c.json": config(ONE, TWO, ONE),
    "a/layer.tar": ONE,
    "b/layer.tar": TWO,
    "d/layer.tar": "../a/layer.tar",
    "manifest.json": [manifest("c.json", "a/layer.tar", "b/layer.tar", "d/layer.tar")],
}


def test_an_archive_of_an_old_engine_with_links_for_equal_layers() -> None:
    found = read(OLD)
    assert (found.id, found.platform, found.size) == (sha(config(ONE, TWO, ONE)), AMD, 9000)
    assert [layer.digest for layer in found.layers] == [sha(ONE), sha(TWO), sha(ONE)]
    parsed = json.loads(found.manifest)
    assert parsed["config"]["digest"] == found.id
    assert [each["mediaType"].rpartition(".")[2] for each in parsed["layers"]] == ["tar"] * 3


def test_the_manifest_that_an_archive_has_is_kept() -> None:
    zipped, own = gzip.compress(ONE), config(ONE)
    kept = json.dumps({"config": {"digest": sha(own)}, "layers": [{"digest": sha(zipped)}], "annotations": {}}).encode()
    other = json.dumps({"config": {"digest": sha(b"other")}}).encode()
    index = json.dumps(
        {"manifests": [{"digest": sha(other)}, {"digest": sha(kept)}, {"digest": sha(b"away")}]}
    ).encode()
    files: dict[str, Any] = {blob(each): each for each in (own, zipped, kept, other, index)}
    files |= {
        "index.json": {"manifests": [{"digest": sha(index)}]},
        "manifest.json": [manifest(blob(own), blob(zipped))],
    }
    found = read(files)
    assert (found.manifest, found.digest) == (kept, sha(kept))
    (layer,) = found.layers
    assert (layer.diff_id, layer.digest, layer.size) == (sha(ONE), sha(zipped), len(zipped))
    assert layer.media_type.endswith("tar+gzip")


def test_what_is_packed_is_read_again_without_the_layers_left_out() -> None:
    archive = ImageArchive(packed(OLD), "app.tar")
    found = archive.read(REF, AMD)
    data = b"".join(pack(archive, found, "docker.io/library/other:2", found.layers[1:2]))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = [member.name for member in tar]
        assert tar.extractfile(blob(TWO)).read() == TWO  # type: ignore[union-attr]
    assert blob(ONE) not in names
    assert {"oci-layout", "index.json", "manifest.json", blob(found.config), blob(found.manifest)} <= set(names)
    first = found.first(2)
    assert first.diff_ids == (sha(ONE), sha(TWO))
    assert json.loads(first.config)["rootfs"]["diff_ids"] == [sha(ONE), sha(TWO)]


def test_the_image_for_the_hosts_platform_is_taken() -> None:
    arm = config(ONE, arch="arm64")
    both = {
        **OLD,
        "arm.json": arm,
        "manifest.json": [manifest("arm.json", "a/layer.tar"), *OLD["manifest.json"]],
    }
    assert read(both).platform == AMD
    assert read(both, platform="linux/arm64").id == sha(arm)
    with pytest.raises(ResourceError, match="is for linux/amd64, linux/arm64, the host is linux/s390x"):
        read(both, platform="linux/s390x")


def test_an_archive_with_one_image_has_it_under_any_name() -> None:
    """`docker save` of an id writes no name."""
    unnamed = {**OLD, "manifest.json": [{**OLD["manifest.json"][0], "RepoTags": None}]}
    assert read(unnamed, "reg.example.com/x:3").id == read(OLD).id
    several = {**OLD, "manifest.json": OLD["manifest.json"] * 2}
    with pytest.raises(ResourceError, match="does not contain other:1"):
        read(several, "docker.io/library/other:1")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "it has no manifest.json"),
        ({"manifest.json": b"{"}, "manifest.json is not JSON"),
        ({"manifest.json": {}}, "manifest.json is not a list"),
        ({**OLD, "b/layer.tar": "../../../etc/passwd"}, "it has no b/layer.tar"),
        ({**OLD, "c.json": b"{}"}, "an image of it is incomplete"),
        ({**OLD, "c.json": config(ONE)}, "an image of it is incomplete"),
        ({**OLD, "manifest.json": [{"Config": "c.json"}]}, "does not contain|is incomplete"),
    ],
)
def test_what_is_no_archive_of_images_is_refused(files: dict[str, Any], said: str) -> None:
    with pytest.raises(ResourceError, match=said):
        read(files)


def test_what_is_no_archive_at_all_is_refused() -> None:
    with pytest.raises(ResourceError, match=r"app\.tar is not an archive of images"):
        ImageArchive(io.BytesIO(b"x" * 4000), "app.tar")


def test_chain_ids() -> None:
    """As the OCI image specification defines them."""
    assert chain_ids(("sha256:a", "sha256:b")) == ("sha256:a", sha(b"sha256:a sha256:b"))
    assert chain_ids(()) == ()
