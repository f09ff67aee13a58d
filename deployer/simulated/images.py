"""Images of a simulated host: pull, tag, remove, and the shapes they are shown in.

The store is the graph driver's: an image's id is the digest of its config, its `RepoDigests` are those of the manifests
it was pulled by, and one image may carry many tags or none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from deployer.errors import EngineError
from deployer.interfaces import RegistryAuth
from deployer.simulated.catalog import registry_entry
from deployer.simulated.merge import blank_config
from deployer.simulated.references import familiar_repository, parse_reference, with_digest
from deployer.simulated.refusals import conflict, failed, missing
from deployer.simulated.state import Record, SimulatedHost, engine_json, sha256, unix_seconds
from deployer.values.image import ImageRef

_HEX = re.compile(r"(sha256:)?[0-9a-f]{1,64}")


def find_image(host: SimulatedHost, text: str) -> Record | None:
    """By name first, then by id or id prefix."""
    images = host.state.images
    if re.fullmatch(r"(sha256:)?[0-9a-f]{64}", text):
        return images.get("sha256:" + text.removeprefix("sha256:"))
    ref = parse_reference(text)
    shown = "RepoDigests" if ref.digest else "RepoTags"
    for image in images.values():
        if ref.familiar in image[shown]:
            return image
    if _HEX.fullmatch(text):
        found = [image for key, image in images.items() if key[7:].startswith(text.removeprefix("sha256:"))]
        if len(found) == 1:
            return found[0]
    return None


def need_image(host: SimulatedHost, text: str) -> Record:
    image = find_image(host, text)
    if image is None:
        raise missing(f"No such image: {_named(text)}")
    return image


def _named(text: str) -> str:
    return text if text.startswith("sha256:") else parse_reference(text).familiar


# Registry


def inspect_distribution(host: SimulatedHost, text: str, auth: RegistryAuth | None) -> Record | None:
    ref = parse_reference(text)
    entry = registry_entry(host.state.registry, ref)
    if entry is None:
        return None
    _authorise(entry, auth)
    several = len(entry["Platforms"]) > 1
    kind = "manifest.list" if several else "manifest"
    return {
        "Descriptor": {
            "mediaType": f"application/vnd.docker.distribution.{kind}.v2+json",
            "digest": entry["Digest"],
            "size": 1000,
        },
        "Platforms": [_platform_json(platform) for platform in entry["Platforms"]],
    }


def pull(
    host: SimulatedHost, text: str, platform: str, auth: RegistryAuth | None, progress: Callable[[Record], None]
) -> None:
    """Pulls what the registry has under a reference, and moves the tag."""
    ref = parse_reference(text)
    entry = registry_entry(host.state.registry, ref)
    if entry is None:
        raise missing(f"manifest for {ref.familiar} not found: manifest unknown: manifest unknown")
    _authorise(entry, auth)
    wanted = _chosen_platform(host, entry, platform, ref)
    progress({"status": f"Pulling from {ref.path}", "id": ref.tag or ref.digest})
    image_id = "sha256:" + sha256(f"config of {entry['Digest']} for {wanted}")
    known = image_id in host.state.images
    image = host.state.images.setdefault(image_id, _new_image(host, image_id, entry, wanted))
    digest = with_digest(ref, entry["Digest"]).familiar
    if digest not in image["RepoDigests"]:
        image["RepoDigests"].append(digest)
    if not ref.digest:
        _move_tag(host, ref.familiar, image)
    progress({"status": f"Digest: {entry['Digest']}"})
    outcome = "Image is up to date for" if known else "Downloaded newer image for"
    progress({"status": f"Status: {outcome} {ref.familiar}"})


def _authorise(entry: Record, auth: RegistryAuth | None) -> None:
    wanted = entry.get("Auth")
    if wanted is None:
        return
    if auth is None or [auth.username, auth.password] != [wanted["username"], wanted["password"]]:
        raise failed("unauthorized: authentication required")


def _chosen_platform(host: SimulatedHost, entry: Record, platform: str, ref: ImageRef) -> str:
    """A list of several platforms must include the requested one. A single image is pulled for any platform; engine 25
    and later refuse it inside the stream if another platform was requested."""
    platforms: list[str] = entry["Platforms"]
    wanted = platform or f"linux/{host.facts.arch}"
    if len(platforms) == 1:
        if platform and platform != platforms[0] and host.profile.is_at_least("25"):
            raise EngineError(
                f"image with reference {ref} was found but does not match the specified platform: "
                f"wanted {platform}, actual: {platforms[0]}",
                status=0,
            )
        return platforms[0]
    if wanted not in platforms:
        raise missing(f"no matching manifest for {wanted} in the manifest list entries: {ref.familiar}")
    return wanted


def _new_image(host: SimulatedHost, image_id: str, entry: Record, platform: str) -> Record:
    return {
        "Id": image_id,
        "RepoTags": [],
        "RepoDigests": [],
        "Created": host.state.tick(),
        "Config": blank_config() | entry["Config"],
        "Size": entry["Size"],
        **{key.capitalize(): value for key, value in _platform_json(platform).items()},
    }


def load_image(host: SimulatedHost, image_id: str, config: Record, known: Record, tags: list[str]) -> None:
    """Of an archive: `config` is the image's, `known` what the simulation wrote of it."""
    made = {
        "Id": image_id,
        "RepoTags": [],
        "RepoDigests": [],
        "Created": known.get("Created") or config.get("created") or host.state.tick(),
        "Config": blank_config() | (config.get("config") or {}),
        "Size": known.get("Size", 0),
        "Architecture": config["architecture"],
        "Os": config["os"],
    }
    image = host.state.images.setdefault(image_id, made)
    for tag in tags:
        _move_tag(host, parse_reference(tag).familiar, image)


