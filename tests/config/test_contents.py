"""The `configs` and `secrets` of a play, and what containers make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.config import yaml
from deployer.config.playbook import Play
from deployer.config.resolve import Inputs, resolve
from deployer.config.templates.templar import Templar
from deployer.config.vault import VaultSecret, VaultSecrets, encrypt
from deployer.diagnostics import Origin, Problems
from deployer.model.desired import Desired, has_settings
from deployer.model.settings import ContainerSettings
from deployer.nodes import Mapping, Scalar

KEY = b"k" * 32
VAULT = VaultSecret("default", b"pw")


def resolved(folder: Path, text: str, *, key: bytes = KEY, **caller: str) -> tuple[Desired, list[str]]:
    problems = Problems()
    file = str(folder / "shop.yml")
    tree = yaml.load(text, file, problems)
    assert isinstance(tree, Mapping)
    inputs = Inputs(problems, VaultSecrets((VAULT,)), project="shop", sealing_key=key, caller=caller)
    templar = Templar({"pw": Scalar("hunter2", Origin("v.yml"), secret=True)})
    desired = resolve(Play(file, Origin(file), dict(tree.items())), "web1", templar, inputs)
    return desired, [f"{found.address}: {found.summary}" for found in problems.errors]


def values(desired: Desired, name: str = "web") -> Any:
    found = desired.container(name)
    assert found is not None
    return found.values


def test_content_comes_from_a_file_a_text_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(bytes(range(256)))
    (tmp_path / "vaulted").write_text(encrypt("from the vault\n", VAULT))
    text = """
configs: {raw: {file: raw}, text: {content: "a\\n"}, vaulted: {file: vaulted}, mixed: {content: "p={{ pw }}"}}
secrets: {env: {environment: TOKEN}, number: {content: "{{ 5 }}"}}
containers:
  web: {image: web:1, configs: [raw, text, vaulted, mixed], secrets: [env, number]}
"""
    desired, errors = resolved(tmp_path, text, TOKEN="t0ken-of-caller\n")
    assert errors == []
    found = values(desired)
    content = {target: desired.contents[entry["content"]] for target, entry in found["configs"].items()}
    assert content == {
        "/raw": bytes(range(256)),
        "/text": b"a\n",
        "/vaulted": b"from the vault\n",
        "/mixed": b"p=hunter2",
    }
    secrets = {target: desired.contents[entry["content"]] for target, entry in found["secrets"].items()}
    assert secrets == {"/run/secrets/env": b"t0ken-of-caller\n", "/run/secrets/number": b"5"}
    digests = {target: entry["content"].partition(":")[0] for target, entry in found["configs"].items()}
    keyed = f"hmac-{desired.sealing.key_id}"
    assert digests == {"/raw": "sha256", "/text": "sha256", "/vaulted": keyed, "/mixed": keyed}
    assert {"t0ken-of-caller", "from the vault", "hunter2"} <= desired.secrets


def test_targets_owners_and_modes(tmp_path: Path) -> None:
    text = """
configs: {c: {content: x}}
secrets: {s: {content: x}}
containers:
  web:
    image: web:1
    user: "1000:100"
    configs: [c, {source: c, target: etc/c, gid: 7, mode: "0640"}]
    secrets: [{source: s, target: sub/s}, {source: s, target: /etc/s, uid: 0, mode: 440}]
