"""Names on the host: the resource's `name`, or its key with its play's `prefix`. Within a play, resources refer to each
other by their keys, as in Compose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from deployer.fields.container.network import DEFAULT_NETWORK
from deployer.fields.settings import Existing
from deployer.model.desired import AnyResource, Kind, slot
from deployer.model.settings import ObjectSettings, RunSettings

Names = Mapping[tuple[Kind, str], str]
"""Names on the host by slot, where they differ from the key."""

Path = tuple[str, ...]


def renamed(resources: Iterable[AnyResource], names: Names) -> tuple[AnyResource, ...]:
    """The resources with their names on the host, in references too."""
    return tuple(_renamed(found, names) for found in resources) if names else tuple(resources)


def declared(settings: Mapping[str, Any]) -> str:
    """The resource's own `name`, or ""."""
    external = settings.get("external")
    inside = external.name if isinstance(external, Existing) else ""
    return str(settings.get("name") or settings.get("container_name") or inside)


def prefixed(resource: AnyResource, prefix: str) -> str:
    """The key with the play's prefix, which external resources, images and files do not have."""
    exists = isinstance(resource.settings, ObjectSettings) and resource.settings.external
    return resource.name if exists or resource.kind in (Kind.IMAGE, Kind.FILE) else f"{prefix}{resource.name}"


def _renamed(found: AnyResource, names: Names) -> AnyResource:
    own = names.get(slot(found.kind, found.name), "")
    values = {name: _value(name, value, names) for name, value in found.values.items()}
    if own and found.kind.is_container and values.get("networks"):
        values["networks"] = {
            name: endpoint if name == DEFAULT_NETWORK else _with_alias(endpoint, found.name)
            for name, endpoint in values["networks"].items()
        }
    settings = found.settings
    if isinstance(settings, RunSettings):
        needs = (replace(needed, name=_container(needed.name, names)) for needed in settings.depends_on)
        settings = replace(settings, depends_on=tuple(needs))
    return replace(
        found,
        address=replace(found.address, name=own) if own else found.address,
        settings=settings,
        values=values,
        origins={_path(path, names): place for path, place in found.origins.items()},
        secret_paths=frozenset(_path(path, names) for path in found.secret_paths),
    )


def _container(name: str, names: Names) -> str:
    return names.get(slot(Kind.CONTAINER, name), name)


def _network(name: str, names: Names) -> str:
    return names.get((Kind.NETWORK, name), name)


def _with_alias(endpoint: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Others reach it by its key, as by a Compose service's name."""
    return {**endpoint, "aliases": sorted({*endpoint.get("aliases", ()), key})}


def _value(field: str, value: Any, names: Names) -> Any:
    match field, value:
        case "networks", Mapping():
            return {_network(name, names): _endpoint(endpoint, names) for name, endpoint in value.items()}
        case "volumes", Mapping():
            return {target: _mount(own, names) for target, own in value.items()}
        case (("links" | "volumes_from"), list()):
            return sorted(_first_part(text, names) for text in value)
        case (("network_mode" | "ipc" | "pid"), str()) if value.startswith("container:"):
            return f"container:{_container(value.removeprefix('container:'), names)}"
        case "config_from", str():
            return _network(value, names)
        case _:
            return value


def _endpoint(endpoint: Mapping[str, Any], names: Names) -> dict[str, Any]:
    links = {"links": sorted(_first_part(text, names) for text in endpoint["links"])} if "links" in endpoint else {}
    return {**endpoint, **links}


def _mount(own: Mapping[str, Any], names: Names) -> Mapping[str, Any]:
    source = names.get((Kind.VOLUME, own.get("source", "")))
    return {**own, "source": source} if source and own["type"] == "volume" else own


def _first_part(text: str, names: Names) -> str:
    """`NAME:alias` and `NAME:ro`."""
    name, colon, rest = text.partition(":")
    return f"{_container(name, names)}{colon}{rest}"


def _path(path: Path, names: Names) -> Path:
    match path:
        case ("networks", name, *rest):
            return ("networks", _network(name, names), *rest)
        case ("depends_on", name, *rest):
            return ("depends_on", _container(name, names), *rest)
        case _:
            return path
