"""Help, errors in usage, and what it costs to load."""

import os
import subprocess
import sys

import pytest

from deployer import __version__
from deployer.cli import boundary
from deployer.cli.app import APP, COMMANDS
from deployer.cli.command import Command
from deployer.cli.options import FORKS
from deployer.usecases.load import Request
from tests.cli.runs import Shop

HEAVY = ("rich", "paramiko", "docker", "jinja2", "requests", "schema", "yaml", "deployer.usecases", "deployer.model")


def test_help_begins_with_usage_and_examples(shop: Shop) -> None:
    found = shop.run("--help")
    assert found.code == 0
    assert found.out.startswith("Usage: deployer [OPTIONS] COMMAND [ARGS]...\n\nExamples:\n  deployer plan -i ")
    listed = found.out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed if not line.startswith("   ")] == list(COMMANDS)


@pytest.mark.parametrize("words", [("-h",), *((name, "-h") for name in COMMANDS), ("inventory", "list", "-h")])
def test_every_command_explains_itself(shop: Shop, words: tuple[str, ...]) -> None:
    found = shop.run(*words)
    assert (found.code, found.err) == (0, "")
    assert "\n\nExamples:\n  deployer " in found.out


@pytest.mark.parametrize("name", COMMANDS)
def test_command_lists_equal_the_commands_help(shop: Shop, name: str) -> None:
    command = APP.commands.get(name) or APP.get_command(APP.make_context("deployer", ["plan"]), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").split(".")[0].split(":")[0].split(";")[0] in COMMANDS[name]


def test_names_of_other_tools_are_no_commands() -> None:
    context = APP.make_context("deployer", ["plan"])
    commands = [command for name in COMMANDS if isinstance(command := APP.get_command(context, name), Command)]
    for command in commands:
        assert bool(command.suggestion.does) or not command.suggestion.other_names
        assert not {*command.suggestion.other_names} & {*COMMANDS}


def test_without_a_command_there_is_help_and_an_error(shop: Shop) -> None:
    found = shop.run()
    assert found.code == 1
    assert "Usage: deployer" in found.out + found.err


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version(shop: Shop, option: str) -> None:
    found = shop.run(option)
    assert (found.code, found.out) == (0, f"deployer {__version__}\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plna",), "No such command 'plna'. Did you mean 'plan'?"),
        (("inventory", "lsit"), "No such command 'lsit'. Did you mean 'list'?"),
        (("frobnicate",), "No such command 'frobnicate'."),
        (("deploy",), "No such command 'deploy'. 'apply' applies a playbook."),
        (("up",), "No such command 'up'. 'apply' applies a playbook."),
        (("down",), "No such command 'down'. 'destroy' removes the project's containers, networks and files."),
        (("destro",), "No such command 'destro'. 'destroy' removes the project's containers, networks and files."),
        (("lock", "relase"), "No such command 'relase'. 'release' releases the locks of other runs."),
        (("destory",), "No such command 'destory'. 'destroy' removes the project's containers, networks and files."),
        (
            ("check",),
            "'check'. 'validate' checks playbooks and the inventory, 'plan' shows what apply would change.",
        ),
        (("unlock",), "No such command 'unlock'. 'lock release' releases the locks of other runs."),
        (("version",), "No such command 'version'. 'deployer --version' shows the version."),
        (("lock", "version"), "No such command 'version'.\n"),
        (("lock", "down"), "No such command 'down'.\n"),
        (("apply", "--dry-run", "shop.yml"), "No such option '--dry-run'. '--check' only shows the plan."),
        (("plan", "--dry-run", "shop.yml"), "No such option '--dry-run'. 'deployer plan' changes nothing."),
        (("apply", "--prun", "shop.yml"), "No such option '--prun'.\n"),
        (("destroy", "--volume", "shop.yml"), "No such option '--volume'.\n"),
        (("apply", "--become", "shop.yml"), "No such option '--become'. sudo is set in the inventory: ansible_become,"),
        (("apply", "-b", "shop.yml"), "No such option '-b'. sudo is set in the inventory"),
        (("apply", "--force-recreate", "shop.yml"), "Write 'recreate: always' for the container."),
        (("plan", "--limt", "web1", "shop.yml"), "No such option '--limt'. Did you mean '--limit'?"),
        (("plan",), "Missing argument 'PLAYBOOK...'"),
        (("plan", "--forks", "0", "shop.yml"), "0 is not in the range x>=1."),
        (("plan", "--color", "blue", "shop.yml"), "'blue' is not one of"),
        (("plan", "--allow-data-loss", "web1", "shop.yml"), "'web1' does not have the form HOST/volume.NAME"),
    ],
)
def test_errors_in_usage_end_with_1_and_not_with_2(shop: Shop, words: tuple[str, ...], message: str) -> None:
    found = shop.run(*words)
    assert (found.code, found.out) == (1, "")
    assert message in found.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "services: {web: {image: nginx}}\n",
            "shop.yml:1:1: is a Compose file, not a playbook; 'deployer import compose FILE -o PLAYBOOK' writes it",
        ),
        ("- name: a\n  ansible.builtin.apt: {name: x}\n", "shop.yml:1:3: is an Ansible task, not a play; declare the"),
        ("- name: a\n  shell: ls\n  when: x\n", "shop.yml:1:3: is an Ansible task, not a play; declare the"),
        ("- hosts: all\n  tasks: []\n", "unknown key 'tasks'; deployer runs no Ansible tasks"),
        ("- hosts: all\n  roles: [web]\n", "unknown key 'roles'; deployer runs no Ansible tasks"),
        ("all: {hosts: {web1: {}}}\n", "shop.yml:1:1: is an inventory, not a playbook; give it with -i"),
        ("web: {hosts: {web1: {}}}\n", "shop.yml:1:1: is an inventory, not a playbook; give it with -i"),
        (
            "# hosts\n[web]\nweb1 x=1\n",
            "shop.yml:1:1: is an INI file, not a playbook; give it with -i",
        ),
        (
            "web1 ansible_host=10.0.0.1\nweb2\n",
            "shop.yml:1:1: is text, not a playbook: a list of plays; give it with -i",
        ),
        ("containers: {}\n", "shop.yml:1:1: a playbook is a list of plays; begin each play with"),
    ],
)
def test_files_of_other_tools_are_recognised(shop: Shop, text: str, message: str) -> None:
    shop.write("shop.yml", text)
    found = shop.run("plan", "-i", "hosts.yml", "shop.yml")
    assert (found.code, found.out) == (1, "")
    assert message in found.err


