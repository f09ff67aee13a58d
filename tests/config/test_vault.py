"""Ansible's vault format, both ways, and where passwords come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.config.scripts import ScriptResult
from deployer.config.vault import (
    VaultError,
    VaultSecret,
    VaultSecrets,
    decrypt,
    encrypt,
    is_encrypted,
)
from deployer.config.vault_secrets import PasswordSource, load_secrets, parse_vault_id, password_sources
from deployer.diagnostics import Problems
from deployer.errors import RefusedError
from tests.config.helpers import SENTINEL, messages

SECRET = VaultSecret("default", b"hunter2")
DEV = VaultSecret("dev", b"dev password")
VECTOR = """\
$ANSIBLE_VAULT;1.1;AES256
33303331333233333334333533363337333833393631363236333634363536363330333133323333
3334333533363337333833393631363236333634363536360a366562323430386439336531373563
36373232353232623962343638363165656237393634393434336436393864653466343464363464
6536653536333366310a323531303035613462366533346236323130646532616166613539656339
3832
"""


def fixed_salt(size: int) -> bytes:
    assert size == 32
    return b"0123456789abcdef0123456789abcdef"


def test_the_format_is_ansibles_byte_for_byte() -> None:
    assert encrypt("hello: world\n", SECRET, random=fixed_salt) == VECTOR
    assert decrypt(VECTOR, SECRET) == "hello: world\n"


def test_lines_may_be_indented_and_end_in_any_way() -> None:
    assert decrypt("\r\n".join(f"   {line} " for line in VECTOR.splitlines()), SECRET) == "hello: world\n"


@settings(max_examples=25)
@given(st.binary(max_size=200), st.binary(min_size=1, max_size=40), st.binary(min_size=32, max_size=32))
def test_encrypted_text_can_be_decrypted(plain: bytes, password: bytes, salt: bytes) -> None:
    secret = VaultSecret("default", password)
    text = encrypt(plain, secret, random=lambda _: salt) if not is_encrypted(plain) else VECTOR
    if not is_encrypted(plain):
        assert VaultSecrets((secret,)).decrypt_bytes(text) == plain
    assert all(len(line) <= 80 for line in text.splitlines())


def test_each_encryption_has_its_own_salt() -> None:
    assert encrypt("x", SECRET) != encrypt("x", SECRET)


def test_an_id_is_named_in_the_header_unless_it_is_the_default() -> None:
    assert encrypt("x", DEV).startswith("$ANSIBLE_VAULT;1.2;AES256;dev\n")


def test_the_id_is_a_hint_and_every_password_is_tried() -> None:
    text = encrypt("x", VaultSecret("dev", b"hunter2"))
    assert VaultSecrets((DEV, SECRET)).decrypt(text) == "x"


@pytest.mark.parametrize(
    ("text", "secrets", "expected"),
    [
        (VECTOR, (), "encrypted, and no vault password is given"),
        (VECTOR, (DEV,), "the vault password does not match: HMAC verification failed"),
        (VECTOR, (DEV, DEV), "none of the 2 vault passwords matches: HMAC verification failed"),
        (
            encrypt("x", DEV),
            (SECRET,),
            "the vault password does not match (the text names the id 'dev'): HMAC verification failed",
        ),
        ("plain", (SECRET,), "not a vaulted text: it does not begin with $ANSIBLE_VAULT"),
        ("", (SECRET,), "not a vaulted text: it does not begin with $ANSIBLE_VAULT"),
        (VECTOR.replace("AES256", "AES"), (SECRET,), "the vault cipher is not AES256"),
        ("$ANSIBLE_VAULT;1.1", (SECRET,), "the vault cipher is not AES256"),
        (VECTOR[:-2], (SECRET,), "the vaulted text is damaged: its body is not three hex fields"),
        (VECTOR.replace("3330", "zz30"), (SECRET,), "the vaulted text is damaged: its body is not three hex fields"),
        (
            "$ANSIBLE_VAULT;1.1;AES256\n3330\n",
            (SECRET,),
            "the vaulted text is damaged: its body is not three hex fields",
        ),
        (encrypt(b"\xff", SECRET), (SECRET,), "the decrypted content is not UTF-8 text"),
        ("$ANSIBLE_VAULT;1.1;AES256\né", (SECRET,), "the vaulted text is damaged: its body is not three hex fields"),
    ],
)
def test_unreadable_vaults_have_a_reason(text: str, secrets: tuple[VaultSecret, ...], expected: str) -> None:
    with pytest.raises(VaultError) as caught:
        VaultSecrets(secrets).decrypt(text)
    assert caught.value.message == expected


def test_encrypted_input_is_not_encrypted_again() -> None:
    for text in (VECTOR, VECTOR.encode()):
        with pytest.raises(VaultError, match="encrypted already"):
            encrypt(text, SECRET)


def test_passwords_and_plain_text_are_in_no_repr() -> None:
    assert "hunter2" not in repr(VaultSecrets((SECRET,))) + repr(SECRET)
    assert SENTINEL not in repr(ScriptResult(0, SENTINEL))


@pytest.mark.parametrize(
    ("text", "label", "source"),
    [
        ("dev@file", "dev", "file"),
        ("dev@prompt", "dev", "prompt"),
        ("file", "default", "file"),
        ("@file", "default", "file"),
        ("dev@a@b", "dev", "a@b"),
    ],
)
def test_a_vault_id_is_a_label_and_a_source(text: str, label: str, source: str) -> None:
    assert parse_vault_id(text) == PasswordSource(label, source, f"--vault-id {text}")


def script(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def passwords(sources: Sequence[PasswordSource], **more: object) -> tuple[list[tuple[str, bytes]], list[str]]:
    problems = Problems()
    found = load_secrets(sources, problems, **more)  # type: ignore[arg-type]
    return [(secret.label, secret.password) for secret in found.secrets], messages(problems)


def test_a_password_file_is_stripped(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("  hunter2 \n")
    assert passwords(password_sources([str(tmp_path / "pw")])) == ([("default", b"hunter2")], [])


def test_a_password_file_may_be_vaulted_with_a_password_given_before_it(tmp_path: Path) -> None:
    (tmp_path / "outer").write_text("hunter2")
    (tmp_path / "inner").write_text(encrypt("dev password\n", SECRET))
    sources = password_sources([], [f"{tmp_path}/outer", f"dev@{tmp_path}/inner"])
    assert passwords(sources) == ([("default", b"hunter2"), ("dev", b"dev password")], [])


def test_an_executable_prints_the_password(tmp_path: Path) -> None:
    calls: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> ScriptResult:
        calls.append(command)
        return ScriptResult(0, "hunter2\r\n")

    path = script(tmp_path / "vault-pw.sh")
    assert passwords(password_sources([str(path)]), run=run) == ([("default", b"hunter2")], [])
    assert calls == [[str(path)]]


def test_a_client_script_gets_the_vault_id(tmp_path: Path) -> None:
    calls: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> ScriptResult:
        calls.append(command)
        return ScriptResult(2 if command[-1] == "prod" else 0, "pw\n")

    path = script(tmp_path / "keyring-client.py")
    found, reported = passwords(password_sources([], [f"dev@{path}", f"prod@{path}"]), run=run)
    assert calls == [[str(path), "--vault-id", "dev"], [str(path), "--vault-id", "prod"]]
    assert found == [("dev", b"pw")]
    assert reported == [f"--vault-id prod@{path}: {path} has no password for the vault id 'prod'"]


def test_a_prompt_asks_with_the_label() -> None:
    asked: list[str] = []

    def prompt(text: str) -> str:
        asked.append(text)
        return "typed"

    assert passwords(password_sources([], ["dev@prompt"]), prompt=prompt) == ([("dev", b"typed")], [])
    assert asked == ["Vault password (dev)"]


def test_a_prompt_that_refuses_ends_the_run() -> None:
    def prompt(_text: str) -> str:
        raise RefusedError("no terminal")

    with pytest.raises(RefusedError):
        passwords(password_sources([], ["dev@prompt"]), prompt=prompt)


def test_every_password_that_cannot_be_had_is_reported(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "vaulted").write_text(VECTOR)
    path = script(tmp_path / "fails")

    def run(command: Sequence[str]) -> ScriptResult:
        raise OSError(8, "Exec format error")

    sources = password_sources(
        [f"{tmp_path}/none", f"{tmp_path}/empty", f"{tmp_path}/vaulted", str(tmp_path)], ["prompt"]
    )
    found, reported = passwords([*sources, parse_vault_id(str(path))], run=run)
    assert found == []
    assert sorted(reported) == sorted(
        [
            f"--vault-password-file {tmp_path}/none: there is no vault password file {tmp_path}/none",
            f"--vault-password-file {tmp_path}/empty: the vault password is empty",
            f"--vault-password-file {tmp_path}/vaulted: encrypted, and no vault password is given; "
            "give one with --vault-password-file FILE or --vault-id LABEL@SOURCE",
            f"--vault-password-file {tmp_path}: the vault password file {tmp_path} is a directory",
            "--vault-id prompt: cannot ask for the vault password; keep it in a file",
            f"--vault-id {path}: the vault password program {path} cannot be run: Exec format error; "
            f"a file that holds the password is not executable: chmod -x {path}",
        ]
    )
