"""`stats`, `top`, `inspect` and `events`, and what lists have in common, on simulated hosts."""

import json

import pytest

from tests.cli.runs import DOWN, Shop, lines

SECRET = """\
- hosts: web1
  project: shop
  containers:
    web:
      image: nginx:1
      update: {monitor: 0s}
      environment: {DB_PASSWORD: hunter2, MODE: prod, URL: "postgres://app:s3cret9@db/app"}
      command: ["serve", "--token", "abc123def"]
      labels: {team: a, api.token: xyz987}
"""


class TestStats:
    def test_once(self, more: Shop) -> None:
        words = ("stats", "web", "w*", "--no-stream", "--interval", "0.1")
        assert lines(more, *words) == [
            "HOST (simulated) CONTAINER CPU MEMORY LIMIT NET IN NET OUT READ WRITTEN PIDS",
            "web1 web 0.0% 4.2 MB 17 GB 0 B 0 B 0 B 0 B 1",
            "web2 web 0.0% 4.2 MB 17 GB 0 B 0 B 0 B 0 B 1",
        ]
        document = json.loads(more.run(words[0], "-i", "hosts.yml", *words[1:], "--json").out)
        assert (document["type"], [row["memory"] for row in document["containers"]]) == ("stats", [4194304] * 2)
        assert lines(more, *words, "--format", "{{name}} {{.Memory}}", "--filter", "host=web1") == ["web 4194304"]

    def test_a_host_that_is_down(self, more: Shop) -> None:
        more.write("hosts.yml", DOWN)
        found = more.run("stats", "-i", "hosts.yml", "all", "--no-stream", "--interval", "0.1")
        assert (found.code, len(found.words), found.err[:19]) == (4, 3, "gone: unreachable: ")

    def test_a_name_that_no_host_has(self, more: Shop) -> None:
        found = more.run("stats", "-i", "hosts.yml", "all", "nope")
        assert (found.code, "no container is named 'nope'" in found.err) == (1, True)


def test_processes(more: Shop) -> None:
    assert lines(more, "top", "web1", "--project", "shop") == [
        "HOST (simulated) CONTAINER PID USER TIME COMMAND",
        "web1 api 1 root 00:00:00 sh",
        "web1 web 1 root 00:00:00 sh",
    ]
    assert "none of these containers runs" in more.run("top", "-i", "hosts.yml", "web1", "migrate").err
    more.write("secret.yml", SECRET)
    assert more.run("apply", "-i", "hosts.yml", "secret.yml", "--yes").code == 0
    assert lines(more, "top", "web1", "web", "--format", "{{command}}") == ["serve --token ***"]


class TestInspect:
    def test_of_every_kind(self, more: Shop) -> None:
        assert lines(more, "inspect", "web", "web", "nginx", "bridge", "--format", "{{.Host}} {{.Kind}}") == [
            f"{host} {kind}" for host in ("web1", "web2") for kind in ("container", "image", "network")
        ]
        (found,) = json.loads(more.run("inspect", "-i", "hosts.yml", "web1", "br*", "--type", "network").out)
        assert (found["Host"], found["Kind"], found["Name"], found["Driver"]) == ("web1", "network", "bridge", "bridge")
        (key,) = lines(more, "inspect", "db1", "web", "--format", "{{.Id}}")
        assert lines(more, "inspect", "all", key[:12], "--format", "{{.Host}} {{json .Config.Cmd}}") == ['db1 ["sh"]']

    def test_secrets_are_masked(self, more: Shop) -> None:
        more.write("secret.yml", SECRET)
        assert more.run("apply", "-i", "hosts.yml", "secret.yml", "--yes").code == 0
        (config,) = lines(more, "inspect", "web1", "web", "--format", "{{json .Config}}")
        found = json.loads(config)
        assert {"DB_PASSWORD=***", "MODE=prod", "URL=***"} <= set(found["Env"])
        assert found["Cmd"] == ["serve", "--token", "***"]
        assert (found["Labels"]["team"], found["Labels"]["api.token"]) == ("a", "***")
        assert found["Image"].endswith("nginx:1")
        (shown,) = lines(more, "inspect", "web1", "web", "--with-secrets", "--format", "{{.Config.Env}}")
        assert "DB_PASSWORD=hunter2" in shown

    def test_what_is_wrong(self, more: Shop) -> None:
        found = more.run("inspect", "-i", "hosts.yml", "web1", "web", "nope", "--type", "volume")
        assert (found.code, "error: these hosts have no volume named 'web', 'nope'\n" in found.err) == (1, True)
        found = more.run("inspect", "-i", "hosts.yml", "web1", "web", "--format", "{{.State.Nope}}")
        assert "--format: 'State.Nope': there is no key 'Nope'\n  hint: keys: " in found.err

    def test_a_host_that_is_down(self, more: Shop) -> None:
        more.write("hosts.yml", DOWN)
        found = more.run("inspect", "-i", "hosts.yml", "all", "web", "--type", "container", "--json")
        document = json.loads(found.out)
        assert (found.code, document["type"], len(document["objects"])) == (4, "inspect", 1)
        assert [host["host"] for host in document["unreachable"]] == ["gone"]