def test_the_help_shows_the_default_of_forks() -> None:
    assert Request().forks == FORKS


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from deployer.cli import main; main(['--help']); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_without_ssh_neither_paramiko_nor_docker_nor_rich_is_loaded(shop: Shop, command: str) -> None:
    code = (
        f"import sys; from deployer.cli import main; code = main(['{command}', '-i', 'hosts.yml', 'shop.yml']); "
        "print(code, [m for m in ('paramiko', 'docker', 'requests', 'rich') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "0 []"


def cpu(*words: str) -> float:
    """Seconds, user and system, at best."""

    def once() -> float:
        before = os.times()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return min(once() for _ in range(5))


def test_help_costs_little_more_than_loading_click() -> None:
    """0.15 s of CPU; on a busy or slow machine, where that says little, not twice what Python and click take."""
    assert cpu("-m", "deployer.cli", "--help") < max(0.15, 2 * cpu("-c", "import click"))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("deployer pla", "plan"),
        ("deployer image co", "copy"),
        ("deployer plan --lim", "--limit"),
        ("deployer completion z", "zsh"),
        ("deployer plan play", "play"),
    ],
)
def test_shells_complete_words(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, expected: str
) -> None:
    """Playbooks are files, which the shell itself completes."""
    assert "_DEPLOYER_COMPLETE" in shop.run("completion", "bash").out
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split()) - 1))
    monkeypatch.setenv("_DEPLOYER_COMPLETE", "bash_complete")
    monkeypatch.setattr("sys.argv", ["deployer"])
    assert boundary.run() == 0
    kind, _, word = capsys.readouterr().out.splitlines()[0].partition(",")
    assert (kind, word) == ("file" if expected == "play" else "plain", expected)
