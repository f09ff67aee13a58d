"""Commands for the time after a deployment, on simulated hosts."""

import json
import re

import pytest

from deployer.applying.lock import HostLock
from deployer.config.vault import VaultSecret, encrypt
from deployer.model.locks import Claim
from deployer.simulated import SimulatedEngine
from deployer.simulated.persistence import StateFile
from deployer.usecases.system import SystemClock
from tests.cli.runs import DOWN, INVENTORY, MORE, Shop, lines


class TestLogs:
    def test_of_names_and_globs(self, more: Shop) -> None:
        assert lines(more, "logs", "web1", "m*", "api") == [
            "web1/api | simulated: api started",
            "web1/api | simulated: running sh",
            "web1/migrate | simulated: migrate ended with exit code 0",
            "web1/migrate | simulated: migrate started",
            "web1/migrate | simulated: running true",
        ]

    def test_of_one_project_or_playbook(self, more: Shop) -> None:
        db = ["db1/web | simulated: running sh"]
        assert lines(more, "logs", "all", "--project", "other", "--tail", "1") == db
        more.write("one.yml", "- hosts: all\n  project: other\n  containers: {web: {image: nginx}, api: {image: a}}\n")
        assert lines(more, "logs", "all", "--playbook", "one.yml", "--tail", "1") == db

    def test_of_what_a_replacement_left(self, more: Shop) -> None:
        more.write("more.yml", MORE.replace("nginx:1", "nginx:2"))
        assert more.run("apply", "-i", "hosts.yml", "more.yml", "--yes").code == 0
        assert {line.split()[0] for line in lines(more, "logs", "web1", "web*")} == {"web1/web"}
        assert {line.split()[0] for line in lines(more, "logs", "web1", "web.previous")} == {"web1/web.previous"}

    def test_some_lines(self, more: Shop) -> None:
        ended = ["web1/migrate | simulated: migrate ended with exit code 0"]
        assert lines(more, "logs", "web1", "--grep", "exit code [0-9]") == ended
        assert lines(more, "logs", "web1", "--since", "2030-01-01") == []
        assert len(lines(more, "logs", "web1", "--until", "2030-01-01")) == 7
        assert lines(more, "logs", "web1", "--tail", "0") == []
        (line,) = lines(more, "logs", "web1", "--grep", "ended", "--timestamps")
        assert line.startswith("web1/migrate | 2024-01-01T00:00:")

    def test_as_documents(self, more: Shop) -> None:
        (line,) = more.run("logs", "-i", "hosts.yml", "web1", "--grep", "ended", "--json").out.splitlines()
        found = json.loads(line)
        assert found.pop("time").startswith("2024-01-01T00:00:")
        assert found == {
            "type": "log",
            "host": "web1",
            "container": "migrate",
            "stream": "stdout",
            "text": "simulated: migrate ended with exit code 0",
        }

    def test_secrets_of_the_playbook_are_masked(self, more: Shop) -> None:
        more.write("vault.yml", encrypt("hidden: started\n", VaultSecret("default", b"key")))
        more.write("key", "key")
        keys = "{image: a, environment: {TEXT: '{{ hidden }}'}}"
        play = f"- hosts: web1\n  project: shop\n  vars_files: [vault.yml]\n  containers: {{api: {keys}}}\n"
        more.write("secret.yml", play)
        found = lines(more, "logs", "web1", "--playbook", "secret.yml", "--vault-password-file", "key")
        assert found == ["web1/api | simulated: api ***", "web1/api | simulated: running sh"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("web", "nope"), "error: no container is named 'nope' on these hosts\n"),
        (("web", "apii"), "  hint: did you mean 'api'?\n"),
        (("web", "x*", "y*"), "error: no container matches 'x*', 'y*' on these hosts\n"),
        (("web", "api", "--project", "other"), "on these hosts, in this selection\n"),
        (("nix",), "PATTERN: no host or group matches 'nix'\n"),
        (("web", "--grep", "("), "'(' is not a regular expression"),
        (("web", "--tail", "few"), "'few' is neither a number nor all"),
        (("web", "--since", "never"), "'never' is neither a duration such as 10m nor a time"),
        (("web", "-f", "--until", "1m"), "--until has no effect with --follow"),
    ],
)
def test_what_is_wrong_is_said(more: Shop, words: tuple[str, ...], error: str) -> None:
    found = more.run("logs", "-i", "hosts.yml", *words)
    assert (found.code, found.out) == (1, "")
    assert error in found.err


