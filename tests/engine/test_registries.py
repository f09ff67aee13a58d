"""What registries say, as engines pass it on; the errors were measured on 20.10 and 26.1."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployer.engine.registries import ask
from deployer.errors import EngineError
from deployer.interfaces import Engine, EngineInfo, RegistryAuth
from deployer.model.registry import Availability, RegistryAnswer

REF = "reg.example.com/web:1"
AUTH = RegistryAuth("ci", "secret", "reg.example.com")
V2 = "application/vnd.docker.distribution"


class Registry:
    """An engine that passes on one answer."""

    def __init__(self, answer: Any, kind: str = "docker") -> None:
        self._answer = answer
        self._kind = kind

    def describe(self) -> EngineInfo:
        return EngineInfo("26.1.5", "1.45", "1.45", "linux", "amd64", self._kind)

    def inspect_distribution(self, _ref: str, _auth: RegistryAuth | None) -> Any:
        if isinstance(self._answer, EngineError):
            raise self._answer
        return self._answer


def said(answer: Any, auth: RegistryAuth | None = None, kind: str = "docker") -> RegistryAnswer:
    return ask(cast(Engine, Registry(answer, kind)), REF, auth)


def test_hosts_that_fail_alike_say_the_same() -> None:
    lookup = (
        'Get "https://reg/v2/": dial tcp: lookup reg on 10.0.0.2:53: read udp {}10.0.0.2:53: read: connection refused'
    )
    one, other = (said(EngineError(lookup.format(f"10.0.0.{end}->"), status=500)) for end in ("8:4711", "9:4712"))
    assert one == other
    assert one.message == lookup.format("")


def failing(status: int, message: str) -> Availability:
    found = said(EngineError(message, status=status))
    assert found.message == message
    return found.availability


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (500, 'Head "https://reg.example.com/v2/x/manifests/1": no basic auth credentials', Availability.DENIED),
        (401, "unauthorized: authentication required", Availability.DENIED),
        (403, "denied: requested access to the resource is denied", Availability.DENIED),
        (
            500,
            'Get "https://reg.example.com/v2/": dial tcp 10.0.0.9:443: connect: no route to host',
            Availability.UNREACHABLE,
        ),
        (
            500,
            'Get "https://reg.example.com/v2/": x509: certificate signed by unknown authority',
            Availability.UNREACHABLE,
        ),
        (500, "toomanyrequests: You have reached your pull rate limit", Availability.LIMITED),
        (429, "slow down", Availability.LIMITED),
        (500, 'Get "https://reg.example.com/v2/": an error without a name', Availability.UNREACHABLE),
        (500, "manifest schema unsupported", Availability.UNKNOWN),
    ],
)
def test_why_a_registry_has_no_answer(status: int, message: str, expected: Availability) -> None:
    assert failing(status, message) is expected


def test_an_image_that_is_not_there() -> None:
    assert said(None) == RegistryAnswer(Availability.MISSING)
    assert said(None, AUTH) == RegistryAnswer(Availability.MISSING, authenticated=True)


def test_podman_answers_404_to_the_very_question() -> None:
    assert said(None, kind="podman") == RegistryAnswer(Availability.UNKNOWN)


def test_a_single_image() -> None:
    found = {
        "Descriptor": {"mediaType": f"{V2}.manifest.v2+json", "digest": "sha256:1", "size": 427},
        "Platforms": [{"architecture": "amd64", "os": "linux"}],
    }
    assert said(found) == RegistryAnswer(Availability.FOUND, "sha256:1", ("linux/amd64",))


@pytest.mark.parametrize("kind", [f"{V2}.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"])
def test_an_image_of_several_platforms(kind: str) -> None:
    platforms = [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
        {"architecture": "unknown", "os": "unknown"},
    ]
    found = {"Descriptor": {"mediaType": kind, "digest": "sha256:1"}, "Platforms": platforms}
    assert said(found) == RegistryAnswer(
        Availability.FOUND, "sha256:1", ("linux/amd64", "linux/arm64/v8"), several=True
    )


@pytest.mark.parametrize("answer", [{}, {"Descriptor": None, "Platforms": None}])
def test_an_answer_without_anything_in_it(answer: Any) -> None:
    assert said(answer) == RegistryAnswer(Availability.FOUND)
