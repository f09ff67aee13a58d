"""known_hosts files as OpenSSH writes and reads them."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest

from deployer.transport.known_hosts import KnownKey, add_key, algorithms_first, find_keys, fingerprint

ED = "AAAAC3NzaC1lZDI1NTE5AAAAIApOL36kbLKi0Sw4ckW5bS3qbjRLXWxJJ9K9gb5lHlN6"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
BLOB = base64.b64decode(ED)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def found(file: Path, name: str) -> list[tuple[int, str]]:
    return [(key.line, key.kind) for key in find_keys([str(file)], name)]


@pytest.mark.parametrize(
    ("names", "name", "matches"),
    [
        ("web1", "web1", True),
        ("web1", "web2", False),
        ("web1,10.0.0.1", "10.0.0.1", True),
        ("WEB1", "web1", True),
        ("web1", "Web1", True),
        ("*.int", "a.int", True),
        ("*.int,!db.int", "db.int", False),
        ("!db.int,*.int", "a.int", True),
        ("web?", "web1", True),
        ("web?", "web12", False),
        ("[web1]:2222", "[web1]:2222", True),
        ("[web1]:2222", "web1", False),
        ("[*.int]:2222", "[a.int]:2222", True),
        ("[ab]", "a", False),
    ],
)
def test_names_match_as_in_openssh(file: Path, names: str, name: str, matches: bool) -> None:
    file.write_text(f"{names} ssh-ed25519 {ED}\n")
    assert bool(found(file, name)) is matches


def test_names_hashed_by_ssh_keygen_are_found(file: Path) -> None:
    file.write_text(f"web1 ssh-ed25519 {ED}\n[web2]:2222 ssh-ed25519 {OTHER}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "web" not in file.read_text()
    assert [found(file, name) for name in ("web1", "[web2]:2222", "web2")] == [
        [(1, "ssh-ed25519")],
        [(2, "ssh-ed25519")],
        [],
    ]


def test_lines_that_vouch_for_no_plain_key_are_passed_over(file: Path) -> None:
    file.write_text(
        f"# web1 ssh-ed25519 {ED}\n"
        "\n"
        f"@cert-authority * ssh-ed25519 {ED}\n"
        "web1 ssh-ed25519 not-base64!\n"
        "web1 ssh-ed25519\n"
        "|1|broken|line ssh-ed25519 AAAA\n"
        f"web1 ssh-ed25519 {ED} a comment\n"
    )
    assert found(file, "web1") == [(7, "ssh-ed25519")]


def test_a_revoked_key_is_marked(file: Path) -> None:
    file.write_text(f"@revoked * ssh-ed25519 {ED}\n")
    assert find_keys([str(file)], "web1") == (KnownKey(str(file), 1, "ssh-ed25519", BLOB, revoked=True),)


def test_all_files_are_read_and_missing_ones_skipped(file: Path, tmp_path: Path) -> None:
    file.write_text(f"web1 ssh-ed25519 {ED}\n")
    second = tmp_path / "second"
    second.write_text(f"web1 ssh-ed25519 {OTHER}\n")
    keys = find_keys([str(tmp_path / "missing"), str(file), str(second)], "web1")
    assert [key.place for key in keys] == [f"{file}:1", f"{second}:1"]


def test_a_key_is_added_to_a_new_private_file(tmp_path: Path) -> None:
    path = tmp_path / "ssh" / "known_hosts"
    add_key(str(path), "[Web1]:2222", "ssh-ed25519", BLOB)
    assert path.read_text() == f"[web1]:2222 ssh-ed25519 {ED}\n"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_key_is_added_on_a_line_of_its_own(file: Path) -> None:
    file.write_text(f"web1 ssh-ed25519 {ED}")
    add_key(str(file), "web2", "ssh-ed25519", BLOB)
    assert found(file, "web2") == [(2, "ssh-ed25519")]


def test_the_fingerprint_is_that_of_ssh_keygen(tmp_path: Path) -> None:
    public = tmp_path / "key.pub"
    public.write_text(f"ssh-ed25519 {ED}\n")
    shown = subprocess.run(["ssh-keygen", "-l", "-f", str(public)], check=True, capture_output=True, text=True).stdout
    assert fingerprint(BLOB) == shown.split()[1]
    assert fingerprint(b"") == "SHA256:" + base64.b64encode(hashlib.sha256().digest()).decode().rstrip("=")


def test_known_types_come_first_and_rsa_keys_sign_with_sha2() -> None:
    supported = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256")
    known = [KnownKey("f", 1, "ssh-rsa", b"")]
    assert algorithms_first(known, supported) == ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519", "ecdsa-sha2-nistp256")
    assert algorithms_first([], supported) == supported