class TestEvents:
    ALL = ("--since", "2024-01-01T00:00:00Z", "--until", "2025-01-01T00:00:00Z")

    def test_of_names_in_the_order_of_their_times(self, more: Shop) -> None:
        found = more.run("events", "-i", "hosts.yml", "web1", "m*", "api", *self.ALL)
        words = [line.split(" ") for line in found.words]
        assert sorted(" ".join(line[4:6]) for line in words) == [
            "create api",
            "create migrate",
            "die migrate",
            "start api",
            "start migrate",
        ]
        assert [line[2] for line in words] == sorted(line[2] for line in words)
        assert "(exitCode=0, image=docker.io/library/api:1)" in found.out

    def test_of_a_kind_as_documents(self, more: Shop) -> None:
        found = more.run("events", "-i", "hosts.yml", "all", *self.ALL, "--filter", "event=die", "--json")
        documents = [json.loads(line) for line in found.out.splitlines()]
        assert sorted((each["type"], each["host"], each["name"]) for each in documents) == [
            ("event", "web1", "migrate"),
            ("event", "web2", "migrate"),
        ]
        assert documents[0]["attributes"]["exitCode"] == "0"

    def test_of_a_project(self, more: Shop) -> None:
        found = more.run("events", "-i", "hosts.yml", "all", "--project", "other", *self.ALL)
        assert {line.split(" ")[0] for line in found.words} == {"db1"}

    def test_a_host_that_is_down(self, more: Shop) -> None:
        more.write("hosts.yml", DOWN)
        found = more.run("events", "-i", "hosts.yml", "all", "migrate", *self.ALL)
        assert (found.code, len(found.words)) == (4, 3)
        assert found.err.startswith("error: gone: ")

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ("die", "'die' does not have the form KEY=VALUE"),
            ("colour=red", "engines have no filter 'colour' of events"),
        ],
    )
    def test_what_is_wrong(self, more: Shop, given: str, error: str) -> None:
        assert error in more.run("events", "-i", "hosts.yml", "all", "--filter", given).err


class TestLists:
    def test_patterns_names_and_marks(self, more: Shop) -> None:
        marks = ("--playbook", "more.yml", "--format", "{{host}}/{{name}} {{mark}}")
        assert lines(more, "ps", "web1,db1", "*e*", *marks) == [
            "db1/web declared",
            "web1/migrate declared",
            "web1/web declared",
        ]
        assert more.run("stop", "-i", "hosts.yml", "db1", "web", "--yes").code == 0
        more.write(
            "part.yml",
            "- hosts: web1, db1\n  project: other\n  containers: {web: {image: nginx:1}, more: {image: a}}\n",
        )
        assert lines(more, "ps", "--playbook", "part.yml", *marks[2:]) == [
            "db1/web not_running",
            "web1/api other_project",
            "web1/migrate other_project",
            "web1/web other_project",
        ]
        found = more.run("ps", "-i", "hosts.yml", "db1", "--playbook", "part.yml")
        assert [found.words[0].split(" ")[-1], found.words[1].split(" other ")[-1]] == ["PLAYBOOK", "not running"]
        assert lines(more, "images", "web1", "--playbook", "more.yml", "--format", "{{name}} {{mark}}") == [
            "api:1 declared",
            "nginx:1 declared",
        ]
        assert lines(more, "networks", "db1", *marks) == [
            "db1/bridge foreign",
            "db1/host foreign",
            "db1/none foreign",
        ]

    def test_formats(self, more: Shop) -> None:
        (row,) = lines(more, "ps", "db1", "--format", "json")
        assert json.loads(row)["name"] == "web"
        assert lines(more, "images", "web1", "nginx", "--format", r"table {{.Name}}\t{{used}}") == [
            "NAME USED",
            "nginx:1 1",
        ]

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (("--format", "name"), "'name' names no column; write json, or columns such as '{{host}} {{name}}'\n"),
            (("--format", "{{name}}", "--json"), "--format has no effect with --json"),
            (("web", "--limit", "web1"), "PATTERN and --limit both name the hosts; write one of them\n"),
            (("web", "nope"), "these hosts have nothing named 'nope'"),
        ],
    )
    def test_what_is_wrong(self, more: Shop, words: tuple[str, ...], error: str) -> None:
        found = more.run("ps", "-i", "hosts.yml", *words)
        assert (found.code, found.out, error in found.err) == (1, "", True), found.err
