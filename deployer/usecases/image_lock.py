"""Pins the images of playbooks to digests, and finds newer ones. Registries are asked by this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from deployer.config import image_lock
from deployer.config.image_lock import Pin
from deployer.diagnostics import Problems
from deployer.engine.registry_api import Registry
from deployer.engine.remote_images import choose
from deployer.errors import DeployerError, RefusedError, RegistryError
from deployer.interfaces import RegistryAuth
from deployer.model.desired import has_settings
from deployer.model.settings import FromImage, ImageSettings
from deployer.usecases.load import Loaded, Request, load
from deployer.usecases.plan import credentials
from deployer.usecases.system import System
from deployer.values import duration, image, tag

_NEWEST_TRIED = 10
"""Tags whose age is read for a cooldown."""


class Wanted(Struct, frozen=True):
    """An image of the playbooks. `allow`: the pattern of tags it may be updated to; `cooldown`: seconds."""

    reference: str
    allow: str = ""
    cooldown: float = 0.0


class Locked(Struct, frozen=True):
    """One reference. `before` and `pin`: the old and the new digest; `problem`: why it is kept."""

    reference: str
    before: Pin | None = None
    pin: Pin | None = None
    problem: str = ""


class Outdated(Struct, frozen=True):
    """`pinned` and `current`: the digest in the lock file and the one that the tag stands for now; `newer`: a greater
    tag of the same form, or of the pattern."""

    reference: str
    pinned: str
    current: str
    newer: str
    problem: str = ""


def lock(
    request: Request, system: System, update: Sequence[str] | None, now: datetime, insecure: Collection[str] = ()
) -> tuple[str, tuple[Locked, ...]]:
    """Write `images.lock` beside the playbooks; returns its path, and what is new. `update`: names whose pins are
    renewed, () for all, None to keep those that exist; `insecure`: registries whose certificates are not checked.
    Raises `InputError`, `RefusedError`."""
    path, loaded = _loaded(request, system)
    before, ask = _read(path), _Asking(loaded, insecure)
    found = tuple(_locked(wanted, before, update, ask, now) for wanted in _images(loaded, before))
    pins = {each.reference: each.pin for each in found if each.pin is not None}
    if pins or before:
        try:
            Path(path).write_text(image_lock.emit(pins), encoding="utf-8")
        except OSError as error:
            raise DeployerError(f"{path} cannot be written: {error.strerror}") from error
    return path, found


def outdated(request: Request, system: System, insecure: Collection[str] = ()) -> tuple[Outdated, ...]:
    """What the registries have for the images of the playbooks. Writes nothing."""
    path, loaded = _loaded(request, system)
    before, ask = _read(path), _Asking(loaded, insecure)
    return tuple(_outdated(wanted, before.get(wanted.reference), ask) for wanted in _images(loaded, before))


def _loaded(request: Request, system: System) -> tuple[str, Loaded]:
    paths = {image_lock.path_of(playbook) for playbook in request.playbooks}
    if len(paths) > 1:
        hint = "lock the playbooks of one directory at a time"
        raise RefusedError("the playbooks are in several directories, which have lock files of their own", hint=hint)
    return paths.pop(), load(request, system.asking)


def _read(path: str) -> dict[str, Pin]:
    problems = Problems()
    found = image_lock.read(path, problems)
    problems.raise_if_any()
    return found


def _images(loaded: Loaded, pins: Mapping[str, Pin]) -> list[Wanted]:
    """References without a digest of their own, by name."""
    found: dict[str, Wanted] = {}
    plays = tuple(loaded.desired)
    kept = {reference for desired in plays for reference in (*desired.sources, *desired.builds)}
    for resource in (each for desired in plays for each in desired.resources):
        if not has_settings(resource, FromImage) or resource.absent or resource.image in ("", *kept):
            continue
        reference = _unpinned(resource.settings.image, pins)
        if not reference:
            continue
        own = resource.settings
        wanted = Wanted(reference)
        if isinstance(own, ImageSettings):
            wanted = Wanted(reference, own.allow, (own.cooldown or 0) / duration.SECOND)
        known = found.get(reference)
        found[reference] = known if known is not None and not wanted.allow and not wanted.cooldown else wanted
    return [found[reference] for reference in sorted(found)]


def _unpinned(reference: str, pins: Mapping[str, Pin]) -> str:
    """As the playbook has it; "" if that has a digest."""
    name, _, digest = reference.partition("@")
    if not digest:
        return reference if image.parse(reference).path else ""
    pin = pins.get(name)
    return name if pin is not None and pin.digest == digest else ""


class _Asking:
    """One client for each registry, with the plays' credentials."""

    def __init__(self, loaded: Loaded, insecure: Collection[str]) -> None:
        self._auth: Callable[[str], RegistryAuth | None] = credentials(loaded.desired)
        self._insecure = insecure
        self._known: dict[str, Registry] = {}

    def of(self, reference: str) -> tuple[Registry, image.ImageRef]:
        named = image.parse(reference)
        if named.domain not in self._known:
            insecure = named.domain in self._insecure
            self._known[named.domain] = Registry(named.domain, self._auth(reference), insecure=insecure)
        return self._known[named.domain], named


