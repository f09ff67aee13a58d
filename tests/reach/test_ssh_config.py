"""ssh_config files, compared with what `ssh -G` makes of them where the installed OpenSSH can tell."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployer.errors import InputError
from deployer.reach.ssh_config import SshConfig
from deployer.usecases.system import this_machine


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def config(home: Path, text: str) -> SshConfig:
    path = home / ".ssh" / "config"
    path.write_text(text)
    return SshConfig(this_machine(), ("~/.ssh/config",))


def openssh(home: Path, host: str, keyword: str, *arguments: str) -> list[str]:
    """What OpenSSH itself resolves from the same file."""
    command = ["ssh", "-G", "-F", str(home / ".ssh" / "config"), *arguments, host]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.partition(" ")[2] for line in lines if line.partition(" ")[0] == keyword]


LAYERED = """
# comments and blank lines are nothing
Host web1 web2
    HostName %h.example.com
    User=deploy
    Port = 2222
    IdentityFile "~/.ssh/key with blank"

Host *.int !db.int
  ProxyJump bastion
Match host *.example.com
  ConnectTimeout 7
Match originalhost web2 user deploy
  HostKeyAlias second
Match user nobody
  Port 9
Host *
  User fallback
  IdentityFile ~/.ssh/id_all
  Port 22
"""


@pytest.mark.parametrize("host", ["web1", "web2", "a.int", "db.int", "other"])
@pytest.mark.parametrize("keyword", ["user", "port", "connecttimeout", "hostkeyalias", "proxyjump"])
def test_the_first_value_wins_as_in_openssh(home: Path, host: str, keyword: str) -> None:
    answers = config(home, LAYERED).lookup(host)
    expected = openssh(home, host, keyword)
    defaults = {"connecttimeout": ["none"]}
    said = list(answers.words.get(keyword, ()))
    assert said == ([] if expected == defaults.get(keyword) else expected)


def test_identity_files_add_up(home: Path) -> None:
    answers = config(home, LAYERED).lookup("web1")
    assert answers.words["identityfile"] == ("~/.ssh/key with blank", "~/.ssh/id_all")


def test_a_user_already_decided_is_what_match_user_sees(home: Path) -> None:
    settings = config(home, "Match user deploy\n  Port 2222\nHost *\n  User deploy\n")
    assert settings.lookup("web1", user="deploy").first("port") == "2222"
    assert settings.lookup("web1", user="root").first("port") == ""
    assert openssh(home, "web1", "port", "-l", "deploy") == ["2222"]


def test_include_takes_globs_relative_to_dot_ssh_and_inside_blocks(home: Path) -> None:
    folder = home / ".ssh" / "conf.d"
    folder.mkdir()
    (folder / "10-web").write_text("Host web*\n  Port 2201\n")
    (folder / "20-all").write_text("User fromglob\n")
    (home / ".ssh" / "only-db").write_text("ConnectTimeout 3\nHost *\n  HostKeyAlias aliased\n")
    settings = config(home, "Include conf.d/*\nHost db\n  Include ~/.ssh/only-db\nHost *\n  Port 22\n")
    web, db = settings.lookup("web1"), settings.lookup("db")
    assert (web.first("port"), web.first("user")) == ("2201", "fromglob")
    assert (web.first("connecttimeout"), web.first("hostkeyalias")) == ("", "")
    assert (db.first("port"), db.first("connecttimeout"), db.first("hostkeyalias")) == ("22", "3", "aliased")


def test_files_that_include_each_other_are_an_error(home: Path) -> None:
    settings = config(home, "Include config\n")
    with pytest.raises(InputError, match="include each other more than 16 levels deep"):
        settings.lookup("web1")


def test_match_exec_runs_the_command_with_tokens(home: Path) -> None:
    settings = config(home, 'Match exec "test %h = web1 && test %n = web1"\n  Port 2222\n')
    assert settings.lookup("web1").first("port") == "2222"
    assert settings.lookup("web2").first("port") == ""


def test_match_exec_is_not_run_for_keywords_that_do_not_matter(home: Path) -> None:
    witness = home / "ran"
    settings = config(home, f'Match exec "touch {witness}"\n  ForwardAgent yes\n')
    settings.lookup("web1")
    assert not witness.exists()


def test_match_can_be_negated_and_final(home: Path) -> None:
    settings = config(
        home, "Match final host *.example.com\n  User late\nMatch !originalhost db\n  HostName %h.example.com\n"
    )
    assert settings.lookup("web1").first("user") == "late"
    assert settings.lookup("db").first("user") == ""
    assert openssh(home, "web1", "user") == ["late"]


def test_tags_select_blocks(home: Path) -> None:
    settings = config(home, "Host web1\n  Tag blue\nMatch tagged blue\n  Port 2222\n")
    assert (settings.lookup("web1").first("port"), settings.lookup("web2").first("port")) == ("2222", "")


def test_a_proxy_command_is_the_rest_of_the_line(home: Path) -> None:
    settings = config(home, 'Host *\n  ProxyCommand sh -c "nc %h %p" # not a comment\n')
    assert settings.lookup("web1").first("proxycommand") == 'sh -c "nc %h %p" # not a comment'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Host\n", ":1:1: Host has no pattern"),
        ("\nMatch host\n", ":2:1: Match host has no argument"),
        ("Host *\n  Port\n", ":2:1: port has no value"),
        ('User "open\n', ":1:1: cannot be read: No closing quotation"),
        ("Match localnetwork 10.0.0.0/8\n  Port 1\n", ":1:1: Match localnetwork is not supported"),
    ],
)
def test_errors_are_placed(home: Path, text: str, message: str) -> None:
    settings = config(home, text)
    with pytest.raises(InputError) as caught:
        settings.lookup("web1")
    assert message in str(caught.value)


def test_without_files_nothing_is_said(home: Path) -> None:
    assert SshConfig(this_machine(), ("~/.ssh/none",)).lookup("web1").words == {}
