"""Files of environment variables: which line means what, what goes over what, and where mistakes are."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.playbook import load_playbooks
from deployer.config.resolve import Inputs, resolve
from deployer.config.vault import encrypt
from deployer.diagnostics import Problems
from tests.config.helpers import SENTINEL, messages, templar
from tests.config.resolving import HUNTER, VAULT, body, complaints, desired, web


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def environment(files: dict[str, str], keys: str = "env_file: one.env") -> dict[str, str | None]:
    for name, text in files.items():
        Path(name).write_text(text)
    found: dict[str, str | None] = dict(web(keys).values["environment"])
    return found


def test_later_files_go_over_earlier_ones_and_the_environment_over_all() -> None:
    files = {"one.env": "A=1\nB=1\nC=1\n", "two.env": "B=2\nC=2\n"}
    keys = "env_file: [one.env, {path: two.env}]\nenvironment: {C: '3', D: '4'}"
    assert environment(files, keys) == {"A": "1", "B": "2", "C": "3", "D": "4"}
    found = web(keys)
    assert {path[1]: str(found.place(path)) for path in found.origins if path[0] == "environment" and path[1:]} == {
        "A": "one.env:1:1",
        "B": "two.env:1:1",
        "C": "site.yml:6:24",
        "D": "site.yml:6:32",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=x", {"A": "x"}),
        ("A=", {"A": ""}),
        ("A", {"A": None}),
        ("export A=x", {"A": "x"}),
        ("  A = x y  ", {"A": "x y"}),
        ("A=x # comment", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("# A=x", {}),
        ("", {}),
        ('A="x # y"', {"A": "x # y"}),
        ('A="x" # y', {"A": "x"}),
        (r'A="l\n\t\"q\" \\ \$"', {"A": 'l\n\t"q" \\ $'}),
        (r"A='l\n$x'", {"A": r"l\n$x"}),
        ("A='it''s'", {"A": "'it''s'"}),
        ("A=a=b", {"A": "a=b"}),
        ("A.b-c=x", {"A.b-c": "x"}),
        ("A={{ x }}", {"A": "{{ x }}"}),
        ("A=x\nB=$A-${A}", {"A": "x", "B": "x-x"}),
        ('A=x\nB="$A \\${A}"', {"A": "x", "B": "x ${A}"}),
        ("A=x\nB='$A'", {"A": "x", "B": "$A"}),
        ("A=\nB=${A:-d}${A-d}${C-d}", {"A": "", "B": "dd"}),
        ("A=\nB=${A:+d}${A+d}${C+d}.", {"A": "", "B": "d."}),
        ("A=1$ 2$$ 3$4 ${", {"A": "1$ 2$$ 3$4 ${"}),
        ('A="one\n two # 2\n" # end\nB=b', {"A": "one\n two # 2\n", "B": "b"}),
        ("A='one\n\ntwo'\nB=b", {"A": "one\n\ntwo", "B": "b"}),
        ("A=x\x0by\u2028z", {"A": "x\x0by\u2028z"}),
    ],
)
def test_lines_of_a_file(line: str, expected: dict[str, str | None]) -> None:
    assert environment({"one.env": f"{line}\n"}) == expected


def test_windows_writes_files_too() -> None:
    Path("one.env").write_bytes('\ufeffA=x\r\nB="y"\r\n'.encode())
    assert web("env_file: one.env").values["environment"] == {"A": "x", "B": "y"}


def test_raw_takes_everything_as_it_is() -> None:
    keys = "env_file: [{path: one.env, format: raw}]"
    assert environment({"one.env": 'A="x" # y\nB=\'\n'}, keys) == {"A": '"x" # y', "B": "'"}


def test_files_are_beside_the_playbook() -> None:
    Path("plays").mkdir()
    Path("plays/one.env").write_text("A=1\n")
    Path("plays/site.yml").write_text(body("env_file: one.env"))
    problems = Problems()
    plays = load_playbooks(["plays/site.yml"], problems, VAULT)
    found = resolve(plays[0], "web1", templar(), Inputs(problems)).resources[0]
    assert messages(problems) == []
    assert str(found.place(("environment", "A"))) == "plays/one.env:1:1"


def test_mistakes_in_files_have_their_places() -> None:
    Path("one.env").write_text("A=1\n1B=2\n\nno way\nC=\"x\nD='\n")
    assert complaints(body("env_file: one.env")) == [
        "one.env:2:1: does not have the form KEY=value",
        "one.env:4:1: does not have the form KEY=value",
        "one.env:5:1: the quote of C is not closed",
    ]


def test_a_variable_may_be_of_an_earlier_file() -> None:
    files = {"one.env": "A=x\n", "two.env": "B=${A}y\n"}
    assert environment(files, "env_file: [one.env, two.env]") == {"A": "x", "B": "xy"}


def test_one_that_nothing_sets_may_be_the_end_of_a_password_and_is_not_named() -> None:
    Path("one.env").write_text(f"A=1\nPASSWORD=abc${SENTINEL}\n")
    (complaint,) = complaints(body("env_file: one.env"))
    assert complaint.startswith("one.env:2:1: the value of PASSWORD refers to a variable that no line above sets; ")
    assert SENTINEL not in complaint


def test_a_file_that_cannot_be_read_is_reported_where_it_is_named() -> None:
    Path("latin.env").write_bytes(b"A=\xe9\n")
    assert complaints(body("env_file: missing.env")) == [
        "site.yml:5:17: env_file missing.env cannot be read: No such file or directory"
    ]
    assert complaints(body("env_file: latin.env")) == [
        "site.yml:5:17: env_file latin.env cannot be read: is not UTF-8 text"
    ]


def test_a_file_that_need_not_exist() -> None:
    assert environment({}, "env_file: [{path: missing.env, required: false}]") == {}


def test_a_vaulted_file_is_secret_and_needs_its_password() -> None:
    Path("one.env").write_text(encrypt(f"A={SENTINEL}\nB=\n", HUNTER))
    found = desired(body("env_file: one.env"))
    assert found.resources[0].values["environment"] == {"A": SENTINEL, "B": ""}
    assert found.secrets == {SENTINEL}
    problems = Problems()
    plays = load_playbooks(["site.yml"], problems, VAULT)
    resolve(plays[0], "web1", templar(), Inputs(problems))
    assert len(messages(problems)) == 1
    assert messages(problems)[0].startswith("one.env: ")
    assert SENTINEL not in messages(problems)[0]