def _locked(
    wanted: Wanted, before: Mapping[str, Pin], update: Sequence[str] | None, ask: _Asking, now: datetime
) -> Locked:
    old = before.get(wanted.reference)
    name = image.parse(wanted.reference)
    named = {name.familiar, str(name), name.familiar.rpartition(":")[0], name.repository}
    if old is not None and (update is None or (update and named.isdisjoint(update))):
        return Locked(wanted.reference, old, old)
    try:
        return Locked(wanted.reference, old, _found(wanted, old, ask, now))
    except RegistryError as error:
        return Locked(wanted.reference, old, old, error.message)


def _found(wanted: Wanted, old: Pin | None, ask: _Asking, now: datetime) -> Pin:
    """The newest image that the policies of the image allow."""
    registry, named = ask.of(wanted.reference)
    tags = tag.in_order(wanted.allow, registry.tags(named.path)) if wanted.allow else [named.tag]
    for each in tags[:_NEWEST_TRIED]:
        digest, manifest = registry.manifest(named.path, each)
        if wanted.cooldown and (old is None or old.digest != digest):
            created = _created(registry, named.path, manifest)
            if created is None or now - created < timedelta(seconds=wanted.cooldown):
                continue
        return Pin(digest, each if each != named.tag else "", _platforms(manifest))
    if old is not None:
        return old
    what = f"no tag {wanted.allow}" if not tags else "no image that is old enough for its cooldown"
    raise RegistryError(f"{named.domain} has {what}")


def _platforms(manifest: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for entry in manifest.get("manifests") or ():
        known = entry.get("platform") or {}
        parts = (known.get("os"), known.get("architecture"), known.get("variant"))
        if known.get("os") not in (None, "unknown"):
            found["/".join(filter(None, parts))] = str(entry.get("digest"))
    return found


def _created(registry: Registry, path: str, manifest: Mapping[str, Any]) -> datetime | None:
    """When an image was built; of an index, one of its images."""
    if platforms := _platforms(manifest):
        digest = choose(manifest["manifests"], "linux/amd64") or min(platforms.values())
        _, manifest = registry.manifest(path, digest)
    try:
        text = str(registry.blob(path, manifest["config"]["digest"]).get("created"))
        return datetime.fromisoformat(text.partition(".")[0].removesuffix("Z")).replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        return None


def _outdated(wanted: Wanted, pin: Pin | None, ask: _Asking) -> Outdated:
    pinned = pin.digest if pin is not None else ""
    try:
        registry, named = ask.of(wanted.reference)
        at = (pin.tag if pin is not None else "") or named.tag
        current, _ = registry.manifest(named.path, at)
        tags = registry.tags(named.path)
    except RegistryError as error:
        return Outdated(wanted.reference, pinned, "", "", error.message)
    greatest = tag.newest(wanted.allow, tags) if wanted.allow else tag.newer(at, tags)
    return Outdated(wanted.reference, pinned, current, greatest if greatest != at else "")