def test_a_host_that_is_down_does_not_stop_the_others(more: Shop) -> None:
    more.write("hosts.yml", DOWN)
    found = more.run("logs", "-i", "hosts.yml", "all", "migrate", "--tail", "1")
    assert (found.code, found.words) == (4, ["web1/migrate | simulated: migrate ended with exit code 0"])
    assert found.err.startswith("gone: unreachable: ")
    found = more.run("logs", "-i", "hosts.yml", "all", "nope")
    assert (found.code, found.out) == (1, "")
    assert "hint: gone could not be reached" in found.err


def test_stopping_and_starting_is_a_change_that_plan_shows(more: Shop) -> None:
    def words(*given: str) -> tuple[int, list[str], list[str]]:
        found = more.run(*given)
        return found.code, [" ".join(line.split()[:4]) for line in found.words], found.err.splitlines()

    plan = ("plan", "-i", "hosts.yml", "more.yml", "--limit", "web1", "--detailed-exitcode")
    shop = ("-i", "hosts.yml", "web1", "--playbook", "more.yml")
    code, out, err = words("stop", *shop)
    assert (code, err[0]) == (5, "error: cannot ask for confirmation of the changes: there is no terminal")
    assert out == ["HOST CONTAINER STATE PROJECT", "web1 (simulated) api running", "web1 (simulated) web running"]
    assert more.run(*plan).code == 0
    code, _, err = words("stop", *shop, "--yes")
    assert (code, [line.rpartition(" (")[0] for line in err]) == (
        0,
        ["web1  container api: stopped", "web1  container web: stopped"],
    )
    code, out, _ = words(*plan)
    assert (code, out[1:3]) == (2, ["> container web start:", "> container api start:"])
    assert words("start", *shop, "--check")[1][1:] == ["web1 (simulated) web exited", "web1 (simulated) api exited"]
    assert words("start", *shop, "-y")[0] == 0
    assert more.run(*plan).code == 0
    assert words("start", *shop, "-y") == (0, ["Nothing to start."], [])


def test_results_as_a_document(more: Shop) -> None:
    more.write("hosts.yml", DOWN)
    found = more.run("restart", "-i", "hosts.yml", "all", "web", "-y", "--json")
    document = json.loads(found.out)
    assert (found.code, document["type"], document["action"], document["exit_code"]) == (4, "lifecycle", "restart", 4)
    assert document["containers"] == [
        {"host": "web1", "name": "web", "project": "shop", "status": "restarted", "error": "", "hint": ""}
    ]
    assert [host["host"] for host in document["unreachable"]] == ["gone"]


def test_what_is_refused_changes_nothing(more: Shop) -> None:
    found = more.run("rm", "-i", "hosts.yml", "web", "web", "--yes")
    assert (found.code, found.out) == (5, "")
    assert found.err == (
        "error: web1: web is running; --stop stops it first\n"
        "  web2: web is running; --stop stops it first\n"
        "  hint: nothing was changed\n"
    )
    assert more.run("rm", "-i", "hosts.yml", "web1", "web", "--stop", "--yes").code == 0
    assert more.run("logs", "-i", "hosts.yml", "web1", "web").code == 1


def test_a_project_that_another_run_has_locked_is_left_alone(more: Shop) -> None:
    engine = SimulatedEngine(store=StateFile(more.folder / "state/deployer/simulated/web1.json"))
    claim = Claim("shop", "token", "ann@laptop", "2026-01-01T00:00:00Z", "apply", 60.0, "")
    HostLock(engine, claim, SystemClock(), float).try_take()
    found = more.run("stop", "-i", "hosts.yml", "web1,web2", "web", "--yes")
    assert found.code == 5
    assert "web1: nothing was changed: shop is locked by ann@laptop" in found.err
    assert "web2  container web: stopped" in found.err
    assert more.run("stop", "-i", "hosts.yml", "web1", "web", "--yes", "--no-lock").code == 0