def _platform_json(platform: str) -> dict[str, Any]:
    system, arch, *variant = platform.split("/")
    return {"architecture": arch, "os": system} | ({"variant": variant[0]} if variant else {})


def push(host: SimulatedHost, text: str, auth: RegistryAuth | None, progress: Callable[[Record], None]) -> None:
    """The registry then has the image under the reference, and the image a digest of its repository."""
    ref = parse_reference(text)
    image = find_image(host, text)
    if image is None:
        raise missing(f"An image does not exist locally with the tag: {ref.familiar}")
    before = registry_entry(host.state.registry, ref)
    _authorise(before or {}, auth)
    digest = "sha256:" + sha256(f"manifest of {image['Id']}")
    host.state.registry[str(ref)] = {
        "Digest": digest,
        "Size": image["Size"],
        "Config": image["Config"],
        "Platforms": [f"{image['Os']}/{image['Architecture']}"],
        **({"Auth": before["Auth"]} if before and "Auth" in before else {}),
    }
    name = with_digest(ref, digest).familiar
    if name not in image["RepoDigests"]:
        image["RepoDigests"].append(name)
    progress({"status": f"{ref.tag}: digest: {digest} size: 1000"})


# Tags and removal


def tag_image(host: SimulatedHost, text: str, ref: str) -> None:
    _move_tag(host, parse_reference(ref).familiar, need_image(host, text))


def _move_tag(host: SimulatedHost, tag: str, image: Record) -> None:
    for other in host.state.images.values():
        if tag in other["RepoTags"]:
            other["RepoTags"].remove(tag)
    image["RepoTags"] = sorted([*image["RepoTags"], tag])


def remove_image(host: SimulatedHost, text: str) -> None:
    """Removes a tag, and the image with its last name. An image in use is kept (409)."""
    image = need_image(host, text)
    if _HEX.fullmatch(text) and image["Id"][7:].startswith(text.removeprefix("sha256:")):
        _remove_by_id(host, image)
        return
    ref = parse_reference(text)
    if _is_single_reference(image):
        for container in host.state.containers.values():
            if container["Image"] == image["Id"]:
                raise conflict(f'unable to remove "{text}": container {container["Id"][:12]} is using its image')
    image["RepoDigests" if ref.digest else "RepoTags"].remove(ref.familiar)
    repository = familiar_repository(ref)
    if not any(tag.startswith(f"{repository}:") for tag in image["RepoTags"]):
        image["RepoDigests"] = [each for each in image["RepoDigests"] if not each.startswith(f"{repository}@")]
    if not image["RepoTags"] and not image["RepoDigests"]:
        del host.state.images[image["Id"]]


def _is_single_reference(image: Record) -> bool:
    """A tag and the digests of the same repository count as one name."""
    tagged = {tag.rpartition(":")[0] for tag in image["RepoTags"]}
    digested = {digest.partition("@")[0] for digest in image["RepoDigests"]}
    return len(image["RepoTags"]) <= 1 and len(tagged | digested) <= 1


def _remove_by_id(host: SimulatedHost, image: Record) -> None:
    short = image["Id"][7:19]
    if not _is_single_reference(image):
        raise conflict(f"unable to delete {short}: image is referenced in multiple repositories")
    for container in host.state.containers.values():
        if container["Image"] == image["Id"]:
            raise conflict(f"unable to delete {short}: image is being used by container {container['Id'][:12]}")
    del host.state.images[image["Id"]]


# Views


def inspect_view(host: SimulatedHost, image: Record) -> Record:
    view = engine_json(image)
    view |= {
        "Parent": "",
        "Comment": "",
        "DockerVersion": "",
        "Author": "",
        "GraphDriver": {"Name": "overlay2", "Data": {}},
        "RootFS": {"Type": "layers", "Layers": ["sha256:" + sha256(f"layer of {image['Id']}")]},
        "Metadata": {"LastTagTime": image["Created"]},
    }
    if not host.profile.speaks("1.44"):
        view["VirtualSize"] = image["Size"]
    if not host.profile.speaks("1.45"):
        view |= {"Container": "", "ContainerConfig": blank_config()}
    return view


def list_view(host: SimulatedHost, image: Record) -> Record:
    view = {
        "Containers": -1,
        "Created": unix_seconds(image["Created"]),
        "Id": image["Id"],
        "Labels": image["Config"]["Labels"],
        "ParentId": "",
        "RepoDigests": list(image["RepoDigests"]),
        "RepoTags": list(image["RepoTags"]) or ["<none>:<none>"],
        "SharedSize": -1,
        "Size": image["Size"],
    }
    if not host.profile.speaks("1.44"):
        view["VirtualSize"] = image["Size"]
    return engine_json(view)
