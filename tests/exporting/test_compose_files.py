"""What a Compose project keeps in files, in playbooks: secrets, configs and variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.exporting.imports import desired
from tests.exporting.test_compose import imported, play_of

SENTINEL = "S3ntinel-4711"


def test_secrets_are_variables_in_a_file_beside_the_playbook(tmp_path: Path) -> None:
    """Also where they are part of another value, or come from a `.env` file."""
    (tmp_path / "compose.yml").write_text(
        "services:\n  web:\n    image: a\n    env_file: a.env\n"
        "    environment: {DB_PASSWORD: '${PASSWORD}', URL: 'x://u:${PASSWORD}@db'}\n"
    )
    (tmp_path / ".env").write_text(f"PASSWORD={SENTINEL}$$x\n")
    (tmp_path / "a.env").write_text("DSN=host=db;pw=${PASSWORD}\n")
    found = imported(tmp_path / "compose.yml", file=str(tmp_path / "shop.yml"))
    assert SENTINEL not in found.text
    assert SENTINEL not in repr(found)
    assert play_of(found)["vars_files"] == ["shop.secrets.yml"]
    assert found.secrets == (
        f'vault_web_dsn: !unsafe "host=db;pw={SENTINEL}$x"\n'
        f'vault_web_db_password: !unsafe "{SENTINEL}$x"\n'
        f'vault_web_url: !unsafe "x://u:{SENTINEL}$x@db"\n'
    )
    printed = imported(tmp_path / "compose.yml")
    assert (SENTINEL in printed.text, printed.secrets) == (False, "")
    assert "#   vault_web_url:  # container.web environment.URL\n" in printed.text
    assert SENTINEL in imported(tmp_path / "compose.yml", with_secrets=True).text


def test_content_of_configs_and_secrets_is_delivered(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        "services:\n  web:\n    image: a\n    secrets: [token, {source: gone, target: /g}]\n"
        "    configs: [{source: app, target: /etc/app, mode: 0440, uid: '5'}]\n"
        "secrets: {token: {environment: TOKEN}, gone: {external: true}}\n"
        "configs: {app: {content: 'a = {{ b }} $${c}'}}\n"
    )
    found = imported(tmp_path / "compose.yml", environ={"TOKEN": SENTINEL}, file=str(tmp_path / "shop.yml"))
    play = play_of(found)
    assert play["configs"] == {"app": {"content": "a = {{ b }} ${c}"}}
    assert play["secrets"] == {"token": {"content": "{{ vault_token_content }}"}}
    assert found.secrets == f"vault_token_content: {SENTINEL}\n"
    web = play["containers"]["web"]
    assert web["configs"] == [{"target": "/etc/app", "source": "app", "mode": "0440", "uid": 5, "gid": 0}]
    assert web["secrets"] == [{"target": "/run/secrets/token", "source": "token", "mode": "0444", "uid": 0, "gid": 0}]
    assert [one.summary for one in found.left_out] == ["left out: secret gone is external or not set"]


def test_a_secret_of_an_included_file_may_come_from_its_env_file(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("include: [{path: in.yml, env_file: in.env}]\n")
    (tmp_path / "in.yml").write_text(
        "services: {web: {image: a, secrets: [own]}}\nsecrets: {own: {environment: OWN_SECRET}}\n"
    )
    (tmp_path / "in.env").write_text(f"OWN_SECRET={SENTINEL}\n")
    found = imported(tmp_path / "compose.yml", file=str(tmp_path / "shop.yml"))
    assert (SENTINEL in found.text, SENTINEL in found.secrets) == (False, True)
    assert play_of(found)["secrets"] == {"own": {"content": "{{ vault_own_content }}"}}


def test_env_files_are_named_from_the_folder_of_the_playbook(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text(
        "services:\n  web:\n    image: a\n"
        "    env_file: [a.env, {path: no.env, required: false}, {path: b/b.env, format: raw}]\n"
    )
    (tmp_path / "b").mkdir()
    (tmp_path / "a.env").write_text("A=1\n")
    (tmp_path / "b/b.env").write_text("B='2'\n")

    def env_file(playbook: str) -> Any:
        found = imported(tmp_path / "compose.yml", file=str(tmp_path / playbook))
        return play_of(found)["containers"]["web"]["env_file"]

    assert env_file("play.yml") == ["a.env", {"path": "b/b.env", "format": "raw"}]
    (tmp_path / "one.yml").write_text(
        "name: test_env_files\nservices: {web: {image: a, env_file: [{path: b/b.env, format: raw}]}}\n"
    )
    (wish,) = desired(imported(tmp_path / "one.yml", with_secrets=True).text, {})
    (web,) = (each.values["environment"] for each in wish.resources if each.address.name == "test_env_files-web-1")
    assert web == {"B": "'2'"}
    assert env_file("b/play.yml") == [f"{tmp_path}/a.env", {"path": "b.env", "format": "raw"}]