class TestExec:
    def test_in_several_containers(self, more: Shop) -> None:
        found = more.run("exec", "-i", "hosts.yml", "web", "w*", "api", "--", "sh", "-c", "exit 3")
        assert (found.code, sorted(found.words)) == (
            3,
            [f"{place} | simulated: sh -c exit 3" for place in ("web1/api", "web1/web", "web2/api", "web2/web")],
        )
        assert found.err.splitlines()[0] == "web1/api: exit code 3"

    def test_in_one_the_output_is_passed_through(self, more: Shop) -> None:
        found = more.run("exec", "-i", "hosts.yml", "db1", "web", "--no-stdin", "--", "uptime", "-p")
        assert (found.code, found.out, found.err) == (0, "simulated: uptime -p\n", "")

    def test_input_ends(self, more: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        more.write("input", "some\ntext")
        with (more.folder / "input").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            assert more.run("exec", "-i", "hosts.yml", "db1", "web", "--", "cat").out == "some\ntext"

    def test_as_documents(self, more: Shop) -> None:
        found = more.run("exec", "-i", "hosts.yml", "db1", "web", "--json", "--", "false")
        place = {"host": "db1", "container": "web"}
        assert found.code == 1
        assert [json.loads(line) for line in found.out.splitlines()] == [
            {"type": "output", **place, "stream": "stdout", "text": "simulated: false"},
            {"type": "command_ended", **place, "exit_code": 1, "error": "", "hint": ""},
        ]

    def test_a_host_that_is_down_counts_as_4(self, more: Shop) -> None:
        more.write("hosts.yml", DOWN)
        found = more.run("exec", "-i", "hosts.yml", "all", "web", "api", "--", "true")
        assert (found.code, len(found.words)) == (4, 2)
        assert found.err.startswith("gone: unreachable: ")

    @pytest.mark.parametrize(
        ("words", "code", "error"),
        [
            (("db1", "web"), 1, "Error: write the command after '--'\n"),
            (("db1", "web", "--"), 1, "Error: write the command after '--'\n"),
            (("db1", "--", "ls"), 1, "Missing argument"),
            (("web1", "m*", "--", "ls"), 1, "error: none of these containers runs\n"),
            (("web1", "migrate", "--", "ls"), 3, "is not running\n"),
        ],
    )
    def test_what_cannot_run(self, more: Shop, words: tuple[str, ...], code: int, error: str) -> None:
        found = more.run("exec", "-i", "hosts.yml", *words)
        assert (found.code, found.out, error in found.err) == (code, "", True), found.err


class TestLists:
    def test_networks_and_volumes_with_what_uses_them(self, more: Shop) -> None:
        more.write(
            "data.yml",
            "- hosts: db\n  project: data\n  networks: {back: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n"
            "  volumes: {files: {}, spare: {}}\n"
            "  containers:\n    db: {image: db, networks: [back], volumes: ['files:/data'], update: {monitor: 0s}}\n",
        )
        assert more.run("apply", "-i", "hosts.yml", "data.yml", "--yes").code == 0
        assert lines(more, "networks", "db", "--project", "data") == [
            "HOST (simulated) NAME DRIVER SUBNETS CONTAINERS PROJECT",
            "db1 back bridge 10.9.0.0/24 db data",
        ]
        assert lines(more, "volumes", "--filter", "host=db1") == [
            "HOST (simulated) NAME DRIVER CONTAINERS PROJECT",
            "db1 files local db data",
            "db1 spare local data",
        ]
        assert lines(more, "volumes", "db", "f*", "--format", "{{host}}/{{.Name}}") == ["db1/files"]
        document = json.loads(more.run("volumes", "-i", "hosts.yml", "db", "*spare", "--json").out)
        (volume,) = document["volumes"]
        assert (document["type"], volume["resource"], volume["containers"]) == ("volumes", "volume.spare", [])

    def test_ps_of_some_states(self, more: Shop) -> None:
        found = lines(more, "ps", "--filter", "state=exited", "--filter", "host=web?", "--format", "{{host}} {{name}}")
        assert found == ["web1 migrate", "web2 migrate"]

    def test_a_column_that_does_not_exist(self, more: Shop) -> None:
        found = more.run("networks", "-i", "hosts.yml", "--filter", "size=1")
        assert (found.code, "there is no column 'size'; columns: host, name, id, driver" in found.err) == (1, True)
        assert "does not have the form COLUMN=GLOB" in more.run("ps", "-i", "hosts.yml", "--filter", "state").err

    def test_a_name_that_no_host_has(self, more: Shop) -> None:
        found = more.run("volumes", "-i", "hosts.yml", "all", "nope")
        assert (found.code, "these hosts have nothing named 'nope'" in found.err) == (1, True)

    def test_a_host_that_is_down(self, more: Shop) -> None:
        more.write("hosts.yml", DOWN)
        found = more.run("networks", "-i", "hosts.yml")
        assert (found.code, len(found.words), found.err[:19]) == (4, 4, "gone: unreachable: ")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("web1", "web", "http"), 1, "'http' does not have the form [LOCAL:]PORT"),
        (("web1", "web", "70000"), 1, "'70000' does not have the form [LOCAL:]PORT"),
        (("web", "web", "80"), 1, "error: one container is needed, found: web1/web, web2/web\n"),
        (("web1", "migrate", "80"), 1, "error: web1/migrate has no address\n"),
        (("web1", "web", "80"), 3, "error: a simulated host offers no stream to "),
    ],
)
def test_what_port_forward_refuses(more: Shop, words: tuple[str, ...], code: int, error: str) -> None:
    found = more.run("port-forward", "-i", "hosts.yml", *words)
    assert (found.code, found.out, error in found.err) == (code, "", True), found.err


