"""A container that runs once, from the declaration of another one."""

from __future__ import annotations

from deployer.planning.container.one_shot import OneShot, Wanted, one_shot
from deployer.planning.context import Context
from deployer.planning.policy import Policy
from tests.planning.build import applied, play

TEXT = """
networks: {back: {ipam: {config: [{subnet: 10.9.0.0/24}]}}, front: {}}
volumes: {data: {}}
containers:
  app:
    image: app:1
    command: [serve]
    environment: {MODE: prod}
    labels: {team: a}
    ports: ["80:80"]
    restart: always
    healthcheck: {test: "true"}
    networks: {back: {ipv4_address: 10.9.0.7, aliases: [api]}, front: {}}
    volumes: ["data:/data", "/scratch"]
"""


def made(wanted: Wanted) -> OneShot:
    desired = play(TEXT)
    resource = desired.container("app")
    assert resource is not None
    return one_shot(Context(desired, applied(TEXT), Policy()), resource, "app.run-1", wanted)


def test_it_has_nothing_that_only_one_container_can_have() -> None:
    found = made(Wanted())
    body, host = found.create.body, found.create.body["HostConfig"]
    assert (found.create.name, found.volumes, found.files) == ("app.run-1", ("data",), ())
    assert (body["Image"], body["Cmd"], body["Env"]) == ("docker.io/library/app:1", ["serve"], ["MODE=prod"])
    assert body["Labels"] == {"team": "a", "deployer.run": "container.app"}
    assert body["Healthcheck"] == {"Test": ["NONE"]}
    assert not {"PortBindings", "RestartPolicy"} & host.keys()
    endpoints = {**body["NetworkingConfig"]["EndpointsConfig"], **found.endpoints}
    assert {name: {key for key, value in (each or {}).items() if value} for name, each in endpoints.items()} == {
        "back": set(),
        "front": set(),
    }


def test_what_differs_from_the_declaration() -> None:
    body = made(Wanted(("sh",), "app", "/srv", ("X=1",), stdin=True, size=(30, 100))).create.body
    assert (body["Cmd"], body["User"], body["WorkingDir"]) == (["sh"], "app", "/srv")
    assert body["Env"] == ["MODE=prod", "X=1"]
    assert (body["Tty"], body["OpenStdin"], body["HostConfig"]["ConsoleSize"]) == (True, True, [30, 100])
