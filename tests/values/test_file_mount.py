"""Files of configs and secrets as mounts, and back."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.values import mount
from deployer.values.file_mount import from_engine, located, place, to_engine, volume_in, volume_of, without_volumes

FILES = {
    "/run/secrets/a/key": {"source": "key", "mode": 0o400, "uid": 0, "gid": 0, "content": "hmac-1:2"},
    "/etc/x": {"source": "x", "mode": 0o440, "uid": 0, "gid": 0, "content": "hmac-1:3"},
}
VOLUME = volume_of("secrets", FILES)


def inspected(*mounts: Any) -> dict[str, Any]:
    return {"HostConfig": {"Mounts": list(mounts)}}


def test_a_value_reads_back_and_is_no_mount_of_the_user() -> None:
    whole, bound = to_engine("secrets", "/run/secrets", FILES)
    assert (whole["Source"], whole["Target"], whole["ReadOnly"]) == (VOLUME, "/run/secrets", True)
    assert bound == {"Type": "bind", "Source": f"{VOLUME}/.files/etc/x", "Target": "/etc/x", "ReadOnly": True}
    there = located(bound, f"/var/lib/docker/volumes/{VOLUME}/_data")
    assert there == bound | {"Source": f"/var/lib/docker/volumes/{VOLUME}/_data/.files/etc/x"}
    assert from_engine(inspected(whole, there), "secrets", "/run/secrets") == FILES
    assert from_engine(inspected(whole, there), "configs", "/run/configs") == {}
    assert mount.from_engine(inspected(whole, there)) == {}
    assert to_engine("secrets", "/run/secrets", {}) == []


@pytest.mark.parametrize("files", ["1", '{"/a": 1}', '{"/a": {"mode": "x"}}', '{"/a": {"other": 1}}', "[" * 100_000])
def test_a_label_of_another_form_is_no_value(files: str) -> None:
    (whole, _) = to_engine("secrets", "/run/secrets", FILES)
    whole["VolumeOptions"]["Labels"] = {"deployer.spec": f'{{"secrets": {files}}}'}
    assert from_engine(inspected(whole), "secrets", "/run/secrets") == {}


def test_the_place_of_a_file_in_the_volume() -> None:
    assert place("/run/secrets", "/run/secrets/a/b") == "a/b"
    assert place("/run/secrets", "/run/secretsx") == ".files/run/secretsx"
    assert place("/run/configs", "/app.conf") == ".files/app.conf"


def test_a_volume_is_known_by_its_whole_name() -> None:
    assert volume_in(VOLUME) == volume_in(f"/var/lib/docker/volumes/{VOLUME}/_data/x") == VOLUME
    assert volume_in(f"{VOLUME}0") == volume_in(f"x{VOLUME}") == volume_in("data") == volume_in("") == ""
    assert volume_of("configs", FILES) != VOLUME
    assert without_volumes(f"WriteFiles {VOLUME}, missing") == "WriteFiles deployer.files., missing"
