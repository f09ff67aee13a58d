"""Files of environment variables: which line means what, what goes over what, and where errors are."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.playbook import load_playbooks
from deployer.config.resolve import Inputs, resolve
from deployer.config.vault import encrypt
from deployer.diagnostics import Problems
from tests.config.helpers import SENTINEL, messages, templar
from tests.config.resolving import HUNTER, VAULT, body, complaints, desired, try_resolve, web


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLER", "called")
    for name in ("A", "B", "C", "D", "X", "Q"):
        monkeypatch.delenv(name, raising=False)


def environment(files: dict[str, str], keys: str = "env_file: one.env") -> dict[str, str | None]:
    for name, text in files.items():
        Path(name).write_bytes(text.encode())
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
    ("text", "expected"),
    [
        ("A=x", {"A": "x"}),
        ("A=", {"A": ""}),
        ("export A=x", {"A": "x"}),
        ("  A = x y  ", {"A": "x y"}),
        ("A=x # comment", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=x\t# tab", {"A": "x\t# tab"}),
        ("A=#x", {"A": "#x"}),
        ("A= # x", {"A": "# x"}),
        ("# A=x", {}),
        ("A: x", {"A": "x"}),
        ('A: "x y"', {"A": "x y"}),
        ('A="x # y"', {"A": "x # y"}),
        ('A="x" # y', {"A": "x"}),
        ('A="x"B=2', {"A": "x", "B": "2"}),
        ("A='x' # y", {"A": "x"}),
        ("A='x'B=2", {"A": "x", "B": "2"}),
        ('A="l\\n\\t\\"q\\" \\\\ \\$"', {"A": 'l\n\t"q" \\ $'}),
        ('A="\\a\\b\\f\\r\\v\\e\\x41\\0101\\08"', {"A": "\x07\x08\x0c\r\x0b\\e\\x41A\\8"}),
        ("A='l\\n$x'", {"A": "l\\n$x"}),
        ("A='it\\'s'", {"A": "it's"}),
        ('A="say \\"hi\\""', {"A": 'say "hi"'}),
        ("A='a\\\\b\\'c'", {"A": "a\\\\b'c"}),
        ("A='ends\\\\'", {"A": "ends\\\\"}),
        ("A=a=b", {"A": "a=b"}),
        ("A.b-c=x", {"A.b-c": "x"}),
        ("A[0]=x", {"A[0]": "x"}),
        ("1A=x", {"1A": "x"}),
        ("é=x", {"é": "x"}),
        ("A={{ x }}", {"A": "{{ x }}"}),
        ("A=x\nB=$A-${A}", {"A": "x", "B": "x-x"}),
        ('A=x\nB="$A \\${A}"', {"A": "x", "B": "x ${A}"}),
        ('A=x\nB="$$A $${A}"', {"A": "x", "B": "$A ${A}"}),
        ("A=x\nB='$A'", {"A": "x", "B": "$A"}),
        ("A=x\nB=\\$A", {"A": "x", "B": "\\x"}),
        ("A=x\nB=$$A", {"A": "x", "B": "$A"}),
        ("A=\nB=${A:-d}${A-d}${C-d}", {"A": "", "B": "dd"}),
        ("A=\nB=${A:+d}${A+d}${C+d}.", {"A": "", "B": "d."}),
        ("A=x\nB=${A:-${C}}${C:-${A}}", {"A": "x", "B": "xx"}),
        ("B=${C:-${D:-e}}-", {"B": "e-"}),
        ("B=${C:-a}b${D:-}}", {"B": "ab}"}),
        ("A=x\nB=${C:-$A}", {"A": "x", "B": "x"}),
        ("A=\nB=${A?needed}x", {"A": "", "B": "x"}),
        ("A=x\nB=${A:?needed}${A?needed}", {"A": "x", "B": "xx"}),
        ("B=${C:+${D}}x", {"B": "x"}),
        ("A=x\nB=${A:+y${A}z}", {"A": "x", "B": "yxz"}),
        ("A=x\nB=${A+$C}", {"A": "x", "B": ""}),
        ("B=${CALLER}$CALLER", {"B": "calledcalled"}),
        ("CALLER=mine\nB=$CALLER", {"B": "called", "CALLER": "mine"}),
        ("A=1$ 2", {"A": "1$ 2"}),
        ("A=1 3$4", {"A": "1 3$4"}),
        ("A=$", {"A": "$"}),
        ("A=a$", {"A": "a$"}),
        ("A=$(date)", {"A": "$(date)"}),
        ("A=`date`", {"A": "`date`"}),
        ('A="one\\n two # 2\\n" # end\nB=b', {"A": "one\n two # 2\n", "B": "b"}),
        ("A='one\\n\\ntwo'\nB=b", {"A": "one\\n\\ntwo", "B": "b"}),
        ("A=x\\\\", {"A": "x\\\\"}),
        ("A=\\x41\n", {"A": "\\x41"}),
        ('A=a"b"c', {"A": 'a"b"c'}),
        ("A=a'b'c", {"A": "a'b'c"}),
        ("A=${CALLER:-x}$_a", {"A": "called"}),
        ("A=x\nA=y", {"A": "y"}),
        ("A=${C:-a:b}/${C-:-}", {"A": "a:b/:-"}),
        ("A=${C:-a?b}", {"A": "a?b"}),
        ("A=${C-?x}", {"A": "?x"}),
        ("A=${C:+a-b}${CALLER:+a-b}", {"A": "a-b"}),
        ("A=${CALLER-a:?b}", {"A": "called"}),
        ("A=$CALLER_x", {"A": ""}),
        ("A=$CALLERx$CALLER.y", {"A": "called.y"}),
        ('A="$CALLER\'s"', {"A": "called's"}),
        ("A=pa$$word", {"A": "pa$word"}),
        ("A=pa$word", {"A": "pa"}),
        ('A="a\\\\nb"', {"A": "a\\nb"}),
        ('A="a\\\\\\nb"', {"A": "a\\\nb"}),
        ('A="a\\\\$CALLER"', {"A": "a\\called"}),
        ('A="tab\tx"', {"A": "tab\tx"}),
        ("A=x\\x0by", {"A": "x\\x0by"}),
        ("A =x", {"A": "x"}),
        ('A= "x"', {"A": "x"}),
        ("A= 'x' ", {"A": "x"}),
        ('A="x"   ', {"A": "x"}),
        ("\tA=x", {"A": "x"}),
        ('A="one\n two # 2\n" # end\nB=b\n', {"A": "one\n two # 2\n", "B": "b"}),
        ("A='one\n\ntwo'\nB=b\n", {"A": "one\n\ntwo", "B": "b"}),
        ("\ufeffA=x\r\nB=\"y\"\r\nC='a\r\nb'\r\n", {"A": "x", "B": "y", "C": "a\r\nb"}),
        ("A=x\u2028z", {"A": "x\u2028z"}),
        ('A="a\n\\n#b"\n#c\nB=1', {"A": "a\n\n#b", "B": "1"}),
        ("A\nB=1", {"B": "1"}),
        ("export A\nB=1", {"B": "1"}),
        ("export  A=x", {"A": "x"}),
        ("exportA=x", {"exportA": "x"}),
        ("A=\nB=x", {"A": "", "B": "x"}),
        ("A=\n\nB=x", {"A": "", "B": "x"}),
        ("A= \n B=x", {"A": "", "B": "x"}),
        ("A\n", {}),
        ("CALLER\n", {"CALLER": "called"}),
        ("A=C:\\new\\table", {"A": "C:\\new\\table"}),
        ("A=x\\", {"A": "x\\"}),
        ("CALLER=\nB=${CALLER:-x}", {"B": "called", "CALLER": ""}),
        ("A==", {"A": "="}),
        ("A=$A", {"A": ""}),
        ("A=x\nA=$A$A", {"A": "xx"}),
        ("A:x", {"A": "x"}),
        ("A:=x", {"A": "=x"}),
        ("A=é", {"A": "é"}),
        ("A=\xa0x\xa0", {"A": "x"}),
        ('A="\\u0041"', {"A": "\\u0041"}),
        ("A='\\\"'", {"A": '\\"'}),
        ('A="\\\'"', {"A": "\\'"}),
        ('A="\\q"', {"A": "\\q"}),
        ("A=x # y # z", {"A": "x"}),
        ("A=x #", {"A": "x"}),
        ('A=${X:-"a b"}', {"A": '"a b"'}),
        ("A=${X:-'a b'}", {"A": "'a b'"}),
        ("B='${A'", {"B": "${A"}),
    ],
)
def test_files_are_read_as_compose_reads_them(text: str, expected: dict[str, str]) -> None:
    """The answers of Compose 2.26 and 2.40, for a caller whose environment is CALLER=called."""
    Path("one.env").write_bytes(text.encode())
    found = try_resolve(body("env_file: one.env"))
    assert found.plays[0].resources[0].values["environment"] == expected
    assert [
        problem for problem in found.problems if "a variable that is not set; it is read as empty" not in problem
    ] == []


@pytest.mark.parametrize(("text", "expected"), [("A", {}), ("CALLER", {"CALLER": "called"}), ("A=x\nA", {"A": "x"})])
def test_a_key_at_the_end_of_a_file_needs_no_line_end(text: str, expected: dict[str, str]) -> None:
    """Compose takes it for the value of a variable without a name."""
    assert environment({"one.env": text}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "B=${C:?needed}",
            "the value of B: the required variable C is not set; in single quotes a $ is an ordinary character",
        ),
        (
            "B=${C?needed}",
            "the value of B: the required variable C is not set; in single quotes a $ is an ordinary character",
        ),
        (
            "A=\nB=${A:?needed}x",
            "the value of B: the required variable A is not set; in single quotes a $ is an ordinary character",
        ),
        (
            "A=x\nB=${A:-${C:?no}}",
            "the value of B: the required variable C is not set; in single quotes a $ is an ordinary character",
        ),
        ("A=${", "the value of A: a ${ is not closed; in single quotes a $ is an ordinary character"),
        ("B=${C:-${A}", "the value of B: a ${ is not closed; in single quotes a $ is an ordinary character"),
        (
            "A=${}",
            "the value of A: the text in ${ } is not a variable; in single quotes a $ is an ordinary character",
        ),
        (
            "A=${1}",
            "the value of A: the text in ${ } is not a variable; in single quotes a $ is an ordinary character",
        ),
        (
            "A=${a b}",
            "the value of A: the text in ${ } is not a variable; in single quotes a $ is an ordinary character",
        ),
        ('A="x\\"', "the quote of A is not closed"),
        ('A="a" "b"', "does not have the form KEY=value"),
        ("A='it''s'", "does not have the form KEY=value"),
        ("=x", "does not have the form KEY=value"),
        ("A;b=x", "does not have the form KEY=value"),
        ("A b=x", "does not have the form KEY=value"),
        ("A=C:\new\\table", "does not have the form KEY=value"),
    ],
)
def test_values_that_compose_refuses_are_refused(text: str, expected: str) -> None:
    Path("one.env").write_bytes(text.encode())
    (complaint,) = complaints(body("env_file: one.env"))
    assert complaint == f"one.env:{1 + text.count(chr(10))}:1: {expected}"


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


def test_errors_in_files_have_their_places() -> None:
    Path("one.env").write_text("A=1\nB;=2\n\nno way\nC=\"x\nD='\n")
    assert complaints(body("env_file: one.env")) == [
        "one.env:2:1: does not have the form KEY=value",
        "one.env:4:1: does not have the form KEY=value",
        "one.env:5:1: the quote of C is not closed",
        "one.env:6:1: the quote of D is not closed",
    ]


def test_a_variable_may_be_of_an_earlier_file() -> None:
    files = {"one.env": "A=x\n", "two.env": "B=${A}y\n"}
    assert environment(files, "env_file: [one.env, two.env]") == {"A": "x", "B": "xy"}


def test_one_that_nothing_sets_may_be_the_end_of_a_password_and_is_not_named() -> None:
    Path("one.env").write_text(f"A=1\nPASSWORD=abc${SENTINEL}\n")
    found = try_resolve(body("env_file: one.env"))
    (warning,) = found.problems
    assert warning.startswith(
        "one.env:2:1: the value of PASSWORD refers to a variable that is not set; it is read as empty"
    )
    assert SENTINEL not in warning
    assert found.plays[0].resources[0].values["environment"]["PASSWORD"] == "abc-value"


def test_a_key_in_a_list_has_the_callers_value_and_never_removes_the_images() -> None:
    assert web("environment: [CALLER, B=2, CALLER2=]").values["environment"] == {
        "CALLER": "called",
        "B": "2",
        "CALLER2": "",
    }
    found = try_resolve(body("env: [CALLER_X, '{{ mode }}']"), templar("mode: CALLER"))
    assert found.plays[0].resources[0].values["environment"] == {"CALLER": "called"}
    assert found.problems == [
        "site.yml:5:13: containers.web.env: 'CALLER_X' is not set in this environment, so it is left out; "
        "write KEY=value, or a map with 'KEY: null' to remove what the image sets"
    ]
    assert web("environment: {CALLER: null}").values["environment"] == {"CALLER": None}


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
