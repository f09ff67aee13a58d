"""From variables, command line and ssh_config to a ConnectionSpec."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from deployer.errors import InputError
from deployer.reach.connection import (
    AddressFamily,
    CliConnectionOptions,
    ConnectionSpec,
    HostKeyChecking,
    TlsFiles,
)
from deployer.reach.connectors import ConnectionType
from deployer.reach.names import SETTINGS, Setting
from deployer.reach.resolve import connection_spec
from deployer.reach.ssh_config import SshConfig
from deployer.usecases.system import this_machine

NO_OPTIONS = CliConnectionOptions()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def spec(
    variables: Mapping[str, object], *, config: str = "", options: CliConnectionOptions = NO_OPTIONS, name: str = "web1"
) -> ConnectionSpec:
    path = Path("~/.ssh/config").expanduser()
    path.write_text(config)
    return connection_spec(name, variables, options, SshConfig(this_machine(), ("~/.ssh/config",)))


def errors_of(variables: Mapping[str, object], config: str = "", name: str = "web1") -> list[str]:
    with pytest.raises(InputError) as caught:
        spec(variables, config=config, name=name)
    return str(caught.value).splitlines()


def test_a_bare_name_is_reached_by_ssh_as_the_local_user(home: Path) -> None:
    found = spec({})
    assert (found.kind, found.host, found.port, found.user) == (ConnectionType.SSH, "web1", 22, getpass.getuser())
    assert found.known_hosts_files == (
        f"{home}/.ssh/known_hosts",
        f"{home}/.ssh/known_hosts2",
        "/etc/ssh/ssh_known_hosts",
        "/etc/ssh/ssh_known_hosts2",
    )
    assert (found.host_key_checking, found.docker_socket) == (HostKeyChecking.STRICT, "/var/run/docker.sock")


def test_ansible_names_are_read_as_they_are(home: Path) -> None:
    found = spec(
        {
            "ansible_host": "10.0.0.1",
            "ansible_port": "2222",
            "ansible_user": "deploy",
            "ansible_ssh_pass": 12345,
            "ansible_ssh_private_key_file": "~/.ssh/web",
            "ansible_ssh_private_key_passphrase": "open",
            "ansible_host_key_checking": False,
            "ansible_timeout": 30,
            "ansible_connection": "ansible.builtin.ssh",
        }
    )
    assert (found.name, found.host, found.port, found.user) == ("web1", "10.0.0.1", 2222, "deploy")
    assert (found.password, found.private_key_files) == ("12345", (f"{home}/.ssh/web",))
    assert (found.private_key_passphrase, found.host_key_checking) == ("open", HostKeyChecking.NO)
    assert found.connect_timeout == 30.0


def test_short_names_do_the_same_and_yield_to_ansible_names(home: Path) -> None:
    found = spec(
        {
            "host": "10.0.0.1",
            "ansible_port": 22,
            "port": 8080,
            "user": "deploy",
            "private_key_file": ["one", "/two"],
            "known_hosts_file": "/etc/known",
            "host_key_checking": "accept-new",
            "docker_socket": "/run/user/1000/docker.sock",
            "docker_command": "sudo -n docker",
        }
    )
    assert (found.host, found.port, found.user) == ("10.0.0.1", 22, "deploy")
    assert found.private_key_files == (str(Path("one").absolute()), "/two")
    assert found.known_hosts_files[0] == "/etc/known"
    assert found.host_key_checking is HostKeyChecking.ACCEPT_NEW
    assert (found.docker_socket, found.docker_command) == ("/run/user/1000/docker.sock", "sudo -n docker")


def test_variables_beat_arguments_beat_command_line_beats_ssh_config() -> None:
    options = CliConnectionOptions(user="cli", private_key_file="/cli", timeout=3)
    config = "Host *\n  User config\n  Port 1\n  ConnectTimeout 9\n  IdentityFile /config\n"
    assert spec({}, config=config).user == "config"
    assert spec({}, config=config, options=options).user == "cli"
    assert spec({}, config=config, options=options).private_key_files == ("/cli", "/config")
    assert spec({"ansible_ssh_common_args": "-l args -p 2"}, config=config, options=options).user == "args"
    found = spec({"ansible_user": "var", "ansible_ssh_common_args": "-l args -p 2"}, config=config, options=options)
    assert (found.user, found.port, found.connect_timeout) == ("var", 2, 3)
    assert spec({"private_key_file": "/var"}, config=config, options=options).private_key_files == ("/var", "/config")


def test_the_prefix_beats_ansible_s_names_and_these_the_short_one() -> None:
    given: dict[str, object] = {"port": 1, "ansible_ssh_port": 2, "ansible_port": 3, "deployer_port": 4}
    options = CliConnectionOptions(ssh_common_args="-p 5")
    found = []
    while given:
        found.append(spec(given, options=options, config="Host *\n  Port 6\n").port)
        given.popitem()
    assert [*found, spec({}, options=options, config="Host *\n  Port 6\n").port] == [4, 3, 2, 1, 5]
    assert spec({}, config="Host *\n  Port 6\n").port == 6


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_name_with_the_prefix(setting: Setting) -> None:
    assert setting.names[0] == f"deployer_{setting.name}"
    assert not [name for name in setting.names[1:] if not name.startswith("ansible_") and name != setting.name]


@pytest.mark.parametrize("name", ["[2001:db8::1]", "[fe80::1%eth0]", "[::1]"])
def test_brackets_around_an_address_are_taken(name: str) -> None:
    assert spec({"ansible_host": name}).host == name[1:-1]
    assert spec({"connection": "tcp", "host": name}).host == name[1:-1]


def test_ssh_config_is_asked_for_the_address_and_may_change_it(home: Path) -> None:
    config = (
        "Host 10.0.0.1\n  HostName gateway.%h\n  IdentitiesOnly yes\n  IdentityFile ~/.ssh/%r-%n\n"
        "  UserKnownHostsFile ~/.ssh/a ~/.ssh/b\n  GlobalKnownHostsFile none\n  HostKeyAlias web\n"
        "  StrictHostKeyChecking accept-new\n  AddressFamily inet6\n  IdentityAgent ~/agent.sock\n"
    )
    found = spec({"ansible_host": "10.0.0.1", "ansible_user": "deploy"}, config=config)
    assert (found.host, found.identities_only, found.host_key_alias) == ("gateway.10.0.0.1", True, "web")
    assert found.private_key_files == (f"{home}/.ssh/deploy-10.0.0.1",)
    assert found.known_hosts_files == (f"{home}/.ssh/a", f"{home}/.ssh/b")
    assert found.host_key_checking is HostKeyChecking.ACCEPT_NEW
    assert (found.address_family, found.identity_agent) == (AddressFamily.IPV6, f"{home}/agent.sock")


def test_the_usual_arguments_of_throwaway_machines() -> None:
    found = spec({"ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"})
    assert (found.host_key_checking, found.known_hosts_files[0]) == (HostKeyChecking.NO, "/dev/null")


class TestJumps:
    CONFIG = "Host bastion\n  HostName 203.0.113.1\n  User jump\n  Port 2022\n  IdentityFile /bastion\n"

    def test_a_jump_host_is_looked_up_in_ssh_config(self) -> None:
        found = spec({"proxy_jump": "bastion", "private_key_file": "/web"}, config=self.CONFIG)
        (hop,) = found.jumps
        assert (hop.name, hop.host, hop.user, hop.port) == ("bastion", "203.0.113.1", "jump", 2022)
        assert hop.private_key_files == ("/bastion", "/web")

    def test_several_hops_with_users_and_ports(self) -> None:
        found = spec({"ansible_ssh_common_args": "-J me@one:2201,[2001:db8::1]:22,2001:db8::2"})
        assert [(hop.user, hop.host, hop.port) for hop in found.jumps] == [
            ("me", "one", 2201),
            (getpass.getuser(), "2001:db8::1", 22),
            (getpass.getuser(), "2001:db8::2", 22),
        ]

    def test_the_first_hop_may_have_hops_of_its_own(self) -> None:
        config = "Host inner\n  ProxyJump outer\nHost web1\n  ProxyJump inner\n"
        assert [hop.name for hop in spec({}, config=config).jumps] == ["outer", "inner"]

    def test_the_word_none_means_no_value(self) -> None:
        config = "Host web1\n  ProxyJump none\nHost *\n  ProxyJump bastion\n"
        assert spec({}, config=config).jumps == ()
        assert spec({"proxy_jump": "none"}, config="Host *\n  ProxyJump bastion\n").jumps == ()

    def test_a_circle_is_an_error(self) -> None:
        config = "Host *\n  ProxyJump bastion\n"
        assert any("is its own jump host" in line for line in errors_of({}, config))

    def test_a_proxy_command_has_its_tokens_replaced(self) -> None:
        found = spec(
            {"ansible_ssh_common_args": "-o ProxyCommand='ssh -W %h:%p -l %r bastion'", "ansible_user": "deploy"}
        )
        assert (found.proxy_command, found.jumps) == ("ssh -W web1:22 -l deploy bastion", ())


class TestBecome:
    def test_becoming_root_reaches_the_engine_through_sudo(self) -> None:
        assert spec({"ansible_become": "yes", "ansible_user": "deploy"}).docker_command == "sudo -n docker"

    def test_root_need_not_become_root(self) -> None:
        assert spec({"ansible_become": True, "ansible_user": "root"}).docker_command == ""

    @pytest.mark.parametrize("name", ["ansible_become_password", "ansible_become_pass", "deployer_become_password"])
    def test_a_password_for_sudo(self, name: str) -> None:
        found = spec({"ansible_become": True, "ansible_user": "deploy", name: "s3cret"})
        ready = 'echo "[deployer]" "sudo" "is" "ready" >&2; exec "$@"'
        assert found.docker_command == f"sudo -S -p '[deployer] password for sudo: ' sh -c '{ready}' sh docker"
        assert found.become == found.docker_command.removesuffix(" docker")
        assert found.sudo_password == "s3cret"
        unused = spec({"ansible_user": "deploy", name: "s3cret"})
        assert (unused.docker_command, unused.sudo_password) == ("", "")

    def test_a_command_line_password_is_for_hosts_without_one(self) -> None:
        become: dict[str, object] = {"ansible_become": True, "ansible_user": "deploy", "ansible_become_user": "dock"}
        asked = CliConnectionOptions(become_password="asked")
        assert spec(become, options=asked).sudo_password == "asked"
        assert " -u dock sh -c " in spec(become, options=asked).docker_command
        assert spec(become | {"ansible_become_password": "own"}, options=asked).sudo_password == "own"
        assert spec({"ansible_user": "deploy"}, options=asked).sudo_password == ""

    def test_doas_takes_no_password(self) -> None:
        given = {"ansible_become": True, "ansible_user": "u", "ansible_become_method": "doas"}
        assert errors_of(given | {"ansible_become_password": "s3cret"}) == [
            "host web1: ansible_become_password: doas reads a password from a terminal only; let doas run docker "
            "without one (nopass), use sudo, or add the user to group docker"
        ]

    def test_becoming_another_user(self) -> None:
        found = spec({"ansible_become": True, "ansible_become_user": "dock", "ansible_become_method": "doas"})
        assert found.docker_command == "doas -n -u dock docker"

    def test_a_stated_command_wins(self) -> None:
        assert spec({"ansible_become": True, "docker_command": "/opt/docker"}).docker_command == "/opt/docker"


class TestKinds:
    def test_local(self) -> None:
        found = spec({"ansible_connection": "local"})
        assert (found.kind, found.docker_socket) == (ConnectionType.LOCAL, "/var/run/docker.sock")

    def test_local_with_another_socket(self) -> None:
        found = spec({"connection": "local", "docker_host": "unix:///run/podman/podman.sock"})
        assert (found.kind, found.docker_socket) == (ConnectionType.LOCAL, "/run/podman/podman.sock")

    def test_a_socket_url_over_ssh_is_the_socket_on_the_host(self) -> None:
        found = spec({"docker_host": "unix:///run/docker2.sock"})
        assert (found.kind, found.docker_socket) == (ConnectionType.SSH, "/run/docker2.sock")

    def test_an_ssh_url(self) -> None:
        found = spec({"docker_host": "ssh://deploy@10.0.0.1:2222/run/docker2.sock"})
        assert (found.kind, found.user, found.host, found.port) == (ConnectionType.SSH, "deploy", "10.0.0.1", 2222)
        assert found.docker_socket == "/run/docker2.sock"

    def test_tcp_without_encryption(self) -> None:
        found = spec({"docker_host": "tcp://10.0.0.1:2375"})
        assert (found.kind, found.host, found.port, found.tls) == (ConnectionType.TCP, "10.0.0.1", 2375, None)

    def test_tcp_with_tls(self) -> None:
        found = spec({"connection": "tcp", "host": "10.0.0.1", "tls_ca": "/ca", "tls_cert": "/c", "tls_key": "/k"})
        assert (found.port, found.tls) == (2376, TlsFiles("/ca", "/c", "/k", verify=True))

    def test_the_tls_port_is_spoken_to_in_tls(self) -> None:
        assert spec({"docker_host": "tcp://10.0.0.1:2376"}).tls == TlsFiles()

    def test_simulated(self) -> None:
        assert spec({"connection": "simulated"}).kind is ConnectionType.SIMULATED


def test_all_errors_come_at_once() -> None:
    assert errors_of(
        {
            "ansible_port": "http",
            "ansible_timeout": -1,
            "host_key_checking": "perhaps",
            "ansible_become": "maybe",
            "ansible_ssh_common_args": "-o Ciphers=none",
            "ansible_user": ["a"],
            "docker_host": "ftp://x",
        }
    ) == [
        "host web1: docker_host: unknown scheme in 'ftp://x'; use tcp://, unix:// or ssh://",
        "host web1: ansible_ssh_common_args: option Ciphers is not supported",
        "host web1: ansible_user: expected text, got list",
        "host web1: ansible_port: expected a port from 1 to 65535, got 'http'",
        "host web1: host_key_checking: expected strict, accept-new or no, got 'perhaps'",
        "host web1: ansible_become: expected true or false, got 'maybe'",
        "host web1: ansible_timeout: expected a number of seconds above 0, got '-1'",
    ]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"ansible_connection": "community.docker.docker"}, "this is a connection to a container"),
        ({"ansible_connection": "winrm"}, "connection 'winrm' is not one of ssh, smart"),
        ({"connection": "ssh", "docker_host": "tcp://x"}, "cannot be combined with connection 'ssh'"),
        ({"ansible_become": True, "ansible_user": "u", "ansible_become_method": "su"}, "'su' is not supported"),
        ({"docker_host": "tcp://x:99999"}, "is not a URL"),
        ({"docker_host": "tcp://x", "tls_key": "/k"}, "requires tls_cert"),
    ],
)
def test_errors(variables: Mapping[str, object], message: str) -> None:
    assert any(message in line for line in errors_of(variables))


def test_secrets_are_not_in_the_repr() -> None:
    found = spec({"password": "s3cret", "ansible_ssh_private_key": "KEYTEXT", "private_key_passphrase": "PASS"})
    assert not any(secret in repr(found) for secret in ("s3cret", "KEYTEXT", "PASS"))
    assert "s3cret" not in repr(CliConnectionOptions(password="s3cret"))


class TestNamesInCommands:
    """What a shell would read as more than one plain word is refused before ssh_config is asked, as OpenSSH does."""

    @pytest.mark.parametrize(
        "name", ["-oProxyCommand=x", "a;b", "$(id)", "a`id`", "a b", "a\nb", "a|b", "a\\b", "{a}", "'a'"]
    )
    def test_hosts(self, home: Path, name: str) -> None:
        config = f"Match exec 'touch {home}/ran'\n  User x\nHost *\n  ProxyCommand nc %h\n"
        expected = f"{name!r} is not the name or address of a host; set host"
        assert expected in errors_of({"ansible_host": name}, config)[0]
        assert expected in "".join(errors_of({}, config, name=name))
        assert expected in errors_of({"docker_host": "ssh://x", "host": name}, config)[0]
        assert not (home / "ran").exists()

    @pytest.mark.parametrize("name", ["-l", "a;b", "$(id)", "a`id`", "a -oX", "a\nb", "a|b", "a\\", "$HOME", "{a}"])
    def test_users(self, home: Path, name: str) -> None:
        config = f"Match exec 'touch {home}/ran %r'\n  Port 1\nHost *\n  ProxyCommand nc -l %r %h\n"
        assert "is not the name of a user" in "\n".join(errors_of({"ansible_user": name}, config))
        assert not (home / "ran").exists()

    @pytest.mark.parametrize("user", ["DOMAIN\\ann", "host$", "ann@example.com", "a.b_c-d"])
    def test_users_that_are_ones(self, user: str) -> None:
        assert spec({"ansible_user": user}).user == user

    @pytest.mark.parametrize("host", ["2001:db8::1", "fe80::1%eth0", "web_1.example.com", "bücher.example"])
    def test_hosts_that_are_ones(self, host: str) -> None:
        assert spec({"ansible_host": host}).host == host

    def test_jump_hosts_and_their_users(self) -> None:
        assert "'a;b' is not the name or address" in errors_of({"proxy_jump": "a;b"})[0]
        assert "'$(id)' is not the name of a user" in errors_of({"proxy_jump": "$(id)@a"})[0]

    def test_values_from_ssh_config(self) -> None:
        config = "Host web1\n  HostKeyAlias a;b\n  ProxyCommand nc %k\n"
        assert errors_of({}, config) == ["host web1: ProxyCommand: %k would be 'a;b', which has a meaning to the shell"]
        assert "'a;b' is not the name" in errors_of({}, "Host web1\n  HostName a;b\n")[0]

    def test_the_user_to_become_is_one_word(self) -> None:
        given = {"ansible_become": True, "ansible_user": "u", "ansible_become_user": "x; id"}
        assert "'x; id' is not the name of a user" in errors_of(given)[0]


class TestNobody:
    """A uid without an account, as containers in CI have it."""

    def resolved(self, variables: Mapping[str, object]) -> ConnectionSpec:
        machine = replace(this_machine(), user="", home="", uid=54321)
        return connection_spec("web1", variables, NO_OPTIONS, SshConfig(machine))

    def test_user_and_key_are_enough(self) -> None:
        found = self.resolved({"ansible_user": "deploy", "ansible_ssh_private_key_file": "/keys/web"})
        assert (found.user, found.private_key_files) == ("deploy", ("/keys/web",))
        assert found.known_hosts_files == ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")

    def test_missing_values_are_reported(self) -> None:
        with pytest.raises(InputError) as caught:
            self.resolved({"private_key_file": "~/.ssh/web", "tls_ca": ""})
        assert str(caught.value).splitlines() == [
            "host web1: user: no user to log in as: uid 54321 has no account here; set user, or --user",
            "host web1: private_key_file: ~/.ssh/web: there is no home directory; set HOME, or write it in full",
        ]
