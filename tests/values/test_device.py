"""Devices: the short form completed, the engine's form read whatever it holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import device


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/dev/null", "/dev/null:/dev/null:rwm"),
        ("/dev/null:r", "/dev/null:/dev/null:r"),
        ("/dev/null:mr", "/dev/null:/dev/null:rm"),
        ("/dev/sda:/dev/xvda", "/dev/sda:/dev/xvda:rwm"),
        ("/dev/sda:/dev/xvda:r", "/dev/sda:/dev/xvda:r"),
        ("/dev//net/tun/", "/dev/net/tun:/dev/net/tun:rwm"),
        ("/dev/sda::r", "/dev/sda:/dev/sda:r"),
    ],
)
def test_devices_have_all_three_parts(written: str, read: str) -> None:
    assert device.parse(written) == read
    assert device.parse(read) == read


@pytest.mark.parametrize("written", ["", "null", "/dev/null:x", "/dev/sda:xvda:r", "/dev/sda:/dev/xvda:rwx"])
def test_an_invalid_device_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as error:
        device.parse(written)
    assert str(error.value) == f"'{written}' is not a device such as /dev/net/tun or /dev/sda:/dev/xvda:r"


CDI_NAMES = ["vendor.com/class=name", "nvidia.com/gpu=0", "nvidia.com/gpu=GPU-1:0", "a/b=c", "v-1.x_y/net_1-a=all"]


@pytest.mark.parametrize("name", CDI_NAMES)
def test_names_of_cdi_stay_as_they_are(name: str) -> None:
    assert device.is_cdi(name)
    assert device.parse(f" {name} ") == device.spell(name) == name


@pytest.mark.parametrize(
    "text", ["/dev/a=b", "vendor/class", "class=name", "1v/c=n", "v/1c=n", "v/c=", "v/c=n-", "v/c=n,r"]
)
def test_other_texts_are_not_cdi_names(text: str) -> None:
    assert not device.is_cdi(text)


@pytest.mark.parametrize(
    ("live", "read"),
    [
        (
            {"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"},
            "/dev/null:/dev/null:rwm",
        ),
        ({"PathOnHost": "/dev/null", "PathInContainer": "", "CgroupPermissions": ""}, "/dev/null:/dev/null:rwm"),
        ({"PathOnHost": "/dev/a:b", "PathInContainer": "/dev/a:b", "CgroupPermissions": "mr"}, "/dev/a:b:/dev/a:b:rm"),
        ({"PathOnHost": "odd", "PathInContainer": "odd", "CgroupPermissions": "q"}, "odd:odd:q"),
        ({}, "::rwm"),
    ],
)
def test_devices_of_the_engine(live: dict[str, str], read: str) -> None:
    assert device.from_engine(live) == read


_PATH = st.from_regex(r"/dev/[a-z0-9]{1,5}(?:/[a-z0-9]{1,3})?", fullmatch=True)


@given(_PATH, _PATH, st.sampled_from(["r", "w", "m", "rw", "rm", "wm", "rwm"]))
def test_devices_survive_the_engine(host: str, inside: str, permissions: str) -> None:
    declared = device.parse(f"{host}:{inside}:{permissions}")
    assert device.from_engine(device.to_engine(declared)) == declared


@pytest.mark.parametrize(
    ("written", "read"), [("c 1:3 mr", "c 1:3 rm"), ("b  8:*  rwm", "b 8:* rwm"), ("a *:* rr", "a *:* r")]
)
def test_rules_of_the_device_cgroup(written: str, read: str) -> None:
    assert device.parse_rule(written) == read
    assert device.parse_rule(read) == read


@pytest.mark.parametrize("written", ["", "c", "c 1:3", "d 1:3 r", "c 1 r", "c 1:3 x", "c 1:3 r more"])
def test_an_invalid_rule_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as error:
        device.parse_rule(written)
    assert str(error.value) == f"'{written}' is not a rule such as c 1:3 mr"
