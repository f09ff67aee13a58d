"""What an image in a registry contains, read by this machine without a pull."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deployer.engine.observe import read_image
from deployer.errors import DeployerError
from deployer.interfaces import Json, RegistryAuth
from deployer.model.registry import Contents
from deployer.values import image

if TYPE_CHECKING:
    from deployer.engine.registry_api import Registry

_CONNECTING = 2.0
"""Seconds to wait for a registry that perhaps only the hosts can reach."""


class RemoteImages:
    """Reads each image once for all hosts. A registry that did not answer is not asked again. Safe to use from several
    threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str, str], Contents | None] = {}
        self._silent: set[str] = set()

    def contents(
        self, reference: str, digest: str, platform: str, auth: RegistryAuth | None, info: Json
    ) -> Contents | None:
        """`digest`: of the image or index that the reference stands for; `platform`: `linux/amd64`; `info`: the host's
        `GET /info`, for its mirrors. None where this machine cannot read it."""
        from deployer.engine.registry_api import Registry

        named = image.parse(reference)
        base, key = _base(named.domain, info), (named.repository, digest, platform)
        with self._lock:
            if key not in self._found and (base or named.domain) not in self._silent:
                insecure = is_insecure(named.domain, info)
                registry = Registry(named.domain, auth, base=base, insecure=insecure, connecting=_CONNECTING)
                self._found[key] = found = _read(registry, named.path, digest, platform)
                if found is None:
                    self._silent.add(base or named.domain)
            return self._found.get(key)


def local_contents(inspect: Json) -> Contents | None:
    """Of an image on a host; None if its engine does not describe it."""
    found = read_image(inspect)
    if not found.described:
        return None
    layers = (inspect.get("RootFS") or {}).get("Layers") or ()
    return Contents(found.values, str(inspect.get("Created") or ""), tuple((each, 0) for each in layers))


def is_insecure(domain: str, info: Json) -> bool:
    """Whether a host's engine asks the registry without TLS or without checking its certificate."""
    config = info.get("RegistryConfig") or {}
    known = (config.get("IndexConfigs") or {}).get(domain)
    if known is not None:
        return not known.get("Secure", True)
    try:
        address = ipaddress.ip_address(domain.partition(":")[0])
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(each) for each in config.get("InsecureRegistryCIDRs") or ())


def choose(manifests: list[Mapping[str, Any]], platform: str) -> str:
    """The digest of the image of an index for `linux/amd64` or `linux/arm64/v8`; "" if it has none."""
    system, _, rest = platform.partition("/")
    arch, _, variant = rest.partition("/")
    for each in manifests:
        known = each.get("platform") or {}
        fits = (known.get("os"), known.get("architecture")) == (system, arch)
        if fits and variant in ("", known.get("variant") or ""):
            return str(each.get("digest") or "")
    return ""


def _base(domain: str, info: Json) -> str:
    """The address of the host's first mirror, for Docker Hub."""
    known = mirrors(info)
    return known[0] if known and domain == image.DOCKER_HUB else ""


def mirrors(info: Json) -> tuple[str, ...]:
    """Registries that a host's engine asks before Docker Hub."""
    return tuple((info.get("RegistryConfig") or {}).get("Mirrors") or ())


def _read(registry: Registry, path: str, digest: str, platform: str) -> Contents | None:
    try:
        _, manifest = registry.manifest(path, digest)
        if "manifests" in manifest:
            _, manifest = registry.manifest(path, choose(manifest["manifests"], platform))
        config = registry.blob(path, manifest["config"]["digest"])
        values = read_image({"Id": digest, "Config": config.get("config"), "Os": config.get("os")}).values
        sizes = [int(layer["size"]) for layer in manifest["layers"]]
        layers = tuple(zip(config["rootfs"]["diff_ids"], sizes, strict=True))
    except (DeployerError, KeyError, TypeError, ValueError, AttributeError):
        return None
    return Contents(values, str(config.get("created") or ""), layers)
