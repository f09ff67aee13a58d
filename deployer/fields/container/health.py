"""Container field: the healthcheck. `Config.Healthcheck` in the engine's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from deployer.fields.field import Access, Body, Field, Json, View, show_plain, when_unset
from deployer.fields.leaves import COUNT, FLAG, NUMBER_OR_TEXT, PROBE_TIME
from deployer.fields.shapes import Entry, Forms, Leaf, ListOf, Record, Then, Warned
from deployer.values import duration

_PROBE_KEYS = {
    "test": "Test",
    "interval": "Interval",
    "timeout": "Timeout",
    "start_period": "StartPeriod",
    "start_interval": "StartInterval",
    "retries": "Retries",
}
CRASHING: Final = (["CMD"], ["CMD-SHELL"])
"""Tests without a command. The first probe of `["CMD"]` ends the engine's process, with the logs and checks of all its
containers (measured on 20.10, 26.1 and 28.5); `["CMD-SHELL"]` always fails."""
WITHOUT_COMMAND: Final = "the image has a healthcheck without a command, which crashes Docker itself"
DECLARE_CHECK: Final = "declare a healthcheck with a test, or healthcheck: {disable: true}"
_PROBE_TIMES = frozenset({"interval", "timeout", "start_period", "start_interval"})


_DEFAULT_INTERVAL = 30 * duration.SECOND
"""The engine's default."""


def interval(healthcheck: Mapping[str, Any]) -> float:
    """Seconds between two probes of a canonical healthcheck."""
    return float(healthcheck.get("interval") or _DEFAULT_INTERVAL) / duration.SECOND


def time_to_verdict(healthcheck: Mapping[str, Any]) -> float:
    """Seconds after the start in which a working container may still be `starting`: the start period, in which failures
    do not count, and one interval. 0 without a healthcheck."""
    if healthcheck.get("test") in (None, ["NONE"]):
        return 0.0
    return float(healthcheck.get("start_period") or 0) / duration.SECOND + interval(healthcheck)


def _read_healthcheck(inspect: Json) -> dict[str, Any]:
    """Only what is set: 0 means the engine's default. A disabled check is `{"test": ["NONE"]}` alone."""
    live = (inspect.get("Config") or {}).get("Healthcheck") or {}
    if live.get("Test") == ["NONE"]:
        return {"test": ["NONE"]}
    return {key: live[name] for key, name in _PROBE_KEYS.items() if live.get(name)}


def _write_healthcheck(value: Any, body: Body) -> None:
    body["Healthcheck"] = {_PROBE_KEYS[key]: part for key, part in value.items()}


@when_unset("the image's healthcheck, part by part")
def _expected_healthcheck(row: Field, view: View) -> Any:
    """The engine fills unset parts from the image. Disabling a healthcheck that does not exist is no difference."""
    image, declared = view.image.get(row.name) or {}, view.declared.get(row.name) or {}
    live, disabled = view.live.get(row.name) or {}, {"test": ["NONE"]}
    if declared == disabled:
        return disabled if image or live else {}
    if not declared and not image and live == disabled:
        return live
    expected = dict(image) | dict(declared)
    return disabled if expected.get("test") == disabled["test"] else expected


def _finish_healthcheck(found: dict[str, Any]) -> dict[str, Any]:
    """Without a probe, times have no effect."""
    if found.pop("disable", False) or found.get("test") == ["NONE"]:
        return {"test": ["NONE"]}
    return {key: value for key, value in found.items() if value}


def _spell_healthcheck(value: Mapping[str, Any]) -> dict[str, Any]:
    if value.get("test") == ["NONE"]:
        return {"disable": True}
    return {key: duration.show(part) if key in _PROBE_TIMES else part for key, part in value.items()}


def _check_test(words: list[str]) -> list[str]:
    if words and words[0] not in ("NONE", "CMD", "CMD-SHELL"):
        raise ValueError("a test list begins with CMD, CMD-SHELL or NONE")
    if words in CRASHING:
        raise ValueError("a test list requires a command after CMD or CMD-SHELL; without one, Docker itself crashes")
    return words


def _further_words(words: list[str]) -> str:
    """The engine passes all of them to `/bin/sh -c`."""
    split = words[:1] == ["CMD-SHELL"] and len(words) > 2
    return f"CMD-SHELL runs only '{words[1]}'; the words after it are ignored" if split else ""


def _show_healthcheck(path: tuple[str, ...], value: Any) -> str:
    if path and path[-1] in _PROBE_TIMES and isinstance(value, int):
        return duration.show(value)
    return show_plain(path, value)


_SHAPE = Record(
    (
        Entry(
            name="test",
            shape=Forms(
                expects="a command, or a list that begins with CMD, CMD-SHELL or NONE",
                scalar=Leaf(str, "a command", lambda text: ["CMD-SHELL", text] if text != "NONE" else ["NONE"]),
                sequence=Warned(
                    Then(ListOf(NUMBER_OR_TEXT), _check_test),
                    _further_words,
                    "write one text after CMD-SHELL, or CMD to run the words without a shell",
                ),
            ),
            doc="The probe: text runs in a shell; a list begins with CMD, CMD-SHELL or NONE.",
        ),
        Entry(name="interval", shape=PROBE_TIME, doc="Time between probes; the engine's default is 30s."),
        Entry(name="timeout", shape=PROBE_TIME, doc="Timeout of a probe; default 30s."),
        Entry(name="start_period", shape=PROBE_TIME, doc="Time after the start in which failures do not count."),
        Entry(name="start_interval", shape=PROBE_TIME, doc="Time between probes in the start period (API 1.44)."),
        Entry(name="retries", shape=COUNT, doc="Consecutive failures until unhealthy; default 3."),
        Entry(name="disable", shape=FLAG, doc="Disable the image's healthcheck."),
    ),
    _finish_healthcheck,
)


def _newer_healthcheck(value: Any) -> tuple[tuple[str, str], ...]:
    return (("healthcheck.start_interval", "1.44"),) if value.get("start_interval") else ()


HEALTHCHECK = Field(
    name="healthcheck",
    doc="How the engine checks that the container works; unset parts come from the image.",
    shape=_SHAPE,
    access=Access(_read_healthcheck, _write_healthcheck),
    expect=_expected_healthcheck,
    newer=_newer_healthcheck,
    zero={},
    stored=dict[str, int | bool | list[str]],
    show=_show_healthcheck,
    spell=_spell_healthcheck,
    example={"test": ["CMD", "true"], "interval": "5s"},
    other={"test": ["CMD", "true"], "interval": "9s"},
)