class TestPull:
    def test_of_containers_and_of_what_a_playbook_declares(self, more: Shop) -> None:
        assert lines(more, "pull", "web1,db1", "w*") == [
            "db1: nginx:1 is up to date",
            "web1: nginx:1 is up to date",
        ]
        more.write("new.yml", "- hosts: db\n  containers: {cache: {image: redis}, app: {image: 'x:1', build: .}}\n")
        more.write("Dockerfile", "FROM nginx:1\n")
        assert lines(more, "pull", "db", "--playbook", "new.yml") == ["db1: redis:latest pulled"]
        found = json.loads(more.run("pull", "-i", "hosts.yml", "db", "cache", "--playbook", "new.yml", "--json").out)
        assert (found["type"], [each["done"] for each in found["hosts"]]) == (
            "image_pull",
            ["redis:latest is up to date"],
        )

    def test_what_is_wrong(self, more: Shop) -> None:
        found = more.run("pull", "-i", "hosts.yml", "web", "nope", "--playbook", "more.yml")
        assert (found.code, "the playbook declares no container named 'nope' on these hosts" in found.err) == (1, True)
        more.write("hosts.yml", DOWN)
        assert more.run("pull", "-i", "hosts.yml", "all", "web").code == 4


def test_start_waits_for_health(more: Shop) -> None:
    play = MORE.replace("api: {image", "api: {labels: {sim.behaviour: 'SIM'}, healthcheck: {test: 'true'}, image")
    more.write("more.yml", play.replace("SIM", "healthy"))
    assert more.run("apply", "-i", "hosts.yml", "more.yml", "--limit", "web1", "--yes").code == 0
    shop = ("-i", "hosts.yml", "web1", "--playbook", "more.yml", "--yes")
    assert more.run("stop", *shop).code == 0
    found = more.run("start", *shop, "--wait")
    assert (found.code, "web1  container api: started (" in found.err) == (0, True), found.err


