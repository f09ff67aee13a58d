"""The content of a play's `configs` and `secrets` on one host, and the digests by which containers refer to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from deployer import nodes
from deployer.config.files import read_file
from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.diagnostics import Problems, did_you_mean
from deployer.fields.container.files import DELIVERED, SECRETS, Delivered
from deployer.interfaces import Guarded
from deployer.model import file_reactions
from deployer.model.desired import AnyResource, has_settings
from deployer.model.kinds import KINDS
from deployer.model.secrets import Sealing, file_digest
from deployer.model.settings import RECREATED, ContainerSettings, OnChange

LARGEST: Final = 500 * 1024
"""Bytes of a secret, as in a swarm."""


class Content(Guarded, frozen=True):
    """`secret`: it must not be shown, nor be guessed from its digest. `on_change`: of containers that do not say it."""

    hidden: ClassVar[tuple[str, ...]] = ("data",)
    data: bytes
    secret: bool
    on_change: OnChange = RECREATED

    @property
    def texts(self) -> Iterator[str]:
        """What must not be shown of a secret."""
        if self.secret:
            text = self.data.decode("utf-8", "surrogateescape")
            yield from filter(None, (text, text.strip()))


NO_KEY: Final = "changes of secret content are found with a key of this machine, and it cannot keep one"
KEEP_ONE: Final = "set HOME or XDG_STATE_HOME to a directory that can be written"

Contents = Mapping[tuple[str, str], Content | None]
"""By section and name; None for one with an error, which is reported."""


class ContentSources(Guarded, frozen=True):
    """Where content comes from: files beside the playbook, and the caller's environment. `reads` gets the files."""

    hidden: ClassVar[tuple[str, ...]] = ("caller",)
    folder: Path
    caller: Mapping[str, str]
    vault: VaultSecrets
    problems: Problems
    reads: Callable[[str], object] = str


def contents_of(
    keys: Mapping[str, nodes.Node], value: Callable[[str], Mapping[str, Any] | None], sources: ContentSources
) -> Contents:
    """What the play defines. `value` renders and reads one of its keys. Secrets are secret wherever they come from."""
    found: dict[tuple[str, str], Content | None] = {}
    for kind in DELIVERED:
        section = keys.get(kind.name)
        if section is None:
            continue
        for name, ways in (value(kind.name) or {}).items():
            definition = section.get(name) if isinstance(section, nodes.Mapping) else None
            found[kind.name, name] = _read(kind, name, ways, definition or section, sources)
    return found


def _read(
    kind: Delivered, name: str, ways: Mapping[str, Any], node: nodes.Node, sources: ContentSources
) -> Content | None:
    """None after reporting."""
    found = _loaded(ways, sources)
    if isinstance(found, Content) and kind is SECRETS:
        found = replace(found, secret=True)
        if len(found.data) > LARGEST:
            found = f"has {len(found.data)} bytes, more than the {LARGEST} of a secret", "write it under configs"
    if isinstance(found, Content):
        return replace(found, on_change=OnChange(**ways["on_change"])) if "on_change" in ways else found
    summary, hint = found
    sources.problems.add(node.origin, summary, address=f"{kind.name}.{name}", hint=hint)
    return None


def _loaded(ways: Mapping[str, Any], sources: ContentSources) -> Content | tuple[str, str]:
    """The content, or what is wrong and what to do about it."""
    if ways.get("external"):
        return "external ones exist only in a swarm", "write file, content or environment"
    if len({"file", "content", "environment"} & ways.keys()) != 1:
        return "write one of file, content and environment", ""
    if "content" in ways:
        return Content(ways["content"].encode("utf-8", "surrogateescape"), secret=False)
    if "environment" in ways:
        value = sources.caller.get(ways["environment"])
        if value is None:
            return f"the environment has no variable {ways['environment']}", "set it, or write file or content"
        return Content(value.encode("utf-8", "surrogateescape"), secret=False)
    path = sources.folder / ways["file"]
    sources.reads(str(path))
    try:
        data = read_file(path)
        vaulted = is_encrypted(data)
        return Content(sources.vault.decrypt_bytes(data) if vaulted else data, vaulted)
    except VaultError as error:
        return f"{path}: {error.message}", error.hint
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}", "name a file beside the playbook"


def with_digests(
    resource: AnyResource, contents: Contents, sealing: Sealing, problems: Problems, found: dict[str, bytes]
) -> AnyResource:
    """The container with a digest of each of its files; `found` receives the content by digest. Errors are reported."""
    values, reactions = dict(resource.values), dict[str, Mapping[str, OnChange]]()
    for kind in DELIVERED:
        if kind.name not in values:
            continue
        files = values[kind.name] = dict(values[kind.name])
        own, declared = dict[str, OnChange](), _declared(resource).get(kind.name) or {}
        for target, entry in resource.values[kind.name].items():
            content = _find(resource, kind, target, entry["source"], contents, problems)
            if content is None:
                continue
            if content.secret and not sealing.key:
                problems.add(resource.place((kind.name, target)), NO_KEY, address=kind.name, hint=KEEP_ONE)
            digest = file_digest(content.data, sealing, secret=content.secret)
            files[target] = {**entry, "content": digest}
            found[digest] = content.data
            own[target] = declared.get(target, content.on_change)
        reactions[kind.name] = own
    return _with_reactions(replace(resource, values=values), reactions, problems) if reactions else resource


def _declared(resource: AnyResource) -> Mapping[str, Mapping[str, OnChange]]:
    return resource.settings.on_change if has_settings(resource, ContainerSettings) else {}


def _with_reactions(
    resource: AnyResource, reactions: Mapping[str, Mapping[str, OnChange]], problems: Problems
) -> AnyResource:
    """What is done when the content of the container's files changes. A file that stays as it is under the running
    container is an error: what reads it again would read the old content."""
    if not has_settings(resource, ContainerSettings):
        return resource
    settings = replace(resource.settings, on_change={**resource.settings.on_change, **reactions})
    changed = replace(resource, settings=settings)
    for kind in DELIVERED:
        for target, why in file_reactions.stuck(changed, kind):
            how = settings.on_change[kind.name][target]
            summary = f"{target} would not change under the running container, so '{how}' would have no effect: {why}"
            hint = f"write on_change: restart or recreate, or a target in {kind.folder}"
            problems.add(resource.place((kind.name, target)), summary, address=kind.name, hint=hint)
    return changed


def _find(
    resource: AnyResource, kind: Delivered, target: str, source: str, contents: Contents, problems: Problems
) -> Content | None:
    if (kind.name, source) in contents:
        return contents[kind.name, source]
    names = [name for section, name in contents if section == kind.name]
    hint = did_you_mean(source, names) or f"declare it under '{kind.name}' of the play"
    address = f"{KINDS[resource.kind].section}.{resource.name}.{kind.name}"
    problems.add(
        resource.place((kind.name, target)), f"the play has no {kind.one} '{source}'", address=address, hint=hint
    )
    return None
