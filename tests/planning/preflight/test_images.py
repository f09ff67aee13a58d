"""Whether images can be pulled."""

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.model.plan import Plan, PlayPlan
from deployer.model.registry import Availability, Contents, RegistryAnswer
from deployer.reporting.human import plan_text
from deployer.reporting.lines import Sheet
from tests.planning.build import applied
from tests.planning.preflight.looking import NOTHING, asked, judged, refused

WEB = "containers: {web: {image: 'reg.example.com/web:1'}}"
REF = "reg.example.com/web:1"
HUB, HUB_REF = "containers: {web: {image: 'web:1'}}", "docker.io/library/web:1"
CA = "x509: certificate signed by unknown authority"
PLATFORMS = ("linux/amd64", "linux/arm64/v8")


def answer(availability: Availability, message: str = "", *, sent: bool = False) -> RegistryAnswer:
    return RegistryAnswer(availability, authenticated=sent, message=message)


@pytest.mark.parametrize(
    ("found", "summary", "hint"),
    [
        (
            answer(Availability.MISSING),
            "the registry reg.example.com does not have it",
            "check the name and the tag; it may also require a login",
        ),
        (
            answer(Availability.MISSING, sent=True),
            "the registry reg.example.com does not have it",
            "check the name and the tag",
        ),
        (
            answer(Availability.DENIED),
            "the registry reg.example.com requires credentials, or does not have it",
            "set them under 'registries' in the play, or run deployer login reg.example.com",
        ),
        (
            answer(Availability.DENIED, sent=True),
            "the registry reg.example.com rejects the credentials",
            "check the credentials of reg.example.com under 'registries', and their access to this image",
        ),
        (
            answer(Availability.UNREACHABLE, f'Get "https://reg.example.com/v2/": {CA}'),
            "the host cannot reach the registry reg.example.com",
            f'Get "https://reg.example.com/v2/": {CA}\n'
            "make the host's engine trust it: put its CA in /etc/docker/certs.d/reg.example.com/ca.crt on the host",
        ),
    ],
)
def test_errors_of_registries_have_hints(found: RegistryAnswer, summary: str, hint: str) -> None:
    plan = judged(WEB, replace(NOTHING, registry={REF: found}))
    assert refused(plan) == [f"shop.yml:1 image.reg.example.com/web:1: {summary}"]
    assert plan.refusals[0].hint == hint


def test_a_registry_that_limits_pulls_may_still_answer_the_pull() -> None:
    plan = judged(WEB, replace(NOTHING, registry={REF: answer(Availability.LIMITED, "toomanyrequests: slow down")}))
    note = f"image.{REF}: the registry reg.example.com limits the number of pulls; the pull may fail"
    assert (plan.refusals, plan.notes) == ((), (note,))


def test_unknown_answers_of_registries_are_not_findings() -> None:
    plan = judged(WEB, replace(NOTHING, registry={REF: answer(Availability.UNKNOWN, "cannot tell")}))
    assert (plan.refusals, plan.notes) == ((), ())


def test_what_an_earlier_play_pushes_may_be_missing_yet() -> None:
    host = replace(NOTHING, registry={REF: answer(Availability.MISSING)})
    assert len(judged(WEB, host).refusals) == 1
    assert judged(WEB, host, pushed=frozenset({REF})).refusals == ()


def test_a_mirror_has_no_last_word() -> None:
    host = replace(NOTHING, registry={HUB_REF: answer(Availability.MISSING)})
    assert refused(judged(HUB, host)) == ["shop.yml:1 image.web:1: the registry docker.io does not have it"]
    mirrored = judged(HUB, host, mirrored=True)
    note = "image.web:1: the registry docker.io does not have it, according to the host's mirror; "
    note += "the pull may still find it"
    assert (mirrored.refusals, mirrored.notes) == ((), (note,))
    other = replace(NOTHING, registry={REF: answer(Availability.MISSING)})
    assert len(judged(WEB, other, mirrored=True).refusals) == 1


@pytest.mark.parametrize("platform", ["", "linux/amd64", "amd64", "linux", "linux/arm64"])
def test_a_platform_that_is_offered(platform: str) -> None:
    found = RegistryAnswer(Availability.FOUND, "sha256:1", PLATFORMS, several=True)
    text = f"containers: {{web: {{image: '{REF}', platform: '{platform}'}}}}" if platform else WEB
    plan = judged(text, replace(NOTHING, registry={REF: found}))
    assert (plan.refusals, plan.notes) == ((), ())


