"""Commands, paths, signals, restart policies, capabilities, security options: one spelling each."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import command, paths, restart, security, signals


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("sleep 600", ("sleep", "600")),
        ("sh -c 'a  b'", ("sh", "-c", "a  b")),
        ('echo "$HOME"', ("echo", "$HOME")),
        ("", ()),
        ("''", ("",)),
    ],
)
def test_commands_are_split_as_a_shell_splits_them(written: str, words: tuple[str, ...]) -> None:
    assert command.parse(written) == words


def test_an_unclosed_quote_is_refused() -> None:
    with pytest.raises(ValueError) as error:
        command.parse("echo 'Oh")
    assert str(error.value) == "'echo 'Oh' cannot be split into words: no closing quotation"


def test_no_words_are_shown_as_an_empty_list() -> None:
    assert command.show(()) == "[]"
    assert command.show(None) == "[]"


@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), min_size=1))
def test_a_shown_command_reads_back(words: list[str]) -> None:
    assert command.parse(command.show(tuple(words))) == tuple(words)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/a//b/../c/", "/a/c"),
        ("/a/c", "/a/c"),
        ("/", "/"),
        ("//", "/"),
        ("//srv", "/srv"),
        ("/srv/.", "/srv"),
        ("", ""),
        ("/../etc", "/etc"),
    ],
)
def test_paths_are_cleaned_as_the_engine_cleans_them(written: str, read: str) -> None:
    assert paths.clean(written) == read


def test_relative_paths_are_refused() -> None:
    assert paths.parse_absolute("/srv/") == "/srv"
    with pytest.raises(ValueError) as error:
        paths.parse_absolute("srv")
    assert str(error.value) == "'srv' is not an absolute path"


@pytest.mark.parametrize("written", [15, "15", "TERM", "term", "SIGTERM", "sigterm", " SIGTERM "])
def test_spellings_of_one_signal(written: int | str) -> None:
    assert signals.parse(written) == "SIGTERM"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (1, "SIGHUP"),
        (9, "SIGKILL"),
        (31, "SIGSYS"),
        ("IOT", "SIGABRT"),
        ("CLD", "SIGCHLD"),
        ("SIGPOLL", "SIGIO"),
        (34, "SIGRTMIN"),
        ("RTMIN", "SIGRTMIN"),
        ("SIGRTMIN+3", "SIGRTMIN+3"),
        (37, "SIGRTMIN+3"),
        ("SIGRTMAX", "SIGRTMIN+30"),
        ("RTMAX-1", "SIGRTMIN+29"),
        (64, "SIGRTMIN+30"),
    ],
)
def test_signals(written: int | str, read: str) -> None:
    assert signals.parse(written) == read
    assert signals.parse(read) == read


@pytest.mark.parametrize(
    "written", [0, 32, 33, 65, "", "SIG", "SIGFOO", "RTMIN-3", "RTMAX+1", "RTMIN+31", "RTMIN+-3", "RTMINX", -1]
)
def test_an_invalid_signal_is_refused(written: int | str) -> None:
    with pytest.raises(ValueError) as error:
        signals.parse(written)
    assert str(error.value) == f"'{written}' is not a signal such as SIGTERM"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no", "no"),
        ("", "no"),
        ("always", "always"),
        ("unless-stopped", "unless-stopped"),
        ("on-failure", "on-failure"),
        ("on-failure:0", "on-failure"),
        ("on-failure:03", "on-failure:3"),
    ],
)
def test_restart_policies(written: str, read: str) -> None:
    assert restart.parse(written) == read
    assert restart.from_engine(restart.to_engine(read)) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("sometimes", "'sometimes' is not one of no, always, unless-stopped, on-failure[:retries]"),
        ("always:3", "'always:3': only on-failure takes a number of retries, as in on-failure:3"),
        ("on-failure:x", "'on-failure:x': only on-failure takes a number of retries, as in on-failure:3"),
        ("on-failure:-1", "'on-failure:-1': only on-failure takes a number of retries, as in on-failure:3"),
    ],
)
def test_an_invalid_restart_policy_is_refused(written: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        restart.parse(written)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("live", "read"),
    [
        (None, "no"),
        ({"Name": "", "MaximumRetryCount": 0}, "no"),
        ({"Name": "no", "MaximumRetryCount": 0}, "no"),
        ({"Name": "on-failure", "MaximumRetryCount": 3}, "on-failure:3"),
    ],
)
def test_restart_policies_of_engines(live: dict[str, Any] | None, read: str) -> None:
    assert restart.from_engine(live) == read


@pytest.mark.parametrize("written", ["NET_ADMIN", "net_admin", "CAP_NET_ADMIN", "cap_net_admin", " Net_Admin "])
def test_spellings_of_one_capability(written: str) -> None:
    assert security.parse_capability(written) == "NET_ADMIN"


@pytest.mark.parametrize("written", ["", "CAP_", "5"])
def test_an_invalid_capability_is_refused(written: str) -> None:
    with pytest.raises(ValueError) as error:
        security.parse_capability(written)
    assert str(error.value) == f"'{written}' is not a capability such as NET_ADMIN"


@pytest.mark.parametrize("written", ["NET ADMIN", "net-admin", "NET_ADMN", "CAP_NETADMIN"])
def test_an_unknown_capability_is_refused_with_a_suggestion(written: str) -> None:
    with pytest.raises(ValueError) as error:
        security.parse_capability(written)
    assert str(error.value) == f"'{written}' is not a capability; did you mean 'NET_ADMIN'?"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("no-new-privileges", "no-new-privileges=true"),
        ("no-new-privileges:true", "no-new-privileges=true"),
        ("no-new-privileges=true", "no-new-privileges=true"),
        ("no-new-privileges:false", "no-new-privileges=false"),
        ("seccomp:unconfined", "seccomp=unconfined"),
        ("seccomp=unconfined", "seccomp=unconfined"),
        ("seccomp=builtin", "seccomp=builtin"),
        ('seccomp={"a":"b=c"}', 'seccomp={"a":"b=c"}'),
        ('seccomp={\n  "b": [1, 2],\n  "a": null\n}\n', 'seccomp={"a":null,"b":[1,2]}'),
        ("label:user:USER", "label=user:USER"),
        ("label=disable", "label=disable"),
        ("apparmor=docker-default", "apparmor=docker-default"),
    ],
)
def test_security_options(written: str, read: str) -> None:
    assert security.parse_option(written) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (" ", "a security option is empty"),
        (
            "seccomp=profile.json",
            "'seccomp=profile.json': write unconfined, or the profile itself, with a file: "
            "\"seccomp={{ lookup('file', 'profile.json') }}\"",
        ),
        ("no-new-privilege", "no security option 'no-new-privilege'; did you mean 'no-new-privileges'?"),
        (
            "selinux=off",
            "no security option 'selinux'; "
            "write one of apparmor, label, no-new-privileges, seccomp, systempaths, writable-cgroups",
        ),
        ("systempaths=masked", "'systempaths=masked': systempaths can only be unconfined"),
    ],
)
def test_an_invalid_security_option_is_refused(written: str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        security.parse_option(written)
    assert str(error.value) == message
