"""Secrets are nowhere in a plan: not in its texts, not in what Python prints of it, not in labels."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

import deployer
from deployer.interfaces import Guarded
from deployer.model import ownership
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.operations import CreateContainer
from deployer.model.plan import HostPlan
from deployer.model.secrets import MASK, Sealing, holds_secret, redact, redacted, sealed
from tests.planning.build import EMPTY, applied, changed, plan, play

NEW = "s3ntinel it's new"
OLD = "s3ntinel it's old"


def wish(keys: str, secret: str) -> Desired:
    return play(f"containers: {{web: {{image: web:1, {keys}}}}}", secrets={"pw": secret, "key": "a" + secret})


def everything(found: HostPlan) -> str:
    """All that might be shown of a plan, and what its objects print of themselves."""
    texts = [str(found), repr(found)]
    for step in found.steps:
        texts += [str(step), repr(step), repr(step.operation), *map(repr, step.undo)]
    for change in found.changes:
        texts += [repr(change), *(f"{each.name}: {each.old} → {each.new}" for each in change.diffs)]
    return "\n".join([*texts, *found.notes, *(repr(each) for each in found.refusals)])


def leaks(text: str) -> bool:
    return "s3ntinel" in text or "it's" in text or "it'\"'\"'s" in text


KEYS = [
    "environment: {DB_PASSWORD: '{{ pw }}'}",
    "environment: {URL: 'postgres://u:{{ pw }}@db'}",
    "environment: ['X={{ pw }}']",
    "environment: {X: '{{ pw | b64encode }}'}",
    "command: ['--pw', '{{ pw }}']",
    "command: ['--pw={{ pw }}']",
    "command: 'run --pw \"{{ pw }}\" now'",
    "entrypoint: ['sh', '-c', 'echo {{ pw }}']",
    "labels: {traefik: '{{ pw }}'}",
    "labels: ['traefik={{ pw }}']",
    "healthcheck: {test: 'curl -u u:{{ pw }} localhost'}",
    "healthcheck: {test: [CMD, curl, '{{ pw }}']}",
    "sysctls: {net.x: '{{ pw }}'}",
    "logging: {driver: splunk, options: {splunk-token: '{{ pw }}'}}",
    "log_options: ['splunk-token={{ pw }}']",
    "storage_opt: {x: '{{ pw }}'}",
    "annotations: {x: '{{ pw }}'}",
    "hostname: '{{ pw }}'",
    "domainname: '{{ pw }}'",
    "user: '{{ pw }}'",
    "tmpfs: ['/run:mpol={{ pw }}']",
    "volumes: ['/srv/{{ pw }}:/srv']",
    "volumes: [{type: bind, source: '/srv/{{ pw }}', target: /srv}]",
    "security_opt: ['label=user:{{ pw }}']",
    "networks: {bridge: {driver_opts: {x: '{{ pw }}'}}}",
    "dns_search: ['{{ pw }}']",
    "group_add: ['{{ pw }}']",
    "cgroup_parent: '{{ pw }}'",
    "gpus: [{options: {x: '{{ pw }}'}}]",
]


@pytest.mark.parametrize("keys", [*KEYS, "labels: {'{{ pw }}': x}"])
def test_a_new_container(keys: str) -> None:
    desired = wish(keys, NEW)
    found = plan(desired, applied(EMPTY))
    assert not leaks(everything(found))
    created = next(step.operation for step in found.steps if isinstance(step.operation, CreateContainer))
    assert not leaks(created.body["Labels"][ownership.SPEC])
    assert NEW in json.dumps(created.body) or "b64" in keys or "run --pw" in keys, "the engine gets it"


@pytest.mark.parametrize("keys", KEYS)
def test_an_unchanged_secret_plans_nothing(keys: str) -> None:
    desired = wish(keys, NEW)
    found = plan(desired, applied(desired))
    assert (found.changes, found.steps) == ((), ())


@pytest.mark.parametrize("keys", KEYS)
def test_a_secret_that_was_changed_is_neither_shown_old_nor_new(keys: str) -> None:
    found = plan(wish(keys, NEW), applied(wish(keys, OLD)))
    assert found.changes
    assert not leaks(everything(found))


@pytest.mark.parametrize("keys", KEYS)
def test_a_secret_that_is_no_longer_declared_is_not_shown(keys: str) -> None:
    found = plan("containers: {web: {image: web:1}}", applied(wish(keys, OLD)))
    assert found.changes
    assert not leaks(everything(found))


@pytest.mark.parametrize("keys", [*KEYS, "labels: {'{{ pw }}': x}"])
def test_a_secret_declared_instead_of_another_value_is_not_shown(keys: str) -> None:
    found = plan(wish(keys, NEW), applied("containers: {web: {image: web:1}}"))
    assert not leaks(everything(found))


def unreadable(host: Observed) -> Observed:
    (web,) = host.containers
    return changed(host, "web", owner=replace(web.owner, recorded={}))


def test_variables_of_ours_are_not_shown_when_their_record_cannot_be_read() -> None:
    host = unreadable(applied(wish("environment: {X: '{{ pw }}'}", OLD)))
    assert not leaks(everything(plan("containers: {web: {image: web:1}}", host)))


def test_usual_names_of_secrets_are_never_shown() -> None:
    host = applied("containers: {web: {image: web:1, environment: {DB_PASSWORD: plain, MODE: a}}}")
    found = plan("containers: {web: {image: web:1, environment: {DB_PASSWORD: other, MODE: b}}}", host)
    shown = {each.name: (each.old, each.new, each.sensitive) for change in found.changes for each in change.diffs}
    assert shown == {"environment.DB_PASSWORD": (MASK, MASK, True), "environment.MODE": ("a", "b", False)}


def test_values_that_are_not_secret_stay_readable() -> None:
    found = plan(
        wish("environment: {URL: 'x', PW: '{{ pw }}'}, command: [run, now]", NEW), applied(wish("tty: false", OLD))
    )
    shown = {each.name: each.new for change in found.changes for each in change.diffs}
    assert shown == {"command": "run now", "environment.PW": MASK, "environment.URL": "x"}


def test_a_refusal_shows_no_secret() -> None:
    desired = wish("environment: {X: '{{ pw }}'}, recreate: never", NEW)
    found = plan(desired, applied(wish("environment: {X: '{{ pw }}'}", OLD)))
    assert found.refusals
    assert not leaks(everything(found))


def test_networks_and_volumes() -> None:
    text = """
    networks: {front: {driver_opts: {x: '{{ pw }}'}, labels: {a: '{{ pw }}'}}}
    volumes: {data: {driver_opts: {type: cifs, device: //s/x, o: 'password={{ pw }}'}}}
    """
    old, new = (play(text, secrets={"pw": secret}) for secret in (OLD, NEW))
    assert not leaks(everything(plan(new, applied(EMPTY))))
    assert not leaks(everything(plan(new, applied(old))))
    assert not leaks(everything(plan("", applied(old), prune=True)))
    host = applied(old)
    owners = [*(found.owner for found in host.networks), *(found.owner for found in host.volumes)]
    assert not leaks(repr(owners))


def test_the_record_distinguishes_changed_and_unchanged_secrets() -> None:
    (old,), (same,), (new,) = (wish("environment: {X: '{{ pw }}'}", each).resources for each in (OLD, OLD, NEW))
    sealing = Sealing(key=bytes(32))
    written = [ownership.declared(each, "shop", sealing) for each in (old, same, new)]
    assert written[0] == written[1] != written[2]
    assert ownership.declared(old, "blog", sealing) != written[0], "keyed by owner and address"


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("a hunter2 b", {"hunter2"}, "a *** b"),
        ("hunter2hunter2", {"hunter2"}, "******"),
        ("abc", {"abc"}, "***"),
        ("abcd abc", {"abc"}, "abcd abc"),
        ("hunter22", {"hunter2", "hunter22"}, "***"),
        ("x", set(), "x"),
        ("x", {""}, "x"),
    ],
)
def test_redaction(text: str, secrets: set[str], shown: str) -> None:
    assert redact(text, secrets) == shown


def test_redaction_of_values() -> None:
    secrets = frozenset({"hunter2", "12345"})
    value: Any = {"a": ["x", "hunter2"], "hunter2": {"b": 12345, "c": True, "d": None, "e": 5}}
    assert redacted(value, secrets) == {"a": ["x", "***"], "***": {"b": "***", "c": True, "d": None, "e": 5}}
    assert holds_secret(value, secrets)
    assert not holds_secret(value, frozenset({"absent", "True"}))


KEY = bytes(range(32))
SEALING = Sealing(frozenset({"hunter2"}), KEY, "shop/container.web")


def digest(value: Any) -> dict[str, str]:
    return {"$secret": SEALING.digest(value)}


def test_sealing_by_text_and_by_path() -> None:
    value = {"a": "hunter2", "b": ["x", "hunter2"], "c": {"d": 5, "e": 6}, "f": ["y"], "hunter2": 1}
    found = sealed(value, SEALING, frozenset({("c", "d"), ("f", "g"), ("c", "z")}))
    assert found == {
        "a": digest("hunter2"),
        "b": ["x", digest("hunter2")],
        "c": {"d": digest(5), "e": 6},
        "f": digest(["y"]),
        f"$secret:{SEALING.digest('hunter2')}": 1,
    }


def test_sealing_by_form() -> None:
    value = {
        "environment": {"DB_PASSWORD": "plain", "DB_PASSWORD_FILE": "/run/secrets/db", "U": "x://u:p@h", "MODE": "a"},
        "command": ["run", "--password", "plain", "--port", "80"],
    }
    assert sealed(value, SEALING) == {
        "environment": {
            "DB_PASSWORD": digest("plain"),
            "DB_PASSWORD_FILE": "/run/secrets/db",
            "U": digest("x://u:p@h"),
            "MODE": "a",
        },
        "command": ["run", "--password", digest("plain"), "--port", "80"],
    }


def test_a_digest_depends_on_the_key_the_address_and_the_value() -> None:
    assert SEALING.digest("hunter2") == "36234754a1c9b120d1e9ea3c17800236"
    others = [replace(SEALING, key=KEY[::-1]), replace(SEALING, address="shop/container.db")]
    found = [SEALING.digest("hunter2"), SEALING.digest("hunter3"), *(each.digest("hunter2") for each in others)]
    assert len(set(found)) == 4
    assert SEALING.key_id == "8adc89f9"
    assert SEALING.key_id not in found[0]


def test_without_a_key_a_record_tells_only_that_there_was_a_secret() -> None:
    assert sealed({"a": "hunter2"}, replace(SEALING, key=b"")) == {"a": {"$secret": ""}}
    assert replace(SEALING, key=b"").key_id == ""


HIDDEN = {
    "AwaitHealthy": ("probe",),
    "Build": ("secrets", "files", "built"),
    "BuildImage": ("build", "labels"),
    "Changed": ("content",),
    "CliConnectionOptions": ("password", "become_password"),
    "ComposePlaybook": ("secrets", "values"),
    "ConnectNetwork": ("endpoint",),
    "ConnectionSpec": ("private_key", "private_key_passphrase", "password", "sudo_password"),
    "Content": ("data",),
    "ContentSources": ("caller",),
    "CreateContainer": ("body",),
    "CreateNetwork": ("body",),
    "CreateVolume": ("body",),
    "Desired": ("registries", "secrets", "sealing_key", "contents"),
    "EnvFile": ("values",),
    "Input": ("data",),
    "Inputs": ("sealing_key", "caller"),
    "Loaded": ("secrets", "passwords"),
    "Login": ("sign", "proves"),
    "MakeLink": ("before",),
    "Probe": ("header", "command"),
    "Located": ("environ",),
    "Project": ("environ", "included"),
    "PutFile": ("sha256", "content", "before"),
    "RegistryAuth": ("username", "password"),
    "RemoveFile": ("identity",),
    "RestoreFile": ("identity",),
    "RunCommand": ("command",),
    "S3Access": ("access_key", "secret_key", "session_token"),
    "ScriptResult": ("stdout",),
    "Sealing": ("secrets", "key"),
    "Source": ("sha256",),
    "Sources": ("become_password",),
    "SwitchFiles": ("labels", "files"),
    "UpdateContainer": ("body",),
    "ValidateFiles": ("command", "labels", "files"),
    "Validation": ("command",),
    "VaultSecret": ("password",),
    "VolumeSettings": ("backup",),
    "Wanted": ("environ",),
    "WriteFiles": ("labels", "files"),
    "WriteManifest": ("labels",),
    "WriteRecord": ("labels",),
    "WrittenFile": ("content",),
    "_Keys": ("cipher", "mac", "counter"),
}


def below(found: type[Guarded]) -> Iterator[type[Guarded]]:
    for each in found.__subclasses__():
        yield each
        yield from below(each)


def test_records_do_not_print_what_they_hide() -> None:
    for module in pkgutil.walk_packages(deployer.__path__, "deployer."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    guarded = {found.__name__: found for found in below(Guarded) if found.hidden and not found.__subclasses__()}
    assert {name: found.hidden for name, found in guarded.items()} == HIDDEN
    for found in guarded.values():
        fields = found.__struct_fields__
        record = found(**{name: f"<{name}>" for name in fields})
        shown = [name for name in fields if name not in found.hidden]
        assert repr(record) == found.__name__ + "(" + ", ".join(f"{name}='<{name}>'" for name in shown) + ")"
        assert dict(record.__rich_repr__()) == {name: f"<{name}>" for name in shown}