class TestRun:
    SHOP = ("--playbook", "more.yml")

    def test_a_command_beside_the_declared_container(self, more: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        found = more.run("run", "-i", "hosts.yml", "web1", "api", *self.SHOP, "--no-stdin", "--", "sh", "-c", "exit 3")
        assert (found.code, found.out, found.err) == (3, "simulated: sh -c exit 3\n", "")
        more.write("input", "some\ntext")
        with (more.folder / "input").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            assert more.run("run", "-i", "hosts.yml", "web1", "api", *self.SHOP, "--", "cat").out == "some\ntext"
        assert lines(more, "ps", "web1", "--format", "{{name}}") == ["api", "migrate", "web"]
        plan = more.run("plan", "-i", "hosts.yml", "more.yml", "--detailed-exitcode")
        assert plan.code == 0

    def test_on_many_hosts(self, more: Shop) -> None:
        more.write("hosts.yml", INVENTORY + "    bad: {hosts: {gone: {connection: local, docker_socket: /no}}}\n")
        more.write("all.yml", MORE + "- hosts: gone\n  project: shop\n  containers: {api: {image: 'api:1'}}\n")
        shop = ("-i", "hosts.yml", "web", "api", "--playbook", "all.yml")
        found = more.run("run", *shop, "--", "sh", "-c", "exit 3")
        assert (found.code, sorted(found.words)) == (
            3,
            ["web1/api | simulated: sh -c exit 3", "web2/api | simulated: sh -c exit 3"],
        )
        assert found.err == "web1/api: exit code 3\nweb2/api: exit code 3\n"
        kept = more.run("run", *shop, "--keep", "--", "true")
        assert (kept.code, len(re.findall("web[12]/api.run-.* is kept", kept.err))) == (0, 2)
        found = more.run("run", "-i", "hosts.yml", "all", "api", "--playbook", "all.yml", "--json", "--", "true")
        documents = [json.loads(line) for line in found.out.splitlines()]
        assert (found.code, [each["exit_code"] for each in documents if each["type"] == "command_ended"]) == (
            4,
            [0, 0, None],
        )

    def test_one_that_is_kept(self, more: Shop) -> None:
        found = more.run("run", "-i", "hosts.yml", "db1", "web", *self.SHOP, "--no-stdin", "--keep", "--", "true")
        assert (found.code, found.err.startswith("db1/web.run-")) == (0, True)
        (row,) = lines(more, "ps", "db1", "*run*", "--format", "{{state}} {{project}}{{resource}}")
        assert row.strip() == "exited"
        assert more.run("plan", "-i", "hosts.yml", "more.yml", "--detailed-exitcode").code == 0

    @pytest.mark.parametrize(
        ("words", "code", "error"),
        [
            (("web1", "apo"), 1, "  hint: did you mean 'api'?\n"),
            (("nope", "api"), 1, "--limit: no host or group matches 'nope'"),
        ],
    )
    def test_what_is_wrong(self, more: Shop, words: tuple[str, ...], code: int, error: str) -> None:
        found = more.run("run", "-i", "hosts.yml", *words, *self.SHOP, "--", "true")
        assert (found.code, found.out, error in found.err) == (code, "", True), found.err

    def test_a_host_that_is_down(self, more: Shop) -> None:
        more.write("hosts.yml", DOWN)
        more.write("gone.yml", "- hosts: gone\n  containers: {app: {image: app}}\n")
        found = more.run("run", "-i", "hosts.yml", "gone", "app", "--playbook", "gone.yml")
        assert (found.code, found.err.startswith("error: gone: ")) == (4, True)

    def test_a_volume_that_is_not_there(self, more: Shop) -> None:
        keys = "volumes: {data: {}}\n  containers: {app: {image: a, volumes: ['data:/d']}}\n"
        more.write("vol.yml", f"- hosts: db1\n  {keys}")
        found = more.run("run", "-i", "hosts.yml", "db1", "app", "--playbook", "vol.yml", "--", "true")
        assert (found.code, found.err) == (3, "error: db1 has no volume data\n  hint: apply the playbook first\n")