@pytest.mark.parametrize("platform", ["linux/s390x", "linux/386", "linux/arm/v7", "windows/amd64"])
@pytest.mark.parametrize("several", [True, False])
def test_a_platform_that_is_not_offered(platform: str, *, several: bool) -> None:
    """An engine that is told the platform takes no other."""
    found = RegistryAnswer(Availability.FOUND, "sha256:1", PLATFORMS, several=several)
    text = f"containers: {{web: {{image: '{REF}', platform: {platform}}}}}"
    plan = judged(text, replace(NOTHING, registry={REF: found}))
    summary = f"is not for {platform}, only for linux/amd64, linux/arm64/v8"
    assert refused(plan) == [f"shop.yml:1 image.{REF}: {summary}"]


def test_the_only_image_may_still_run_by_emulation() -> None:
    found = RegistryAnswer(Availability.FOUND, "sha256:1", ("linux/arm64",))
    plan = judged(WEB, replace(NOTHING, registry={REF: found}))
    assert (plan.refusals, plan.notes) == ((), (f"image.{REF}: is not for linux/amd64, only for linux/arm64",))


def test_windows_is_another_system() -> None:
    found = RegistryAnswer(Availability.FOUND, "sha256:1", ("windows/amd64",), several=True)
    plan = judged(WEB, replace(NOTHING, registry={REF: found}))
    assert [refusal.summary for refusal in plan.refusals] == ["is not for linux/amd64, only for windows/amd64"]


def contents(created: str, layers: dict[str, int], **config: Any) -> Contents:
    values = {row.name: row.access.read({"Config": config}) for row in CONTAINER.fields}
    return Contents(values, created, tuple(layers.items()))


def test_of_a_moved_tag_the_plan_says_what_changed_inside_and_what_is_fetched() -> None:
    """Of labels only version and revision; credentials are masked."""
    label = "org.opencontainers.image.revision"
    old = contents(
        "2026-01-02T03:04:05.123Z",
        {"sha256:a": 0, "sha256:b": 0},
        Env=["A=1", "API_TOKEN=sk_live_0123456789abcdef"],
        Labels={label: "1234abc", "other": "x"},
        Entrypoint=["/start"],
    )
    new = contents(
        "2026-02-02T03:04:05Z",
        {"sha256:a": 30 * 1024**2, "sha256:c": 2 * 1024**2},
        Env=["A=2", "API_TOKEN=sk_live_fedcba9876543210"],
        Labels={label: "5678def", "other": "y"},
        Entrypoint=["/start", "now"],
        ExposedPorts={"80/tcp": {}},
    )
    always = "containers: {web: {image: 'reg.example.com/web:1', pull: newer}}"
    digest = "sha256:" + "ab" * 32
    host = replace(applied(WEB), registry={REF: RegistryAnswer(Availability.FOUND, digest)})
    assert asked(always, host).fetched == {(REF, digest, "linux/amd64")}
    plan = judged(always, host, contents={REF: (old, new)})
    shown = [str(line) for line in plan_text(Plan((PlayPlan("", "shop", (plan,)),)), sheet=Sheet(width=80))]
    assert shown[1:9] == [
        "  ~    image reg.example.com/web:1  pull, the tag moved, up to 2.0 MiB of 32.0 MiB to fetch",
        "         digest                     sha256:reg.example. → sha256:abababababab",
        "         created                    2026-01-02T03:04:05 → 2026-02-02T03:04:05",
        "         entrypoint                 /start → /start now",
        "         environment.A              1 → 2",
        "         environment.API_TOKEN      (secret, changed)",
        "         revision                   1234abc → 5678def",
        "         expose                     none → 80/tcp",
    ]


def test_of_an_image_that_is_not_there_the_plan_says_how_much_is_fetched() -> None:
    new = contents("2026-02-02T03:04:05Z", {"sha256:a": 30 * 1024**2, "sha256:c": 2 * 1024**2})
    assert asked(WEB).fetched == {(REF, "", "linux/amd64")}
    reasons = [change.reason for change in judged(WEB, NOTHING, contents={REF: (None, new)}).changes]
    assert reasons[0] == "pull, up to 32.0 MiB to fetch"
    unknown = contents("2026-02-02T03:04:05Z", {"sha256:a": 0})
    assert judged(WEB, NOTHING, contents={REF: (None, unknown)}).changes[0].reason == "pull"


def test_only_images_not_looked_up_before_are_looked_up() -> None:
    assert asked(WEB).pulls == {REF}
    assert not asked(WEB, replace(NOTHING, registry={REF: answer(Availability.UNKNOWN)})).pulls
    assert not asked(WEB, applied(WEB))
