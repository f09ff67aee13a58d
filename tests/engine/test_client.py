"""DockerEngine's requests and answers, over a real socket to a canned engine."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployer.engine.connect import connect
from deployer.errors import EngineError, UnreachableError
from deployer.interfaces import Engine, EngineInfo, RegistryAuth
from deployer.reach.connection import ConnectionSpec
from deployer.reach.connectors import ConnectionType
from tests.transport.fake_engine import VERSION, Canned, FakeEngine, Seen, fake_engine

AUTH = RegistryAuth("ci", "s3cret+/?", "registry.example.com")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path / "engine.sock") as running:
        yield running


@pytest.fixture
def engine(server: FakeEngine) -> Iterator[Engine]:
    opened = connect(spec(server))
    server.seen.clear()
    yield opened
    opened.close()


def spec(server: FakeEngine) -> ConnectionSpec:
    return ConnectionSpec(name="here", kind=ConnectionType.LOCAL, docker_socket=str(server.socket), connect_timeout=5)


def only(server: FakeEngine) -> Seen:
    (request,) = server.seen
    return request


class TestConnect:
    def test_version_is_one_request(self, server: FakeEngine) -> None:
        engine = connect(spec(server))
        assert engine.describe() == EngineInfo("26.1.5", "1.45", "1.45", "linux", "amd64")
        assert [request.path for request in server.seen] == ["/version"]
        engine.close()

    def test_the_api_is_capped_at_what_was_tested(self, server: FakeEngine) -> None:
        server.answers["GET /version"] = Canned(body={**VERSION, "ApiVersion": "1.55", "MinAPIVersion": "1.40"})
        engine = connect(spec(server))
        assert (engine.describe().api, engine.describe().max_api) == ("1.51", "1.55")
        engine.close()

    def test_podman_is_recognised(self, server: FakeEngine) -> None:
        server.answers["GET /version"] = Canned(body={**VERSION, "Components": [{"Name": "Podman Engine"}]})
        engine = connect(spec(server))
        assert engine.describe().kind == "podman"
        engine.close()

    @pytest.mark.parametrize(
        ("versions", "message"),
        [
            (
                {"ApiVersion": "1.60", "MinAPIVersion": "1.52"},
                "speaks API 1.52 to 1.60, this release speaks 1.40 to 1.51",
            ),
            ({"ApiVersion": "1.39", "MinAPIVersion": "1.12"}, "speaks API 1.12 to 1.39"),
        ],
    )
    def test_an_engine_too_old_or_too_new_is_refused(
        self, server: FakeEngine, versions: dict[str, str], message: str
    ) -> None:
        server.answers["GET /version"] = Canned(body={**VERSION, **versions})
        with pytest.raises(UnreachableError, match=message):
            connect(spec(server))

    @pytest.mark.parametrize("body", [b"hello", {"no": "version"}, ["a list"]])
    def test_a_server_that_is_not_an_engine(self, server: FakeEngine, body: Any) -> None:
        server.answers["GET /version"] = Canned(body=body)
        with pytest.raises(UnreachableError, match="does not answer GET /version as a Docker engine does"):
            connect(spec(server))

    def test_an_error_is_quoted(self, server: FakeEngine) -> None:
        server.answers["GET /version"] = Canned(400, b"Client sent an HTTP request to an HTTPS server.\n")
        with pytest.raises(UnreachableError, match="with an error: Client sent an HTTP request to an HTTPS server"):
            connect(spec(server))

    def test_reads_load_neither_docker_nor_requests_nor_paramiko(self, server: FakeEngine) -> None:
        server.answers["GET /containers/json"] = Canned(body=[])
        code = (
            "import sys\n"
            "from deployer.engine.connect import connect\n"
            "from deployer.reach.connection import ConnectionSpec\n"
            "from deployer.reach.connectors import ConnectionType\n"
            f"spec = ConnectionSpec(name='x', kind=ConnectionType.LOCAL, docker_socket={str(server.socket)!r})\n"
            "engine = connect(spec)\n"
            "engine.list_containers()\n"
            "sys.exit(len({'docker', 'requests', 'urllib3', 'paramiko'} & set(sys.modules)))\n"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestReads:
    @pytest.mark.parametrize(
        ("call", "path", "query"),
        [
            (lambda engine: engine.info(), "/info", {}),
            (lambda engine: engine.list_containers(), "/containers/json", {"all": "1"}),
            (lambda engine: engine.list_images(), "/images/json", {}),
            (lambda engine: engine.list_networks(), "/networks", {}),
            (lambda engine: engine.inspect_container("web"), "/containers/web/json", {}),
            (lambda engine: engine.inspect_image("docker.io/redis:7"), "/images/docker.io/redis:7/json", {}),
            (lambda engine: engine.inspect_network("front net"), "/networks/front%20net", {}),
            (lambda engine: engine.inspect_volume("data"), "/volumes/data", {}),
        ],
    )  # fmt: skip
    def test_requests(self, engine: Engine, server: FakeEngine, call: Any, path: str, query: dict[str, str]) -> None:
        server.answers[f"GET {path}"] = Canned(body=[{"Id": "abc"}])
        assert call(engine) == [{"Id": "abc"}]
        assert only(server).query == query

    def test_missing_objects_are_none(self, engine: Engine) -> None:
        assert engine.inspect_container("web") is None
        assert engine.inspect_image("web:1") is None
        assert engine.inspect_network("front") is None
        assert engine.inspect_volume("data") is None
        assert engine.inspect_distribution("docker.io/library/redis:7", None) is None

    @pytest.mark.parametrize("volumes", [None, []])
    def test_no_volumes_is_an_empty_list(self, engine: Engine, server: FakeEngine, volumes: Any) -> None:
        server.answers["GET /volumes"] = Canned(body={"Volumes": volumes, "Warnings": None})
        assert engine.list_volumes() == []

    def test_an_answer_that_is_not_json_is_an_error(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["GET /networks"] = Canned(body=b"<html>")
        server.answers["POST /volumes/create"] = Canned(body=b"<html>")
        with pytest.raises(EngineError, match="did not answer in JSON"):
            engine.list_networks()
        with pytest.raises(EngineError, match="did not answer in JSON"):
            engine.create_volume({"Name": "data"})

    def test_the_engines_own_words_are_the_error(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["GET /containers/json"] = Canned(500, {"message": "layer does not exist"})
        with pytest.raises(EngineError) as caught:
            engine.list_containers()
        assert (caught.value.message, caught.value.status) == ("layer does not exist", 500)

    def test_distribution_sends_credentials(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["GET /distribution/registry.example.com/web:1/json"] = Canned(body={"Descriptor": {}})
        assert engine.inspect_distribution("registry.example.com/web:1", AUTH) == {"Descriptor": {}}
        header = only(server).headers["X-Registry-Auth"]
        assert json.loads(base64.urlsafe_b64decode(header)) == {
            "username": "ci",
            "password": "s3cret+/?",
            "serveraddress": "registry.example.com",
        }

    def test_reads_run_side_by_side(self, engine: Engine, server: FakeEngine) -> None:
        gate = threading.Barrier(4, timeout=5)
        server.answers["GET /info"] = Canned(body={"ok": True}, wait=gate.wait)
        threads = [threading.Thread(target=engine.info) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.most_at_once == 4


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


class TestLogs:
    FRAMES = (frame(1, b"out\n"), frame(2, b"err \xff\n"), frame(1, b"end")[:-1])

    def logs(self, engine: Engine) -> str:
        return engine.container_logs("web", tail=20)

    def test_frames_of_both_streams_are_taken_apart(self, engine: Engine, server: FakeEngine) -> None:
        headers = {"Content-Type": "application/vnd.docker.multiplexed-stream"}
        server.answers["GET /containers/web/logs"] = Canned(headers=headers, chunks=self.FRAMES)
        assert self.logs(engine) == "out\nerr �\nen"
        assert only(server).query == {"stdout": "1", "stderr": "1", "tail": "20"}

    def test_a_terminals_output_is_taken_as_it_is(self, engine: Engine, server: FakeEngine) -> None:
        headers = {"Content-Type": "application/vnd.docker.raw-stream"}
        server.answers["GET /containers/web/logs"] = Canned(body=b"out\r\n", headers=headers)
        assert self.logs(engine) == "out\r\n"

    @pytest.mark.parametrize(("terminal", "body", "text"), [(True, b"out\r\n", "out\r\n"), (False, FRAMES[0], "out\n")])
    def test_an_old_engine_is_asked_for_the_terminal(
        self, engine: Engine, server: FakeEngine, terminal: bool, body: bytes, text: str
    ) -> None:
        server.answers["GET /containers/web/logs"] = Canned(body=body)
        server.answers["GET /containers/web/json"] = Canned(body={"Config": {"Tty": terminal}})
        assert self.logs(engine) == text

    def test_no_such_container(self, engine: Engine) -> None:
        with pytest.raises(EngineError) as caught:
            self.logs(engine)
        assert caught.value.status == 404


class TestPull:
    def pull(self, engine: Engine, ref: str, platform: str = "", auth: RegistryAuth | None = None) -> list[Any]:
        messages: list[Any] = []
        engine.pull_image(ref, platform, auth, messages.append)
        return messages

    @pytest.mark.parametrize(
        ("ref", "query"),
        [
            ("docker.io/library/redis:7", {"fromImage": "docker.io/library/redis", "tag": "7"}),
            ("docker.io/library/redis", {"fromImage": "docker.io/library/redis", "tag": "latest"}),
            ("localhost:5000/web", {"fromImage": "localhost:5000/web", "tag": "latest"}),
            ("localhost:5000/web@sha256:ab", {"fromImage": "localhost:5000/web", "tag": "sha256:ab"}),
            ("localhost:5000/web:1@sha256:ab", {"fromImage": "localhost:5000/web", "tag": "sha256:ab"}),
        ],
    )
    def test_one_tag_or_digest_is_pulled(
        self, engine: Engine, server: FakeEngine, ref: str, query: dict[str, str]
    ) -> None:
        server.answers["POST /images/create"] = Canned(chunks=(b'{"status":"done"}\r\n',))
        assert self.pull(engine, ref) == [{"status": "done"}]
        assert only(server).query == query
        assert "X-Registry-Auth" not in only(server).headers

    def test_platform_and_credentials_are_sent(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /images/create"] = Canned(chunks=(b"{}\n",))
        self.pull(engine, "registry.example.com/web:1", "linux/arm64", AUTH)
        assert only(server).query["platform"] == "linux/arm64"
        assert "X-Registry-Auth" in only(server).headers

    def test_progress_arrives_whole_however_it_is_cut(self, engine: Engine, server: FakeEngine) -> None:
        text = b'{"status":"a"}\r\n{"status":"b","progressDetail":{"current":1}}\r\n{"status":"c"}'
        chunks = tuple(text[position : position + 7] for position in range(0, len(text), 7))
        server.answers["POST /images/create"] = Canned(chunks=chunks)
        assert [message["status"] for message in self.pull(engine, "web:1")] == ["a", "b", "c"]

    def test_an_error_inside_the_stream_is_raised(self, engine: Engine, server: FakeEngine) -> None:
        error = b'{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n'
        server.answers["POST /images/create"] = Canned(chunks=(b'{"status":"Pulling"}\n', error))
        with pytest.raises(EngineError) as caught:
            self.pull(engine, "web:1")
        assert (caught.value.message, caught.value.status) == ("manifest unknown", 0)

    def test_an_error_status_is_raised(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /images/create"] = Canned(404, {"message": "repository web not found"})
        with pytest.raises(EngineError) as caught:
            self.pull(engine, "web:1")
        assert (caught.value.message, caught.value.status) == ("repository web not found", 404)

    def test_an_incomplete_pull_is_an_error(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /images/create"] = Canned(chunks=(b'{"status":"Pulling"}\n',), cut=True)
        with pytest.raises(UnreachableError, match="was lost during POST"):
            self.pull(engine, "web:1")


class TestContainers:
    def test_the_body_is_sent_as_it_is(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/create"] = Canned(201, {"Id": "abc", "Warnings": ["careful"]})
        body = {"Image": "web:1", "Env": [], "HostConfig": {"PidsLimit": 0, "Init": False, "CapAdd": None}}
        assert engine.create_container("web", body, "") == ("abc", ("careful",))
        assert (only(server).query, only(server).json) == ({"name": "web"}, body)

    def test_a_platform_is_sent(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/create"] = Canned(201, {"Id": "abc", "Warnings": None})
        assert engine.create_container("web", {"Image": "web:1"}, "linux/arm64") == ("abc", ())
        assert only(server).query == {"name": "web", "platform": "linux/arm64"}

    def test_no_proxy_of_this_machine_enters_the_container(
        self, engine: Engine, server: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://proxy:3128"}}}')
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        server.answers["POST /containers/create"] = Canned(201, {"Id": "abc"})
        engine.create_container("web", {"Image": "web:1", "Env": ["A=1"]}, "")
        assert only(server).json == {"Image": "web:1", "Env": ["A=1"]}

    def test_a_missing_image_is_recognised_by_status(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/create"] = Canned(404, {"message": "No such image: web:1"})
        with pytest.raises(EngineError) as caught:
            engine.create_container("web", {"Image": "web:1"}, "")
        assert (caught.value.message, caught.value.status) == ("No such image: web:1", 404)

    @pytest.mark.parametrize(
        ("call", "line", "query"),
        [
            (lambda engine: engine.start_container("web"), "POST /containers/web/start", {}),
            (lambda engine: engine.stop_container("web", 5), "POST /containers/web/stop", {"t": "5"}),
            (lambda engine: engine.stop_container("web", -1), "POST /containers/web/stop", {"t": "-1"}),
            (lambda engine: engine.restart_container("web", 5), "POST /containers/web/restart", {"t": "5"}),
            (lambda engine: engine.kill_container("web", "SIGHUP"), "POST /containers/web/kill", {"signal": "SIGHUP"}),
            (lambda engine: engine.pause_container("web"), "POST /containers/web/pause", {}),
            (lambda engine: engine.unpause_container("web"), "POST /containers/web/unpause", {}),
            (lambda engine: engine.rename_container("web", "w2"), "POST /containers/web/rename", {"name": "w2"}),
            (
                lambda engine: engine.remove_container("web", force=True, anonymous_volumes=False),
                "DELETE /containers/web",
                {"v": "False", "link": "False", "force": "True"},
            ),
            (lambda engine: engine.remove_network("front"), "DELETE /networks/front", {}),
            (lambda engine: engine.remove_volume("data"), "DELETE /volumes/data", {}),
        ],
    )
    def test_writes_without_a_body(
        self, engine: Engine, server: FakeEngine, call: Any, line: str, query: dict[str, str]
    ) -> None:
        server.answers[line] = Canned(204)
        call(engine)
        assert only(server).query == query

    def test_starting_a_running_container_is_not_an_error(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/web/start"] = Canned(304)
        engine.start_container("web")

    def test_stopping_in_its_own_time_waits_that_long(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["GET /containers/web/json"] = Canned(body={"Config": {"StopTimeout": 300}})
        server.answers["POST /containers/web/stop"] = Canned(204)
        engine.stop_container("web", None)
        assert [request.path for request in server.seen] == ["/containers/web/json", "/containers/web/stop"]
        assert server.seen[1].query == {}

    def test_update_sends_zeros_and_returns_warnings(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/web/update"] = Canned(body={"Warnings": ["swap"]})
        assert engine.update_container("web", {"Memory": 0, "PidsLimit": 0}) == ("swap",)
        assert only(server).json == {"Memory": 0, "PidsLimit": 0}

    def test_waiting_returns_the_exit_code(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/web/wait"] = Canned(body={"StatusCode": 3})
        assert engine.wait_container("web") == 3

    def test_waiting_may_fail(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/web/wait"] = Canned(body={"StatusCode": 1, "Error": {"Message": "broken"}})
        with pytest.raises(EngineError, match="broken"):
            engine.wait_container("web")

    @pytest.mark.parametrize(
        ("attached", "said"),
        [
            (Canned(endless=True, chunks=(b"no luck\n",)), "no luck\n"),
            (Canned(chunks=(b"no luck\n",), cut=True), ""),
            (Canned(500, {"message": "no"}), ""),
        ],
        ids=["ended", "lost", "refused"],
    )
    def test_starting_with_its_output(self, engine: Engine, server: FakeEngine, attached: Canned, said: str) -> None:
        """It is started whether its output can be read or not."""
        server.answers["GET /containers/web/json"] = Canned(body={"Config": {"Tty": True}})
        server.answers["POST /containers/web/attach"] = attached
        server.answers["POST /containers/web/start"] = Canned(204)
        assert engine.start_attached("web", 5) == said
        asked = [request.path.rpartition("/")[2] for request in server.seen]
        assert asked == ["json", "attach", "start"]
        assert server.seen[1].query == {"stream": "1", "stdout": "1", "stderr": "1"}

    @pytest.mark.parametrize(
        ("events", "code"),
        [
            (('{"Action":"die","Actor":{"Attributes":{"exitCode":"3"}}}', '{"Action":"destroy"}'), 3),
            (('{"Action":"destroy"}', '{"Action":"die","Actor":{"Attributes":{"exitCode":"3"}}}'), None),
            (('{"Action":"die","Actor":{"Attributes":{"exitCode":"many"}}}', '{"Action":"destroy"}'), None),
            (('{"Action":["die"]}',), None),
            (("no JSON",), None),
        ],
    )
    def test_how_a_removed_one_ended(
        self, engine: Engine, server: FakeEngine, events: tuple[str, ...], code: int | None
    ) -> None:
        server.answers["GET /events"] = Canned(chunks=tuple(f"{event}\n".encode() for event in events))
        assert engine.removed_exit_code("web-1") == code
        filters = {"container": ["web-1"], "event": ["die", "destroy"]}
        assert (only(server).query["since"], json.loads(only(server).query["filters"])) == ("1", filters)

    def test_errors_are_the_engines_own_words(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /containers/web/start"] = Canned(500, {"message": "port is already allocated"})
        with pytest.raises(EngineError) as caught:
            engine.start_container("web")
        assert (caught.value.message, caught.value.status) == ("port is already allocated", 500)


class TestNetworksVolumesImages:
    @pytest.mark.parametrize(("api", "checked"), [("1.43", True), ("1.44", None)])
    def test_duplicate_networks_are_checked_where_asked_for(
        self, server: FakeEngine, api: str, checked: bool | None
    ) -> None:
        server.answers["GET /version"] = Canned(body={**VERSION, "ApiVersion": api})
        server.answers["POST /networks/create"] = Canned(201, {"Id": "abc", "Warning": ""})
        engine = connect(spec(server))
        assert engine.create_network({"Name": "front", "ConfigOnly": False}) == "abc"
        body = server.seen[-1].json
        assert (body["Name"], body["ConfigOnly"], body.get("CheckDuplicate")) == ("front", False, checked)
        engine.close()

    def test_connect_sends_the_endpoint(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /networks/front/connect"] = Canned(200, b"")
        engine.connect_network("front", "web", {"Aliases": ["w"], "GwPriority": 1})
        assert only(server).json == {"Container": "web", "EndpointConfig": {"Aliases": ["w"], "GwPriority": 1}}

    def test_disconnect(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /networks/front/disconnect"] = Canned(200, b"")
        engine.disconnect_network("front", "web", force=True)
        assert only(server).json == {"Container": "web", "Force": True}

    def test_a_volume_comes_back(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /volumes/create"] = Canned(201, {"Name": "data", "Driver": "local"})
        assert engine.create_volume({"Name": "data"}) == {"Name": "data", "Driver": "local"}

    def test_an_image_is_removed_without_force(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["DELETE /images/web:1"] = Canned(body=[{"Untagged": "web:1"}])
        engine.remove_image("web:1")
        assert only(server).query == {}

    def test_a_tag_is_split(self, engine: Engine, server: FakeEngine) -> None:
        server.answers["POST /images/abc/tag"] = Canned(201, b"")
        engine.tag_image("abc", "localhost:5000/web:2")
        assert only(server).query == {"tag": "2", "repo": "localhost:5000/web", "force": "0"}
