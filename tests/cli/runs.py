"""Running the command line in this process, against simulated hosts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.cli import main
from deployer.usecases import system
from tests.program import NoWaiting

INVENTORY = """\
all:
  vars: {connection: simulated}
  children:
    web: {hosts: {web1: {}, web2: {}}}
    db: {hosts: {db1: {}}}
"""

SHOP = """\
- name: Web tier
  hosts: web
  project: shop
  networks:
    front: {}
  containers:
    web:
      image: nginx:latest
      ports: ["8080:80"]
      networks: [front]
"""

MORE = """\
- hosts: web
  project: shop
  containers:
    web: {image: "nginx:1", update: {monitor: 0s}}
    api: {image: "api:1", depends_on: [web], update: {monitor: 0s}}
  jobs:
    migrate: {image: "api:1", command: "true"}
- hosts: db
  project: other
  containers:
    web: {image: "nginx:1", update: {monitor: 0s}}
"""
DOWN = "all: {hosts: {web1: {connection: simulated}, gone: {connection: local, docker_socket: /no}}}\n"


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def words(self) -> list[str]:
        """Lines of stdout with every run of blanks as one."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


@dataclass(frozen=True)
class Shop:
    """A folder with an inventory and a playbook, which is the current directory."""

    folder: Path
    capture: Callable[[], tuple[str, str]]

    def run(self, *words: str) -> Ended:
        self.capture()
        code = main(words)
        return Ended(code, *self.capture())

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def edit(self, old: str, new: str) -> None:
        text = (self.folder / "shop.yml").read_text()
        assert old in text
        self.write("shop.yml", text.replace(old, new))


def make_shop(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(system, "SystemClock", NoWaiting)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr("sys.stdin", (folder / "nothing").open("w+"))

    def capture() -> tuple[str, str]:
        found = capsys.readouterr()
        return found.out, found.err

    shop = Shop(folder, capture)
    shop.write("hosts.yml", INVENTORY)
    shop.write("shop.yml", SHOP)
    return shop


def lines(shop: Shop, *words: str) -> list[str]:
    found = shop.run(words[0], "-i", "hosts.yml", *words[1:])
    assert (found.code, found.err) == (0, ""), found.err
    return sorted(found.words)
