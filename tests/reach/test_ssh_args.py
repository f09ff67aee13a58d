"""ssh's command line as inventories carry it."""

from __future__ import annotations

import pytest

from deployer.reach.ssh_args import parse_ssh_args


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("-C -o ControlMaster=auto -o ControlPersist=60s", {}),
        ("-o StrictHostKeyChecking=no", {"stricthostkeychecking": ["no"]}),
        ("-oStrictHostKeyChecking=no", {"stricthostkeychecking": ["no"]}),
        ("-o 'UserKnownHostsFile /dev/null'", {"userknownhostsfile": ["/dev/null"]}),
        ("-J a,b -p 2222 -l deploy", {"proxyjump": ["a,b"], "port": ["2222"], "user": ["deploy"]}),
        ("-i one -i two", {"identityfile": ["one", "two"]}),
        ("-p2222 -4Cq", {"port": ["2222"], "addressfamily": ["inet"]}),
        ('-o ProxyCommand="ssh -W %h:%p bastion"', {"proxycommand": ["ssh -W %h:%p bastion"]}),
        ("-o ControlPath=/tmp/x -S /tmp/y -E /tmp/log", {}),
    ],
)
def test_supported_options(text: str, options: dict[str, list[str]]) -> None:
    parsed = parse_ssh_args(text)
    assert (parsed.options, parsed.errors) == (options, [])


def test_another_config_file() -> None:
    assert parse_ssh_args("-F /etc/ssh/special").config_file == "/etc/ssh/special"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("-o HostKeyAlgorithms=ssh-rsa", "option HostKeyAlgorithms is not supported"),
        ("-L 8080:localhost:80", "-L is not supported"),
        ("-b 10.0.0.1", "-b is not supported"),
        ("-o Port", "option Port has no value"),
        ("-p", "-p is not a known option or has no value"),
        ("web1", "'web1' is not an option of ssh"),
        ("-o 'Port=1", "cannot be read: No closing quotation"),
    ],
)
def test_unsupported_options_are_errors(text: str, error: str) -> None:
    assert parse_ssh_args(text).errors == [error]
