"""The lab itself: engines that run containers, real SSH, images that do what their names say, faults that bite."""

import json
import socket
import subprocess
import time
import urllib.request
from typing import Any

import pytest

from tests.lab import faults, lifecycle, secure_registry
from tests.lab import lab as the_lab
from tests.lab.host import Host
from tests.lab.images import publishing, recipes
from tests.lab.lab import Lab
from tests.lab.shell import LabError, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.of_lab]


def get(host: Host, port: int, path: str = "/") -> Any:
    with urllib.request.urlopen(f"http://{host.address}:{port}{path}", timeout=5) as answer:
        return json.load(answer)


def health(host: Host, container: str) -> str:
    return str(host.api("GET", f"/containers/{container}/json")["State"]["Health"]["Status"])


def test_the_hosts_are_three_generations_of_docker(lab: Lab) -> None:
    versions = [(host.engine_version, host.api_version) for host in lab.hosts]
    assert versions[:2] == [("20.10.24", "1.41"), ("26.1.5", "1.45")]
    # Debian's testing release, which moves on.
    assert all(tuple(map(int, version.split("."))) >= (28, 5) for version, _ in versions[2:4])
    assert [host.api("GET", "/info")["Driver"] for host in lab.hosts[:4]] == [*["overlay2"] * 3, "overlayfs"]


def test_starting_again_changes_nothing_and_takes_no_time(lab: Lab) -> None:
    before = [host.init_pid for host in lab.hosts]
    started = time.monotonic()
    again = the_lab.up()
    assert time.monotonic() - started < 2
    assert [host.init_pid for host in again.hosts] == before


def test_docker_answers_over_openssh(host: Host) -> None:
    assert host.ssh("docker", "version", "--format", "{{.Server.APIVersion}}").strip() == host.api_version


@pytest.mark.parametrize(("user", "words"), [("deploy", ["docker"]), ("admin", ["sudo", "-n", "docker"])])
def test_users_with_rights_reach_the_engine(host_20: Host, user: str, words: list[str]) -> None:
    assert host_20.ssh(*words, "ps", "-q", user=user) == ""


@pytest.mark.parametrize("user", ["admin", "guest"])
def test_users_without_rights_do_not(host_20: Host, user: str) -> None:
    with pytest.raises(LabError, match="permission denied"):
        host_20.ssh("docker", "ps", user=user)


def test_busybox_is_pulled_by_its_true_name_and_runs(host: Host) -> None:
    host.docker("pull", "busybox:1")
    host.docker("run", "-d", "--name", "box", "busybox:1", "sleep", "100")
    assert host.docker("exec", "box", "hostname") != ""
    assert host.api("GET", "/containers/box/json")["State"]["Running"]


def test_a_name_that_no_registry_serves_is_refused_at_once(host: Host) -> None:
    started = time.monotonic()
    with pytest.raises(LabError, match=r"connection refused|not found"):
        host.docker("pull", "no-such-image:1")
    assert time.monotonic() - started < 4


