"""Policies: what the resources of a play must comply with. Violations are errors of the input, with their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, Final

from deployer import nodes
from deployer.config.templates.templar import Templar
from deployer.diagnostics import Problems
from deployer.fields.leaves import FLAG, TEXT, choice
from deployer.fields.shapes import Constant, Entry, Forms, ListOf, Record, one_or_many
from deployer.model.desired import AnyResource, Workload, has_settings
from deployer.model.kinds import KINDS
from deployer.model.settings import FromImage, RunSettings
from deployer.values import image

_DEFAULT_LIMITS: Final = ("mem_limit", "cpus")
_SOCKET: Final = "docker.sock"
_ABOVE_SOCKET: Final = ("/", "/var", "/var/run", "/run")
"""Directories that contain the engine's socket."""

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
        Entry(name="no_docker_socket", shape=FLAG, doc="Containers do not mount the engine's socket."),
        Entry(name="no_privileged", shape=FLAG, doc="Containers are not privileged."),
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
    for written, policy in policies:
        for resource in wanted:
            for path, summary, hint in _violations(policy, resource):
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


def _violations(policy: Mapping[str, Any], resource: AnyResource) -> Iterator[Violation]:
    """(path, what is wrong, what is required)."""
    if has_settings(resource, FromImage) and resource.image:
        yield from _of_image(policy, image.parse(resource.image))
    if not has_settings(resource, RunSettings):
        return
    if policy.get("no_privileged") and resource.values.get("privileged"):
        yield ("privileged",), "is privileged", "no_privileged"
    if policy.get("no_docker_socket"):
        for target, mount in (resource.values.get("volumes") or {}).items():
            if _exposes_engine(mount):
                summary = f"mounts {mount['source']}, which gives control of the engine"
                yield ("volumes", target), summary, "no_docker_socket"
    limits = policy.get("require_limits") or ()
    for name in _DEFAULT_LIMITS if limits is True else limits:
        if not resource.values.get(name):
            yield (name,), f"{name} is missing", "require_limits"


def _of_image(policy: Mapping[str, Any], found: image.ImageRef) -> Iterator[Violation]:
    path = ("image",)
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


def _exposes_engine(mount: Mapping[str, Any]) -> bool:
    source = PurePosixPath(str(mount.get("source") or ""))
    return mount.get("type") == "bind" and (source.name == _SOCKET or str(source) in _ABOVE_SOCKET)


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
