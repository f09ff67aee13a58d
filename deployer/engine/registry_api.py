"""The HTTP API of registries (OCI distribution specification 1.1), requested from this machine."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

from deployer.engine.registry_auth import HUB, TOKEN_USER
from deployer.errors import RegistryError
from deployer.interfaces import RegistryAuth

_HUB_HOST: Final = "registry-1.docker.io"
_CONNECTING: Final = 5.0
_WAITING: Final = 30.0
"""Seconds to connect, and to wait for data."""

_LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a manifest, a configuration or a list of tags."""

_UNAUTHORIZED: Final = 401
_INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_DIGEST: Final = "Docker-Content-Digest"


class Registry:
    """One registry. Credentials are sent to it and to the token server that it names. Methods raise `RegistryError`.

    `base`: another address to ask, such as a mirror's; `insecure`: certificates are not checked, and HTTP is tried, as
    for all registries of this machine; `connecting`: seconds to wait for a connection."""

    def __init__(
        self,
        domain: str,
        auth: RegistryAuth | None,
        *,
        base: str = "",
        insecure: bool = False,
        connecting: float = _CONNECTING,
    ) -> None:
        self.domain = domain
        self._timeouts = (connecting, _WAITING)
        self._auth = auth
        self._session = requests.Session()
        insecure = insecure or _is_loopback(domain)
        self._session.verify = not insecure and _certificates(domain)
        host = _HUB_HOST if domain == HUB else domain
        http = (f"http://{host}",) if insecure else ()
        self._bases = (base.rstrip("/"),) if base else (f"https://{host}", *http)
        self._headers: dict[str, str] = {}

    def check(self) -> None:
        """Whether the registry answers and accepts the credentials."""
        self._get("/v2/", "*/*")

    def manifest(self, repository: str, reference: str) -> tuple[str, Mapping[str, Any]]:
        """(digest, content) by tag or digest: of an image, or of an index of images."""
        answer, body = self._get(f"/v2/{repository}/manifests/{reference}", ", ".join((*_INDEXES, *_MANIFESTS)))
        digest = _sha256(body)
        if reference.startswith("sha256:") and reference != digest:
            raise RegistryError(f"{self.domain} answered with another manifest than {reference}")
        return str(answer.headers.get(_DIGEST) or digest), _decoded(self.domain, body)

    def blob(self, repository: str, digest: str) -> Mapping[str, Any]:
        """A blob that is JSON, such as the configuration of an image."""
        _, body = self._get(f"/v2/{repository}/blobs/{digest}", "*/*")
        if _sha256(body) != digest:
            raise RegistryError(f"{self.domain} answered with another blob than {digest}")
        return _decoded(self.domain, body)

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository."""
        found: list[str] = []
        path = f"/v2/{repository}/tags/list?n=1000"
        while path:
            answer, body = self._get(path, "application/json")
            found += _decoded(self.domain, body).get("tags") or []
            following = answer.links.get("next", {}).get("url", "")
            path = urllib.parse.urlsplit(following)._replace(scheme="", netloc="").geturl()
        return tuple(map(str, found))

    def _get(self, path: str, accept: str) -> tuple[requests.Response, bytes]:
        answer, body = self._ask(path, accept)
        if answer.status_code == _UNAUTHORIZED:
            self._headers = self._authorization(answer.headers.get("WWW-Authenticate") or "")
            answer, body = self._ask(path, accept)
        if not answer.ok:
            raise RegistryError(_refusal(self.domain, answer, body), status=answer.status_code)
        return answer, body

    def _ask(self, path: str, accept: str) -> tuple[requests.Response, bytes]:
        """The first address that answers is asked from then on."""
        *others, last = self._bases
        for base in others:
            try:
                return self._fetch(base, path, accept)
            except RegistryError:
                continue
        return self._fetch(last, path, accept)

    def _fetch(self, base: str, path: str, accept: str) -> tuple[requests.Response, bytes]:
        found = self._read(base + path, {"Accept": accept, **self._headers})
        self._bases = (base,)
        return found

    def _read(self, url: str, headers: Mapping[str, str], data: Any = None) -> tuple[requests.Response, bytes]:
        with _explained(self.domain), warnings.catch_warnings(action="ignore"):
            answer = self._session.request(
                "POST" if data else "GET",
                url,
                headers=dict(headers),
                data=data,
                auth=lambda request: request,  # nothing of ~/.netrc
                timeout=self._timeouts,
                stream=True,
            )
            with answer:
                body = answer.raw.read(_LARGEST + 1, decode_content=True)
        if len(body) > _LARGEST:
            raise RegistryError(f"{self.domain} answered with more than 8 MiB")
        return answer, body

    def _authorization(self, challenge: str) -> dict[str, str]:
        """The header that a challenge asks for (RFC 9110, section 11.6.1)."""
        scheme, _, rest = challenge.partition(" ")
        fields = urllib.request.parse_keqv_list(urllib.request.parse_http_list(rest))
        if scheme.lower() == "bearer" and "realm" in fields:
            return {"Authorization": f"Bearer {self._token(fields)}"}
        if self._auth is None or scheme.lower() != "basic":
            raise RegistryError(f"{self.domain} requires credentials", status=_UNAUTHORIZED)
        return {"Authorization": _basic(self._auth)}

    def _token(self, fields: Mapping[str, str]) -> str:
        """From the token server of a challenge (the registry's token specification)."""
        auth, realm = self._auth, fields["realm"]
        if auth is not None and urllib.parse.urlsplit(realm).scheme != "https" and self._session.verify:
            raise RegistryError(f"{self.domain} wants the credentials sent to {realm}, which does not use TLS")
        query = {key: fields[key] for key in ("service", "scope") if key in fields}
        if auth is not None and auth.username == TOKEN_USER:
            grant = {"grant_type": "refresh_token", "client_id": "deployer", "refresh_token": auth.password}
            answer, body = self._read(realm, {}, {**query, **grant})
        else:
            headers = {"Authorization": _basic(auth)} if auth is not None else {}
            separator = "&" if "?" in realm else "?"
            answer, body = self._read(f"{realm}{separator}{urllib.parse.urlencode(query)}", headers)
        if not answer.ok:
            raise RegistryError(_refusal(self.domain, answer, body), status=answer.status_code)
        found = _decoded(self.domain, body)
        return str(found.get("token") or found.get("access_token") or "")


def _is_loopback(domain: str) -> bool:
    name = domain.rpartition(":")[0] or domain
    try:
        return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _basic(auth: RegistryAuth) -> str:
    return str(requests.auth._basic_auth_str(auth.username.encode(), auth.password.encode()))


def _certificates(domain: str) -> str | bool:
    """The CA that Docker on this machine uses for the registry."""
    file = Path("/etc/docker/certs.d", domain, "ca.crt")
    return str(file) if file.is_file() else True


def _sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _decoded(domain: str, body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise RegistryError(f"{domain} did not answer in JSON") from error
    if not isinstance(found, Mapping):
        raise RegistryError(f"{domain} did not answer as a registry does")
    return found


def _refusal(domain: str, answer: requests.Response, body: bytes) -> str:
    """`reg.example.com answered 404 Not Found: manifest unknown`, with the time to wait of a rate limit."""
    try:
        said = ", ".join(str(each["message"]) for each in json.loads(body)["errors"])
    except (ValueError, KeyError, TypeError):
        said = ""
    wait = answer.headers.get("Retry-After") or ""
    parts = (f"{domain} answered {answer.status_code} {answer.reason}", said, f"retry-after: {wait}s" if wait else "")
    return ": ".join(filter(None, parts))


@contextmanager
def _explained(domain: str) -> Iterator[None]:
    """A context in which the library's errors become `RegistryError`."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        hint = f"put the registry's CA in /etc/docker/certs.d/{domain}/ca.crt on this machine"
        raise RegistryError(f"the certificate of {domain} is not trusted: {_innermost(error)}", hint=hint) from error
    except (requests.RequestException, OSError) as error:
        hint = "check the name and the port, and the network of this machine"
        raise RegistryError(f"{domain} cannot be reached: {_innermost(error)}", hint=hint) from error


def _innermost(error: BaseException) -> str:
    """What the library wrapped, without its objects' addresses."""
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return _innermost(reason) if isinstance(reason, BaseException) else str(error).rpartition("): ")[2]
