"""The registries of simulated engines. An unpublished reference can be pulled too: its image is derived from the
reference, so it is the same in all runs and on all hosts. A published entry replaces it; a published None means that
there is no such manifest."""

from __future__ import annotations

from typing import Any, Final

from deployer.simulated.state import Record, sha256
from deployer.values.image import ImageRef

EVERYTHING: Final = "docker.io/deployer/everything:1"
PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def registry_entry(registry: dict[str, Record | None], ref: ImageRef) -> Record | None:
    """The entry a reference resolves to: `Digest`, `Size`, `Config`, `Platforms` and, if private, `Auth`."""
    if ref.digest:
        for complete, published in registry.items():
            if published and complete.startswith(f"{ref.repository}:") and published["Digest"] == ref.digest:
                return published
        return entry(ref, {}) | {"Digest": ref.digest}
    if str(ref) in registry:
        return registry[str(ref)]
    return entry(ref, _everything() if str(ref) == EVERYTHING else {})


def entry(ref: ImageRef, config: Record) -> Record:
    """A registry entry derived from the reference alone."""
    digest = "sha256:" + sha256(f"manifest of {ref}")
    return {
        "Digest": digest,
        "Size": 4_000_000 + int(digest[7:12], 16) * 64,
        "Config": config or {"Env": [PATH], "Cmd": ["sh"]},
        "Platforms": ["linux/amd64", "linux/arm64"],
    }


def _everything() -> dict[str, Any]:
    """An image that sets every attribute that containers inherit."""
    return {
        "Env": [PATH, "A=img", "B=img"],
        "Labels": {"img.label": "one", "shared": "img"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}, "/cache": {}},
        "User": "1000:1000",
        "WorkingDir": "/work",
        "StopSignal": "SIGINT",
        "Healthcheck": {
            "Test": ["CMD-SHELL", "true"],
            "Interval": 7_000_000_000,
            "Timeout": 3_000_000_000,
            "StartPeriod": 2_000_000_000,
            "Retries": 4,
        },
        "Entrypoint": ["sh", "-c"],
        "Cmd": ["sleep 600"],
    }
