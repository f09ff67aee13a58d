"""Images sent to an engine without a registry: only missing layers, and a transfer that was cut off continues."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile

import pytest

from deployer.engine.image_archive import ImageArchive
from deployer.engine.image_transfer import TRANSFER, Transfer
from deployer.errors import DeployerError
from tests.contract.sandbox import BUSYBOX, Sandbox, each_real_engine

SIZE = 600_000


def layer(name: str, seed: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = SIZE
        tar.addfile(member, io.BytesIO(random.Random(seed).randbytes(SIZE)))
    return target.getvalue()


def archive(reference: str, layers: list[bytes]) -> ImageArchive:
    """As engines before 25 write it: layers under names of their own."""
    digests = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers]
    rootfs = {"type": "layers", "diff_ids": digests}
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/f0"]}, "rootfs": rootfs}
    files = {f"{number}/layer.tar": each for number, each in enumerate(layers)}
    manifest = [{"Config": "c.json", "RepoTags": [reference], "Layers": list(files)}]
    files |= {"c.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    target.seek(0)
    return ImageArchive(target, "the archive")


def transfer(sandbox: Sandbox, reference: str, layers: list[bytes]) -> Transfer:
    found = archive(reference, layers)
    return Transfer(sandbox.engine, found, reference, found.read(reference, "linux/amd64"))


def left_over(sandbox: Sandbox) -> list[str]:
    names = (name for each in sandbox.engine.list_images() for name in each["RepoTags"] or ())
    return [name for name in names if name.startswith(TRANSFER)]


class _CutError(DeployerError):
    pass


@each_real_engine
def test_missing_layers_are_sent_one_at_a_time_and_only_once(sandbox: Sandbox) -> None:
    seed = random.Random(sandbox.prefix).randrange(10**9)
    layers = [layer(f"f{number}", seed + number) for number in range(4)]
    base, whole = (f"docker.io/library/{sandbox.name(word)}:1" for word in ("base", "whole"))
    sandbox.tags += [base, whole]
    first = transfer(sandbox, base, layers[:1])
    first.send(first.missing(), lambda _sent, _total: None)
    assert first.is_complete()
    second = transfer(sandbox, whole, layers)
    missing = second.missing()
    assert [each.size for each in missing] == [len(each) for each in layers[1:]]

    def cut(sent: int, _total: int) -> None:
        if sent > 1.5 * SIZE:
            raise _CutError("cut")

    with pytest.raises(_CutError):
        second.send(missing, cut)
    again = transfer(sandbox, whole, layers)
    missing, told = again.missing(), list[int]()
    assert len(missing) <= 2, "the layer that had arrived is not sent again"
    again.send(missing, lambda sent, _total: told.append(sent))
    assert told[-1] == sum(each.size for each in missing) < 2.1 * SIZE
    assert left_over(sandbox) == []
    assert (again.is_complete(), again.missing()) == (True, ())
    assert len(sandbox.engine.inspect_image(whole)["RootFS"]["Layers"]) == 4  # type: ignore[index]
    key = sandbox.container("c", {"Image": whole})
    with sandbox.engine.get_archive(key, "/f3") as chunks:
        assert sum(map(len, chunks)) > SIZE
    with sandbox.engine.save_images([whole]) as chunks:
        saved = io.BytesIO(b"".join(chunks))
    found = ImageArchive(saved, "saved").read(whole, "linux/amd64")
    assert (found.diff_ids, found.size) == (again._found.diff_ids, again._found.size)


def test_what_an_engine_saved_is_sent_back(sandbox: Sandbox) -> None:
    """Also by engines that compress layers, and by simulated ones."""
    tag = f"docker.io/library/{sandbox.name('i')}:1"
    sandbox.tags.append(tag)
    with sandbox.engine.save_images([BUSYBOX]) as chunks:
        found = ImageArchive(io.BytesIO(b"".join(chunks)), "saved")
    image = found.read(f"docker.io/library/{BUSYBOX}", "linux/amd64")
    sent = Transfer(sandbox.engine, found, tag, image)
    missing = sent.missing()
    assert missing == ()
    sent.send(missing, lambda _sent, _total: None)
    assert (sandbox.engine.inspect_image(tag) or {})["RootFS"] == (sandbox.engine.inspect_image(BUSYBOX) or {})[
        "RootFS"
    ]
