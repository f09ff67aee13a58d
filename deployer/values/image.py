"""Image references: `redis`, `docker.io/library/redis:latest` and `index.docker.io/redis` are the same."""

from __future__ import annotations

import re

from msgspec import Struct

_DOMAIN = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_ID = re.compile(r"(?:sha256:)?([0-9a-f]{64})")
DOCKER_HUB = "docker.io"


class ImageRef(Struct, frozen=True):
    """A complete reference. For an image id (`sha256:…`), `path` is "" and the id is the digest."""

    domain: str
    path: str
    tag: str
    digest: str

    def __str__(self) -> str:
        """Complete, as the engine's pull requires: `docker.io/library/redis:7`."""
        if not self.path:
            return self.digest
        return f"{self.repository}{self.suffix}"

    @property
    def repository(self) -> str:
        return f"{self.domain}/{self.path}"

    @property
    def suffix(self) -> str:
        """`:tag`, `@digest`, or both."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def familiar(self) -> str:
        """Short, as in `docker ps`: `redis:7`."""
        if not self.path:
            return self.digest[:19]
        short = self.path.removeprefix("library/") if self.domain == DOCKER_HUB else self.repository
        return (short if _split_domain(short) == (self.domain, self.path) else self.repository) + self.suffix


def parse(text: str) -> ImageRef:
    """Raises ValueError with the reason."""
    text = text.strip()
    if found := _ID.fullmatch(text):
        return ImageRef("", "", "", f"sha256:{found[1]}")
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f"'{text}': '{digest}' is not a digest such as sha256:…")
    head, slash, tail = rest.rpartition("/")
    name, colon, tag = tail.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"'{text}': '{tag}' is not a tag")
    domain, path = _split_domain(head + slash + name)
    if not _PATH.fullmatch(path):
        hint = ": repository names are lower case" if path != path.lower() else ""
        raise ValueError(f"'{text}' is not an image reference{hint}")
    return ImageRef(domain, path, tag or ("" if digest else "latest"), digest)


def _split_domain(name: str) -> tuple[str, str]:
    """The first component is a registry if it has a dot, a colon or upper case, or is localhost."""
    first, slash, rest = name.partition("/")
    is_domain = slash and (any(mark in first for mark in ".:") or first == "localhost" or first != first.lower())
    if not is_domain or not _DOMAIN.fullmatch(first):
        first, rest = DOCKER_HUB, name
    if first == "index.docker.io":
        first = DOCKER_HUB
    if first == DOCKER_HUB and "/" not in rest:
        rest = f"library/{rest}"
    return first, rest


def parse_registry(text: str) -> str:
    """The registry of an address such as `https://reg.example.com:5000/`. Raises ValueError."""
    host = text.removeprefix("https://").removeprefix("http://").partition("/")[0]
    found = DOCKER_HUB if host in ("", "index.docker.io", "registry-1.docker.io") else host
    if not _DOMAIN.fullmatch(found):
        raise ValueError(f"'{text}' is not a registry such as reg.example.com:5000")
    return found


def tag_of(text: str) -> str:
    """The complete reference by tag of one with a tag and a digest; "" for others."""
    found = parse(text)
    return f"{found.repository}:{found.tag}" if found.path and found.tag and found.digest else ""


def pulled_name(text: str) -> str:
    """The name that an image has after a pull of a complete reference: with a digest, the tag is ignored."""
    found = parse(text)
    return f"{found.repository}@{found.digest}" if found.digest and found.path else str(found)


def canonical(text: str) -> str:
    """The complete text of a reference. Other text (of old engines) is returned unchanged."""
    try:
        return str(parse(text))
    except ValueError:
        return text


def familiar(text: str) -> str:
    """The short text of a reference. Other text is returned unchanged."""
    try:
        return parse(text).familiar
    except ValueError:
        return text
