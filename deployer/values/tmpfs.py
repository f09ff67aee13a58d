"""Options of tmpfs mounts, `size=64m,mode=1777`, in one spelling, for both ways to mount a tmpfs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deployer.values import size

_USUAL: Final = frozenset({"defaults", "rw", "nosuid", "nodev", "noexec", "async"})
"""Options the engine sets on every tmpfs (measured on engines 20.10 and 26.1)."""
_OPPOSITES: Final = {"ro": "rw", "async": "sync"}
"""Opposite options, besides those with the prefix `no`."""


def parse(text: str) -> str:
    """Sorted, without the defaults; sizes in bytes, modes without leading zeros. The last of equal options takes
    effect."""
    found: dict[str, str] = {}
    for word in filter(None, text.split(",")):
        key, equals, value = word.partition("=")
        if equals:
            plain = {"size": str(_size(value)), "mode": value.lstrip("0") or "0"}.get(key, value)
            found[key] = f"{key}={plain}"
        else:
            found[_OPPOSITES.get(word, word.removeprefix("no"))] = word
    return ",".join(sorted(set(found.values()) - _USUAL))


def _size(text: str) -> int | str:
    """Percentages stay: the kernel resolves them."""
    try:
        return size.parse(text)
    except ValueError:
        return text


def of_mount(mount: Mapping[str, Any]) -> str:
    """The options of a mount of type tmpfs, which the engine treats the same (measured on engines 20.10 and 26.1)."""
    words = ["ro"] if mount.get("read_only") else []
    words += [f"size={mount['size']}"] if mount.get("size") else []
    words += [f"mode={int(mount['mode']):o}"] if mount.get("mode") else []
    words += ["=".join(map(str, option)) for option in mount.get("tmpfs_options") or ()]
    return parse(",".join(words))
