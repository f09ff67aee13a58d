"""`deployer vault`: files of Ansible's vault format, and Ansible itself reads and writes the same."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret  # type: ignore[import-untyped]

from tests.cli.runs import Shop

PLAIN = "db_password: 's3cret #word'\n"
BYTES = bytes(range(256)) * 3
IDS = ("--vault-id", "dev@dev.txt", "--vault-id", "prod@prod.txt")


@pytest.fixture
def vault(shop: Shop) -> Shop:
    for name in ("dev", "prod"):
        shop.write(f"{name}.txt", f"{name} pässword\n")
    shop.write("secrets.yml", PLAIN)
    (shop.folder / "secrets.yml").chmod(0o640)
    return shop


def ansible(*names: str) -> VaultLib:
    return VaultLib([(name, VaultSecret(f"{name} pässword".encode())) for name in names])


def content(shop: Shop, name: str = "secrets.yml") -> str:
    return (shop.folder / name).read_text()


def typed(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """What is typed on the terminal; the prompts are returned."""
    left, asked = list(answers), list[str]()

    def answer(text: str) -> str:
        asked.append(text)
        return left.pop(0)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", answer)
    return asked


def editor(shop: Shop, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = shop.folder / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(path))


def test_ansible_reads_what_is_written_and_the_reverse(vault: Shop) -> None:
    (vault.folder / "binary").write_bytes(BYTES)
    done = vault.run("vault", "encrypt", "secrets.yml", "binary", *IDS, "--encrypt-vault-id", "prod")
    assert (done.code, done.out, done.err) == (0, "", "Encrypted: secrets.yml, binary.\n")
    assert content(vault).startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n")
    assert stat.S_IMODE((vault.folder / "secrets.yml").stat().st_mode) == 0o640
    both = ansible("dev", "prod")
    assert both.decrypt(content(vault)) == PLAIN.encode()
    assert both.decrypt(content(vault, "binary")) == BYTES
    dev = ansible("dev")
    (vault.folder / "theirs").write_bytes(dev.encrypt(BYTES, vault_id="dev"))
    (vault.folder / "plain").write_bytes(dev.encrypt(PLAIN.encode()))
    assert vault.run("vault", "view", "plain", "secrets.yml", *IDS).out == PLAIN + PLAIN
    done = vault.run("vault", "view", "theirs", *IDS)
    assert (done.code, done.err) == (
        1,
        "error: theirs does not contain text\n"
        "  hint: write it to a file: deployer vault decrypt theirs --output FILE\n",
    )
    assert vault.run("vault", "decrypt", "theirs", "--output", "copy", *IDS).code == 0
    assert (vault.folder / "copy").read_bytes() == BYTES
    assert stat.S_IMODE((vault.folder / "copy").stat().st_mode) == 0o600
    assert vault.run("vault", "decrypt", "secrets.yml", *IDS).err == "Decrypted: secrets.yml.\n"
    assert content(vault) == PLAIN


def test_another_password(vault: Shop) -> None:
    vault.run("vault", "encrypt", "secrets.yml", "--vault-id", "dev@dev.txt")
    done = vault.run("vault", "rekey", "secrets.yml", "--vault-id", "dev.txt", "--new-vault-id", "prod@prod.txt")
    assert (done.code, done.err) == (0, "Encrypted with the new password: secrets.yml.\n")
    assert ansible("prod").decrypt(content(vault)) == PLAIN.encode()
    assert content(vault).startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n")


def test_one_file_that_cannot_be_decrypted_changes_none(vault: Shop) -> None:
    vault.run("vault", "encrypt", "secrets.yml", "--vault-id", "dev@dev.txt")
    before = content(vault)
    vault.write("other.yml", "a: 1\n")
    new = ("--new-vault-password-file", "prod.txt")
    refused = vault.run("vault", "rekey", "secrets.yml", "other.yml", "--vault-password-file", "dev.txt", *new)
    assert (refused.code, refused.err) == (
        1,
        "error: other.yml: not a vaulted text: it does not begin with $ANSIBLE_VAULT\n",
    )
    wrong = vault.run("vault", "decrypt", "secrets.yml", "--vault-password-file", "prod.txt")
    assert wrong.err == (
        "error: secrets.yml: the vault password does not match (the text names the id 'dev'): "
        "HMAC verification failed\n"
    )
    assert content(vault) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("secrets.yml", *IDS), "error: there are several vault passwords: 'dev', 'prod'\n"),
        (("secrets.yml", *IDS, "--encrypt-vault-id", "qa"), "error: --encrypt-vault-id qa: no vault password has"),
        (("missing.yml", *IDS[:2]), "error: missing.yml cannot be read: No such file or directory\n"),
        (("secrets.yml", "--vault-id", "dev@none.txt"), "there is no vault password file none.txt"),
        (("secrets.yml",), "error: cannot ask: New vault password (default)\n"),
    ],
)
def test_errors_change_nothing(vault: Shop, words: tuple[str, ...], message: str) -> None:
    done = vault.run("vault", "encrypt", *words)
    assert done.code != 0
    assert message in done.err
    assert content(vault) == PLAIN


def test_a_new_password_is_asked_for_twice(vault: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = typed(monkeypatch, "dev pässword", "other")
    assert "the passwords differ; nothing was written" in vault.run("vault", "encrypt", "secrets.yml").err
    assert (asked, content(vault)) == (
        ["New vault password (default): ", "Confirm new vault password (default): "],
        PLAIN,
    )
    typed(monkeypatch, "dev pässword", "dev pässword")
    assert vault.run("vault", "encrypt", "secrets.yml").code == 0
    assert ansible("dev").decrypt(content(vault)) == PLAIN.encode()
    assert typed(monkeypatch, "dev pässword") == []
    assert vault.run("vault", "view", "secrets.yml").out == PLAIN


def test_edited_files_stay_encrypted(vault: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """No plain text is left, in no case; an unchanged file is not written."""
    vault.run("vault", "encrypt", "secrets.yml", *IDS, "--encrypt-vault-id", "prod")
    editor(
        vault, monkeypatch, f'echo "$1" > {vault.folder}/seen; stat -c %a "$1" "$(dirname "$1")" >> {vault.folder}/seen'
    )
    before = content(vault)
    assert vault.run("vault", "edit", "secrets.yml", *IDS).err == "secrets.yml is unchanged.\n"
    assert content(vault) == before
    path, *modes = content(vault, "seen").split()
    assert (Path(path).exists(), modes, path.endswith(".yml")) == (False, ["600", "700"], True)
    editor(vault, monkeypatch, 'echo "more: 1" >> "$1"; exit 3')
    failed = vault.run("vault", "edit", "secrets.yml", *IDS)
    assert (failed.err, content(vault)) == (
        "error: the editor ended with status 3; secrets.yml was not changed\n",
        before,
    )
    editor(vault, monkeypatch, 'echo "more: 1" >> "$1"')
    assert vault.run("vault", "edit", "secrets.yml", *IDS).err == "Encrypted secrets.yml.\n"
    assert content(vault).startswith("$ANSIBLE_VAULT;1.2;AES256;prod\n")
    assert ansible("prod").decrypt(content(vault)) == f"{PLAIN}more: 1\n".encode()
    assert vault.run("vault", "edit", "new.yml", "--vault-id", "dev@dev.txt").code == 0
    assert vault.run("vault", "view", "new.yml", "--vault-id", "dev@dev.txt").out == "more: 1\n"
    monkeypatch.setenv("EDITOR", "/no/editor")
    assert vault.run("vault", "edit", "secrets.yml", *IDS).err == (
        "error: the editor '/no/editor' cannot be run: No such file or directory\n  hint: set EDITOR\n"
    )


def test_encrypted_values_are_yaml_that_plays_read(vault: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    vault.write("typed.txt", "from input\n")
    monkeypatch.setattr("sys.stdin", (vault.folder / "typed.txt").open())
    words = ("first", "second", "-n", "a", "--name", "b", "--stdin-name", "c", "--vault-id", "dev@dev.txt")
    done = vault.run("vault", "encrypt-string", *words)
    assert done.code == 0, done.err

    class Loader(yaml.SafeLoader):
        pass

    def decrypted(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
        return str(ansible("dev").decrypt(loader.construct_scalar(node)).decode())

    Loader.add_constructor("!vault", decrypted)
    assert yaml.load(done.out, Loader) == {"a": "first", "b": "second", "c": "from input\n"}
    vault.write("vars.yml", done.out)
    vault.edit("nginx:latest", "nginx:{{ a }}")
    vault.edit("  project: shop\n", "  project: shop\n  vars_files: [vars.yml]\n")
    plan = vault.run("plan", "-i", "hosts.yml", "shop.yml", "--vault-id", "dev@dev.txt")
    assert plan.code == 0, plan.err
    assert "first" not in plan.out
    refused = vault.run("vault", "encrypt-string", "x", "-n", "a", "-n", "b", "--vault-id", "dev@dev.txt")
    assert "there are more names than values" in refused.err
    empty = vault.run("vault", "encrypt-string", "--vault-id", "dev@dev.txt")
    assert (empty.code, empty.out, "standard input is empty" in empty.err) == (1, "", True)
