"""Labels of other tools on containers, and the information they contain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from deployer.fields.options import Condition
from deployer.model.observed import ObservedContainer

_PREFIXES: Final = ("com.docker.compose.", "com.docker.stack.", "com.docker.swarm.", "com.docker.volume.", "io.podman.")
_PROJECT: Final = "com.docker.compose.project"
_SERVICE: Final = "com.docker.compose.service"
_SWARM_SERVICE: Final = "com.docker.swarm.service.name"
_DEPENDS_ON: Final = "com.docker.compose.depends_on"


def is_foreign(label: str) -> bool:
    return label.startswith(_PREFIXES)


def family(label: str) -> str:
    """`com.docker.compose.*` for a label of another tool."""
    return next((f"{prefix}*" for prefix in _PREFIXES if label.startswith(prefix)), label)


def swarm_service(container: ObservedContainer) -> str:
    """The service of a container that is a swarm task, otherwise ""."""
    return _labels(container).get(_SWARM_SERVICE, "")


def split_labels(labels: Mapping[str, str], image: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The labels without those of other tools, and the prefixes removed. Labels of the image are kept."""
    kept = {key: value for key, value in labels.items() if not is_foreign(key)}
    given = {key: value for key, value in image.items() if is_foreign(key)}
    return kept | given, tuple(sorted(key for key in labels if is_foreign(key) and labels[key] != given.get(key)))


def depends_on(container: ObservedContainer, others: Iterable[ObservedContainer]) -> dict[str, Any]:
    """The dependencies declared in Compose: `db:service_healthy:false,…` names services of the same project."""
    labels = _labels(container)
    services = {
        labels_of[_SERVICE]: other.name
        for other in others
        if (labels_of := _labels(other)).get(_PROJECT) == labels.get(_PROJECT) and labels_of.get(_SERVICE)
    }
    found: dict[str, Any] = {}
    for entry in filter(None, labels.get(_DEPENDS_ON, "").split(",")):
        service, _, rest = entry.partition(":")
        condition = rest.partition(":")[0]
        if service in services and condition in Condition._value2member_map_:
            found[services[service]] = {"condition": condition}
    return dict(sorted(found.items()))


def _labels(container: ObservedContainer) -> Mapping[str, str]:
    labels = container.values.get("labels")
    return labels if isinstance(labels, Mapping) else {}