"""
    desired, errors = resolved(tmp_path, text)
    assert errors == []
    found = {
        target: (entry["source"], f"{entry['mode']:o}", entry["uid"], entry["gid"])
        for name in ("configs", "secrets")
        for target, entry in values(desired)[name].items()
    }
    assert found == {
        "/c": ("c", "444", 1000, 100),
        "/etc/c": ("c", "640", 1000, 7),
        "/run/secrets/sub/s": ("s", "400", 1000, 100),
        "/etc/s": ("s", "440", 0, 100),
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("secrets: {db: {}}", "secrets.db: write one of file, content and environment"),
        ("secrets: {db: {file: a, content: b}}", "secrets.db: write one of file, content and environment"),
        ("configs: {db: {external: true}}", "configs.db: external ones exist only in a swarm"),
        ("secrets: {db: {environment: NO}}", "secrets.db: the environment has no variable NO"),
        ("configs: {db: {file: none}}", "configs.db: {folder}/none cannot be read: No such file or directory"),
        ("secrets: {db: {file: big}}", "secrets.db: has 512001 bytes, more than the 512000 of a secret"),
        ("containers: {web: {image: a:1, secrets: [bd]}}", "containers.web.secrets: the play has no secret 'bd'"),
        ("containers: {web: {image: a:1, secrets: [{target: /x}]}}", "containers.web.secrets[0]: 'source' is missing"),
        (
            "{configs: {a: {content: x}}, containers: {web: {image: a:1, configs: [{source: a, mode: 9}]}}}",
            "containers.web.configs[0].mode: '9' is not an octal mode such as \"0440\"",
        ),
        (
            "{secrets: {a: {content: x}}, containers: {web: {image: a:1, secrets: [a], volumes: ['/run/secrets']}}}",
            "containers.web.secrets: '/run/secrets' is also under volumes",
        ),
        (
            "{configs: {a: {content: x}}, containers: {web: {image: a:1, configs: [{source: a, target: /}]}}}",
            "containers.web.configs[0]: '/' is not the path of a file",
        ),
    ],
)
def test_errors(tmp_path: Path, text: str, error: str) -> None:
    (tmp_path / "big").write_bytes(b"x" * 512_001)
    assert resolved(tmp_path, text)[1] == [error.replace("{folder}", str(tmp_path))]


def test_secrets_require_a_key(tmp_path: Path) -> None:
    text = "{secrets: {a: {content: x}}, containers: {web: {image: a:1, secrets: [a]}}}"
    (error,) = resolved(tmp_path, text, key=b"")[1]
    assert error == "secrets: changes of secret content are found with a key of this machine, and it cannot keep one"


def test_what_is_done_when_content_changes(tmp_path: Path) -> None:
    """The container's own word counts, then that of the definition."""
    text = """
configs: {a: {content: x, on_change: restart}, b: {content: x}}
secrets: {s: {content: x, on_change: {signal: 1}}}
containers:
  web:
    image: web:1
    configs: [a, {source: a, target: /etc/a, on_change: {exec: nginx -s reload}}, b]
    secrets: [s]
"""
    desired, errors = resolved(tmp_path, text)
    found = desired.container("web")
    assert errors == []
    assert found is not None
    assert has_settings(found, ContainerSettings)
    reactions = found.settings.on_change
    assert {target: str(how) for files in reactions.values() for target, how in files.items()} == {
        "/a": "restart",
        "/etc/a": "exec nginx -s reload",
        "/b": "recreate",
        "/run/secrets/s": "signal SIGHUP",
    }
    assert "on_change" not in str(found.values)


def test_a_reaction_that_could_have_no_effect_is_an_error(tmp_path: Path) -> None:
    text = """
configs: {a: {content: x, on_change: {signal: HUP}}}
containers:
  sealed: {image: web:1, read_only: true, configs: [a, {source: a, target: /run/configs/a}]}
  hidden: {image: web:1, tmpfs: /etc, configs: [{source: a, target: /etc/a}]}
  fine: {image: web:1, read_only: true, configs: [{source: a, target: /etc/a, on_change: restart}]}
jobs:
  job: {image: web:1, configs: [{source: a, on_change: restart}]}
"""
    _, errors = resolved(tmp_path, text)
    stays = "would not change under the running container, so 'signal SIGHUP' would have no effect: it is in the"
    assert sorted(errors) == [
        f"configs: /a {stays} root file system, which is read_only",
        f"configs: /etc/a {stays} mount /etc",
        "jobs.job.configs: 'on_change' is for containers: a job reads its files when it runs, and runs again if they "
        "change",
    ]


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("reload", "expected one of recreate, restart, none, or signal or exec, got 'reload'"),
        ("{signal: SIGNO}", "'SIGNO' is not a signal such as SIGTERM"),
        ("{signal: HUP, exec: ls}", "write one of signal and exec"),
        ("{exec: []}", "exec requires a command"),
        ("{sginal: HUP}", "unknown key 'sginal'"),
    ],
)
def test_reactions_that_there_are_not(tmp_path: Path, written: str, error: str) -> None:
    web = f"{{image: web:1, configs: [{{source: a, on_change: {written}}}]}}"
    _, errors = resolved(tmp_path, f"configs: {{a: {{content: x}}}}\ncontainers:\n  web: {web}")
    assert error in {found.partition(": ")[2] for found in errors}
