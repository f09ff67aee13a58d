"""Policies: what the resources of a play must comply with. Violations are errors of the input, with their place."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Final

from deployer import nodes
from deployer.config.templates.templar import Templar
from deployer.diagnostics import Problems
from deployer.fields.leaves import FLAG, TEXT, choice
from deployer.fields.shapes import Constant, Entry, Forms, ListOf, Record, one_or_many
from deployer.model.desired import AnyResource, Imaged, Kind, Workload, has_settings
from deployer.model.kinds import KINDS
from deployer.model.settings import FileSettings, FromImage, RunSettings
from deployer.values import image

_DEFAULT_LIMITS: Final = ("mem_limit", "cpus")
_SOCKETS: Final = tuple(
    PurePosixPath(path)
    for path in (
        "/run/docker.sock",
        "/run/podman/podman.sock",
        "/run/containerd/containerd.sock",
        "/run/docker/containerd/containerd.sock",
    )
)
"""Of engines, and of containerd, which starts what engines start; `/var/run` is a link to `/run`."""

_RULE: Final = Record(
    (
        Entry(name="that", shape=TEXT, doc="Expression over `container` that must be true.", required=True),
        Entry(name="message", shape=TEXT, doc="What is wrong if it is not.", required=True),
    )
)
POLICY: Final = Record(
    (
        Entry(name="no_latest", shape=FLAG, doc="Images need a tag other than latest, or a digest."),
        Entry(name="require_digest", shape=FLAG, doc="Images need a digest."),
        Entry(
            name="allowed_registries",
            shape=one_or_many(TEXT, "a registry or a list of registries"),
            doc="Images come from these registries or repositories only; `*` stands for any text.",
        ),
        Entry(name="no_docker_socket", shape=FLAG, doc="Containers do not mount the engine's socket, or containerd's."),
        Entry(name="no_privileged", shape=FLAG, doc="Containers are not privileged and do not have all capabilities."),
        Entry(
            name="require_limits",
            shape=Forms(
                expects="true, or a list of limits",
                scalar=FLAG,
                sequence=ListOf(
                    choice("mem_limit", "cpus", "pids_limit", "cpu_quota", "memswap_limit", "shm_size", "ulimits")
                ),
                null=Constant(lambda: False),
            ),
            doc="Containers declare these limits; true: mem_limit and cpus.",
        ),
        Entry(name="rules", shape=ListOf(_RULE), doc="Rules of your own."),
    )
)
"""Keys of a policy."""


def check(
    policies: Iterable[tuple[nodes.Node, Mapping[str, Any]]],
    resources: Iterable[AnyResource],
    templar: Templar,
    problems: Problems,
) -> None:
    """`policies`: as written, and as read with `POLICY`. Reports every violation."""
    wanted = [resource for resource in resources if not resource.absent]
    built = {each.image for each in wanted if has_settings(each, FromImage) and each.settings.build is not None}
    for written, policy in policies:
        for resource in wanted:
            for path, summary, hint in _violations(policy, resource, built):
                at = f"the policy at {written.origin.short}"
                problems.add(
                    resource.place(path),
                    summary,
                    address=f"{KINDS[resource.kind].section}.{resource.name}",
                    hint=f"{at}: {hint}",
                )
            if has_settings(resource, RunSettings):
                _check_rules(written, policy, resource, templar, problems)


Violation = tuple[tuple[str, ...], str, str]


def _violations(policy: Mapping[str, Any], resource: AnyResource, built: Collection[str]) -> Iterator[Violation]:
    """(path, what is wrong, what is required). `built`: images that the play builds."""
    if has_settings(resource, FromImage):
        yield from _of_images(policy, resource, built)
    if policy.get("no_docker_socket"):
        yield from _of_mounts(resource)
    if not has_settings(resource, RunSettings):
        return
    if policy.get("no_privileged") and resource.values.get("privileged"):
        yield ("privileged",), "is privileged", "no_privileged"
    if policy.get("no_privileged") and "ALL" in (resource.values.get("cap_add") or ()):
        yield ("cap_add",), "has all capabilities", "no_privileged"
    limits = policy.get("require_limits") or ()
    for name in _DEFAULT_LIMITS if limits is True else limits:
        if not resource.values.get(name):
            yield (name,), f"{name} is missing", "require_limits"


def _of_images(policy: Mapping[str, Any], resource: Imaged, built: Collection[str]) -> Iterator[Violation]:
    """Of an image that the play builds, what it begins with comes from a registry, and its own name needs a tag."""
    found, build = resource.image, resource.settings.build
    if found:
        own = {"no_latest": policy.get("no_latest")} if found in built else policy
        yield from _of_image(own, image.parse(found), ("image",))
    for base in build.bases if build is not None else ():
        for path, summary, hint in _of_image(policy, image.parse(base), ("build",)):
            yield path, f"base image {summary}", hint


def _of_image(policy: Mapping[str, Any], found: image.ImageRef, path: tuple[str, ...]) -> Iterator[Violation]:
    if policy.get("no_latest") and found.tag == "latest" and not found.digest:
        yield path, f"{found.familiar} has the tag latest", "no_latest: name a version"
    if policy.get("require_digest") and not found.digest:
        yield path, f"{found.familiar} has no digest", "require_digest: name it with @sha256:…"
    allowed = policy.get("allowed_registries")
    if allowed is not None and found.path and not any(_comes_from(found, each) for each in allowed):
        yield path, f"{found.familiar} is from {found.domain}", f"allowed_registries: {', '.join(allowed) or 'none'}"


def _comes_from(found: image.ImageRef, pattern: str) -> bool:
    """`reg.example.com`, `*.example.com` or `reg.example.com/team`, with all below."""
    pattern = pattern.rstrip("/")
    return any(fnmatchcase(each, pattern) for each in (found.domain, found.repository)) or fnmatchcase(
        found.repository, f"{pattern}/*"
    )


def _of_mounts(resource: AnyResource) -> Iterator[Violation]:
    """Also through a volume that stands for a directory of the host, and by what validates a file: the engine may be
    asked through a socket that is mounted read-only."""
    found = {("volumes", target): mount for target, mount in (resource.values.get("volumes") or {}).items()}
    sources: dict[tuple[str, ...], str] = {
        path: str(mount.get("source") or "") for path, mount in found.items() if mount.get("type") == "bind"
    }
    device = str((resource.values.get("driver_opts") or {}).get("device") or "")
    if resource.kind is Kind.VOLUME and device.startswith("/"):
        sources["driver_opts", "device"] = device
    if has_settings(resource, FileSettings) and (how := resource.settings.validate) is not None:
        sources |= {("validate", "volumes", target): source for target, source in how.volumes}
    for path, source in sources.items():
        if _exposes_engine(source):
            yield path, f"mounts {source}, which gives control of the engine", "no_docker_socket"


def _exposes_engine(source: str) -> bool:
    path = PurePosixPath(posixpath.normpath(f"/{source.strip('/')}"))
    if path.is_relative_to("/var/run"):
        path = "/run" / path.relative_to("/var/run")
    above = any(socket.is_relative_to(path) for socket in _SOCKETS)
    return above or str(path) == "/var" or path.name in {socket.name for socket in _SOCKETS}


def _check_rules(
    written: nodes.Node, policy: Mapping[str, Any], resource: Workload, templar: Templar, problems: Problems
) -> None:
    listed = written.get("rules") if isinstance(written, nodes.Mapping) else None
    if not isinstance(listed, nodes.Sequence):
        return
    container = {
        **resource.values,
        "name": resource.name,
        "kind": str(resource.kind),
        "image": image.familiar(resource.image),
    }
    known = templar.with_variables({"container": nodes.from_plain(container, resource.origin)})
    for rule, node in zip(policy.get("rules") or (), listed.items, strict=False):
        expression = node.get("that") if isinstance(node, nodes.Mapping) else None
        found = Problems()
        if expression is None or known.condition(expression, found, "policy.rules") or found.errors:
            problems.extend(found)
            continue
        address, hint = f"{KINDS[resource.kind].section}.{resource.name}", f"the policy at {node.origin.short}"
        problems.add(resource.origin, rule["message"], address=address, hint=f"{hint}: {rule['that']}")
