"""Mounts: Compose's short form, and the engine's three places, as one map."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import mount
from deployer.values.mount import Mount

ANONYMOUS = "ab" * 32
NON_RECURSIVE = {"NonRecursive": True}


@pytest.mark.parametrize(
    ("written", "target", "read"),
    [
        ("/data", "/data", {"type": "volume", "source": ""}),
        ("/tmp/data", "/tmp/data", {"type": "volume", "source": ""}),
        ("/data:ro", "/data", {"type": "volume", "source": "", "read_only": True}),
        ("/data:rw", "/data", {"type": "volume", "source": ""}),
        ("data:/data", "/data", {"type": "volume", "source": "data"}),
        ("data:/data/", "/data", {"type": "volume", "source": "data"}),
        ("data:/data:nocopy", "/data", {"type": "volume", "source": "data", "nocopy": True}),
        ("data:/data:ro,nocopy", "/data", {"type": "volume", "source": "data", "nocopy": True, "read_only": True}),
        ("/srv:/t", "/t", {"type": "bind", "source": "/srv"}),
        ("/srv/:/t/:rw", "/t", {"type": "bind", "source": "/srv"}),
        ("/srv//x/../:/t", "/t", {"type": "bind", "source": "/srv"}),
        ("/srv:/t:ro,z", "/t", {"type": "bind", "source": "/srv", "read_only": True, "selinux": "z"}),
        ("/srv:/t:z,ro", "/t", {"type": "bind", "source": "/srv", "read_only": True, "selinux": "z"}),
        ("/srv:/t:Z", "/t", {"type": "bind", "source": "/srv", "selinux": "Z"}),
        ("/srv:/t:rshared", "/t", {"type": "bind", "source": "/srv", "propagation": "rshared"}),
        ("/srv:/t:cached", "/t", {"type": "bind", "source": "/srv", "consistency": "cached"}),
        ("/srv:/t:consistent", "/t", {"type": "bind", "source": "/srv"}),
        ("/:/host:ro", "/host", {"type": "bind", "source": "/", "read_only": True}),
    ],
)
def test_short_forms(written: str, target: str, read: Mount) -> None:
    assert mount.parse_short(written) == (target, read)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "'': '' is not an absolute path in the container"),
        ("data", "'data': 'data' is not an absolute path in the container"),
        ("data:data", "'data:data': 'data' is not an absolute path in the container"),
        ("/srv:/", "'/srv:/': '/' is not an absolute path in the container"),
        ("/", "'/': '/' is not an absolute path in the container"),
        (":/data", "':/data' does not have the form source:/target[:options]"),
        ("data:", "'data:' does not have the form source:/target[:options]"),
        ("a:/b:ro:z", "'a:/b:ro:z' does not have the form source:/target[:options]"),
        ("./conf:/c", "'./conf:/c': './conf' must be an absolute path on the host, or a volume's name"),
        ("~/conf:/c", "'~/conf:/c': '~/conf' must be an absolute path on the host, or a volume's name"),
        ("conf/x:/c", "'conf/x:/c': 'conf/x' must be an absolute path on the host, or a volume's name"),
        ("d:/data", "'d:/data': 'd' is not a volume name (two or more of a-z A-Z 0-9 _ . -)"),
        ("/srv:/t:fast", "'/srv:/t:fast': 'fast' is not a mount option such as ro, z or rshared"),
        ("/srv:/t:ro,rw", "'/srv:/t:ro,rw': only one of ro and rw"),
        ("/srv:/t:z,Z", "'/srv:/t:z,Z': only one of z and Z"),
        ("/srv:/t:shared,slave", "'/srv:/t:shared,slave': only one of shared and slave"),
    ],
)
def test_an_invalid_mount_is_refused(written: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        mount.parse_short(written)
    assert str(error.value) == message


def inspect(host: dict[str, Any], volumes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"HostConfig": host, "Config": {"Volumes": volumes}}


@pytest.mark.parametrize(
    ("live", "read"),
    [
        (inspect({}), {}),
        ({}, {}),
        (inspect({"Binds": None, "Mounts": None}), {}),
        (inspect({"Binds": ["/tmp/:/t/:rw"]}), {"/t": {"type": "bind", "source": "/tmp"}}),
        (inspect({"Binds": ["data:/t"]}), {"/t": {"type": "volume", "source": "data"}}),
        (inspect({"Binds": ["/t"]}), {"/t": {"type": "volume", "source": ""}}),
        (inspect({"Binds": [f"{ANONYMOUS}:/t"]}), {"/t": {"type": "volume", "source": ""}}),
        (inspect({"Binds": ["/a:/t:wild"]}), {"/t": {"type": "bind", "source": "/a"}}),
        (inspect({}, {"/t/": {}}), {"/t": {"type": "volume", "source": ""}}),
        (inspect({"Binds": ["data:/t/"]}, {"/t": {}}), {"/t": {"type": "volume", "source": "data"}}),
        (inspect({"Tmpfs": {"/t/": ""}}, {"/t": {}}), {}),
        (
            inspect({"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 5, "Mode": 511}}]}),
            {"/t": {"type": "tmpfs", "size": 5, "mode": 511}},
        ),
        (
            inspect({"Mounts": [{"Type": "volume", "Source": "d1", "Target": "/t/", "ReadOnly": True}]}),
            {"/t": {"type": "volume", "source": "d1", "read_only": True}},
        ),
        (
            inspect({"Mounts": [{"Type": "bind", "Source": "/a/", "Target": "/t", "Consistency": "default"}]}),
            {"/t": {"type": "bind", "source": "/a", "create_host_path": False}},
        ),
        (
            inspect({"Mounts": [{"Type": "bind", "Source": "/a", "Target": "/t", "BindOptions": NON_RECURSIVE}]}),
            {"/t": {"type": "bind", "source": "/a", "create_host_path": False, "recursive": "disabled"}},
        ),
    ],
)
def test_mounts_of_the_engine(live: dict[str, Any], read: dict[str, Mount]) -> None:
    assert mount.from_engine(live) == read


def test_binds_are_preferred_because_they_create_the_directory() -> None:
    mounts: dict[str, Mount] = {
        "/a": {"type": "bind", "source": "/srv", "read_only": True},
        "/b": {"type": "volume", "source": "data"},
    }
    assert mount.to_engine(mounts) == {"Binds": ["/srv:/a:ro", "data:/b"]}


def test_mounts_that_binds_cannot_express() -> None:
    mounts = {"/a": {"type": "bind", "source": "/srv", "create_host_path": False}}
    assert mount.to_engine(mounts) == {"Mounts": [{"Type": "bind", "Target": "/a", "Source": "/srv"}]}


def test_anonymous_volumes_are_not_bound() -> None:
    mounts: dict[str, Mount] = {
        "/a": {"type": "volume", "source": ""},
        "/b": {"type": "volume", "source": "", "nocopy": True},
    }
    assert mount.to_engine(mounts) == {
        "Volumes": {"/a": {}},
        "Mounts": [{"Type": "volume", "Target": "/b", "VolumeOptions": {"NoCopy": True}}],
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"type": "volume", "source": "data"}, "data"),
        ({"type": "volume", "source": ""}, "anonymous volume"),
        ({"type": "volume", "source": "", "read_only": True}, "anonymous volume (read_only)"),
        ({"type": "bind", "source": "/srv", "read_only": True}, "/srv (bind, read_only)"),
        ({"type": "tmpfs", "size": 5}, "(tmpfs, size=5)"),
    ],
)
def test_mounts_are_shown(value: Mount, shown: str) -> None:
    assert mount.show(value) == shown


_FLAGS = {
    "read_only": st.just(True),
    "selinux": st.sampled_from(["z", "Z"]),
    "propagation": st.sampled_from(["rshared", "slave"]),
    "consistency": st.sampled_from(["cached", "delegated"]),
}
_BINDS = st.fixed_dictionaries(
    {"type": st.just("bind"), "source": st.sampled_from(["/", "/srv", "/srv/a b"])},
    optional={**_FLAGS, "create_host_path": st.just(False), "recursive": st.sampled_from(["disabled", "readonly"])},
).filter(lambda found: "selinux" not in found or not {"create_host_path", "recursive"} & set(found))
_VOLUMES = st.fixed_dictionaries(
    {"type": st.just("volume"), "source": st.sampled_from(["data", "db.1", ""])},
    optional={
        "read_only": st.just(True),
        "nocopy": st.just(True),
        "subpath": st.just("a/b"),
        "volume_labels": st.just({"a": "b"}),
    },
)
_TMPFS = st.fixed_dictionaries(
    {"type": st.just("tmpfs")}, optional={"size": st.integers(1, 2**40), "mode": st.integers(1, 0o7777)}
)
_IMAGES = st.fixed_dictionaries(
    {"type": st.just("image"), "source": st.just("shop/web:1")}, optional={"subpath": st.just("static")}
)
_MOUNTS = st.dictionaries(
    st.sampled_from(["/a", "/b", "/c/d", "/e f"]), st.one_of(_BINDS, _VOLUMES, _TMPFS, _IMAGES), max_size=4
)


@given(_MOUNTS)
def test_mounts_survive_the_engine(mounts: dict[str, Mount]) -> None:
    sent = mount.to_engine(mounts)
    assert mount.from_engine({"HostConfig": sent, "Config": {"Volumes": sent.get("Volumes")}}) == mounts