def test_redis_answers_on_the_hosts_address(host: Host) -> None:
    host.docker("run", "-d", "--name", "redis", "-p", "6379:6379", "redis:7")

    def answers() -> bool:
        try:
            with socket.create_connection((host.address, 6379), timeout=2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    wait_for(answers, 10, "redis to answer")


def test_the_counter_counts_in_redis_and_says_its_version(host: Host) -> None:
    host.docker("network", "create", "front")
    host.docker("run", "-d", "--name", "redis", "--network", "front", "redis:7")
    host.docker("run", "-d", "--name", "web", "--network", "front", "-p", "8080:8080", "deployer/counter:1.0")
    wait_for(lambda: health(host, "web") == "healthy", 20, "the counter to become healthy")
    first, second = get(host, 8080), get(host, 8080)
    assert (first["version"], second["visits"] - first["visits"]) == ("1.0", 1)


def test_the_image_with_every_instruction_is_as_the_vectors_say(host: Host) -> None:
    host.docker("pull", "deployer/everything:1")
    config = host.api("GET", "/images/deployer/everything:1/json")["Config"]
    assert config["Env"][1:] == ["A=img", "B=img"]
    assert config["Labels"] == {"img.label": "one", "shared": "img"}
    assert (config["User"], config["WorkingDir"], config["StopSignal"]) == ("1000:1000", "/work", "SIGINT")
    assert (config["Entrypoint"], config["Cmd"]) == (["sh", "-c"], ["sleep 600"])
    assert set(config["Volumes"]) == {"/data", "/cache"}
    assert set(config["ExposedPorts"]) == {"80/tcp", "53/udp"}
    assert config["Healthcheck"]["Interval"] == 7_000_000_000


def test_images_that_fail_do_fail(host_20: Host) -> None:
    host_20.docker("run", "-d", "--name", "exits", "deployer/exits:1")
    host_20.docker("run", "-d", "--name", "sick", "deployer/unhealthy:1")
    host_20.docker("run", "-d", "--name", "broken", "deployer/web:broken")
    wait_for(lambda: host_20.api("GET", "/containers/exits/json")["State"]["ExitCode"] == 1, 5, "exit code 1")
    wait_for(lambda: health(host_20, "broken") == "unhealthy", 10, "the broken web server to be found so")
    wait_for(lambda: health(host_20, "sick") == "healthy", 4, "health at first")
    wait_for(lambda: health(host_20, "sick") == "unhealthy", 15, "ill health later")


def test_the_same_recipe_gives_the_same_image() -> None:
    first = {image.repository + image.tags[0]: publishing.manifest(image).digest for image in recipes.images()}
    again = {image.repository + image.tags[0]: publishing.manifest(image).digest for image in recipes.images()}
    assert first == again
    assert len(set(first.values())) == len(first)


def test_a_pulled_cable_makes_the_host_unreachable(host_20: Host) -> None:
    with faults.unreachable(host_20):
        assert not lifecycle.sshd_greets(host_20, timeout=0.3)
    assert lifecycle.sshd_greets(host_20)


def test_a_frozen_engine_never_answers_and_a_thawed_one_does(host_26: Host) -> None:
    faults.freeze_engine(host_26)
    assert not lifecycle.engine_answers(host_26, timeout=0.3)
    faults.thaw_engine(host_26)
    assert lifecycle.engine_answers(host_26)


def test_cut_sessions_end_and_new_ones_work(host: Host) -> None:
    session = subprocess.Popen([*host.ssh_command(), "echo up; sleep 60"], stdout=subprocess.PIPE, text=True)
    assert session.stdout is not None
    assert session.stdout.readline() == "up\n"
    faults.cut_sessions(host)
    assert session.wait(10) == 255
    assert host.ssh("echo", "again") == "again\n"


def test_sshd_options_are_in_force_until_repaired(host: Host) -> None:
    faults.restart_sshd(host, {"PermitRootLogin": "no"})
    with pytest.raises(LabError, match="Permission denied"):
        host.ssh("true")
    assert host.ssh("id", "-un", user="deploy") == "deploy\n"
    faults.repair(host)
    assert host.ssh("id", "-un") == "root\n"


def test_daemon_options_are_in_force_until_repaired(host: Host) -> None:
    faults.restart_engine(host, {"log-opts": {"max-size": "1m"}})
    host.docker("run", "--name", "logged", "busybox:1", "true")
    assert host.api("GET", "/containers/logged/json")["HostConfig"]["LogConfig"]["Config"] == {"max-size": "1m"}
    faults.repair(host)
    host.docker("run", "--name", "plain", "busybox:1", "true")
    assert host.api("GET", "/containers/plain/json")["HostConfig"]["LogConfig"]["Config"] == {}


def test_a_small_disk_is_soon_full_and_the_own_one_comes_back(lab: Lab, host: Host) -> None:
    host.docker("run", "--name", "kept", "busybox:1", "true")
    faults.small_disk(host, "16m")
    with pytest.raises(LabError, match="no space left on device"):
        host.docker("pull", f"{lab.registry}/library/redis:7")
    faults.repair(host)
    assert host.docker("ps", "-aq", "--filter", "name=kept") != ""


def test_a_restarted_host_brings_its_containers_back(host: Host) -> None:
    host.docker("run", "-d", "--name", "always", "--restart", "always", "busybox:1", "sleep", "1000")
    faults.restart_host(host)
    wait_for(lambda: host.api("GET", "/containers/always/json")["State"]["Running"], 10, "the container to be back")
    assert host.ssh("hostname").strip() == host.name


def test_the_registry_with_a_login_takes_and_gives_images(host: Host) -> None:
    secure = secure_registry.start()
    name = f"{secure.address}/team/box:1"
    host.docker("pull", "busybox:1")
    host.docker("tag", "busybox:1", name)
    secure_registry.distrust(host, secure)
    with pytest.raises(LabError, match="certificate"):
        host.docker("push", name)
    secure_registry.trust(host, secure)
    with pytest.raises(LabError, match="no basic auth credentials"):
        host.docker("push", name)
    host.docker("login", "-u", secure.user, "--password-stdin", secure.address, stdin=secure.password)
    try:
        host.docker("push", name)
        host.docker("rmi", name)
        host.docker("pull", name)
    finally:
        host.docker("logout", secure.address)
        secure_registry.distrust(host, secure)
