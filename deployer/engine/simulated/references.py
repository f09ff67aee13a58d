"""Image references as the engine reads them: the complete form it resolves and the familiar form it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from deployer.engine.simulated.refusals import invalid

_NAME = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """`name` is complete: domain and path. A digest wins over a tag."""

    name: str
    tag: str = ""
    digest: str = ""

    @property
    def familiar_name(self) -> str:
        """Docker Hub's domain and its "library" are not shown."""
        return self.name.removeprefix("docker.io/").removeprefix("library/")

    @property
    def complete(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    @property
    def familiar(self) -> str:
        return f"{self.familiar_name}@{self.digest}" if self.digest else f"{self.familiar_name}:{self.tag}"

    def with_digest(self, digest: str) -> Reference:
        return replace(self, tag="", digest=digest)


def parse_reference(text: str) -> Reference:
    """`busybox`, `docker.io/busybox:1`, `index.docker.io/library/busybox@sha256:…` all name the same repository."""
    rest, _, digest = text.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    if digest and not _DIGEST.fullmatch(digest):
        raise invalid("invalid reference format")
    if not tag and not digest:
        tag = "latest"
    domain, path = _split_domain(head)
    if path != path.lower():
        raise invalid("invalid reference format: repository name must be lowercase")
    if not _NAME.fullmatch(path) or (tag and not _TAG.fullmatch(tag)):
        raise invalid("invalid reference format")
    return Reference(f"{domain}/{path}", tag, digest)


def _split_domain(name: str) -> tuple[str, str]:
    """The first part is a registry if it has a dot, a port or capitals, or is localhost."""
    first, slash, rest = name.partition("/")
    if not slash or not (set(first) & {".", ":"} or first == "localhost" or first != first.lower()):
        domain, path = "docker.io", name
    else:
        domain, path = first, rest
    if domain == "index.docker.io":
        domain = "docker.io"
    if domain == "docker.io" and "/" not in path:
        path = f"library/{path}"
    return domain, path
