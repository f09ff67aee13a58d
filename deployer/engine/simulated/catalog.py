"""What the registries of the simulated world hold.

A reference nobody published can be pulled too: it yields a plausible image whose digests follow from the reference, so
two runs and two hosts see the same one. A published entry replaces it; a published None means "no such manifest".
"""

from __future__ import annotations

from typing import Any

from deployer.engine.simulated.references import Reference
from deployer.engine.simulated.state import Record, sha256

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def registry_entry(registry: dict[str, Record | None], ref: Reference) -> Record | None:
    """The entry a reference resolves to: `Digest`, `Size`, `Config`, `Platforms` and, if private, `Auth`."""
    if ref.digest:
        for complete, published in registry.items():
            if published and complete.startswith(f"{ref.name}:") and published["Digest"] == ref.digest:
                return published
        return entry(ref, {}) | {"Digest": ref.digest}
    if ref.complete in registry:
        return registry[ref.complete]
    return entry(ref, known_config(ref.complete))


def entry(ref: Reference, config: Record) -> Record:
    """A registry entry made up from the reference alone."""
    digest = "sha256:" + sha256(f"manifest of {ref.complete}")
    return {
        "Digest": digest,
        "Size": 4_000_000 + int(digest[7:12], 16) * 64,
        "Config": config or {"Env": [PATH], "Cmd": ["sh"]},
        "Platforms": ["linux/amd64", "linux/arm64"],
    }


def known_config(complete: str) -> Record:
    """The image configs known by name; {} for the others."""
    match complete:
        case "docker.io/library/busybox:1":
            return {"Cmd": ["sh"]}
        case "docker.io/deployer/everything:1":
            return _everything()
        case _:
            return {}


def _everything() -> dict[str, Any]:
    """An image that sets every attribute an image can hand down to its containers."""
    return {
        "Env": ["PATH=/bin", "A=img", "B=img"],
        "Labels": {"img.label": "one", "shared": "img"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}, "/cache": {}},
        "User": "1000:1000",
        "WorkingDir": "/work",
        "StopSignal": "SIGINT",
        "Healthcheck": {
            "Test": ["CMD", "true"],
            "Interval": 7_000_000_000,
            "Timeout": 3_000_000_000,
            "StartPeriod": 2_000_000_000,
            "Retries": 4,
        },
        "Entrypoint": ["sh", "-c"],
        "Cmd": ["sleep 600"],
    }
