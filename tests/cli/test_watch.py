"""`deployer watch`."""

from __future__ import annotations

import json
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from deployer.errors import ExitCode
from deployer.usecases.watch import Round, Tally, pause, watch
from tests.cli.runs import Shop

HOSTS = ("-i", "hosts.yml", "shop.yml")


class Clock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def lines(text: str) -> list[str]:
    """Without the times."""
    return [re.sub(r"^[-\dT:]{19}Z  | \(\S+s\)$", "", line) for line in text.splitlines()]


def test_a_round_changes_what_differs_and_the_next_says_nothing(shop: Shop) -> None:
    files = ("--health-file", "h", "--metrics", "m")
    first = shop.run("watch", *HOSTS, "--rounds", "2", "--interval", "0.1s", *files)
    assert first.code == 0, first.err
    assert sorted(lines(first.err)) == [
        f"{host}  {what}"
        for host in ("web1", "web2")
        for what in ("container web: created", "image nginx:latest: pulled", "network front: created")
    ]
    health = json.loads((shop.folder / "h").read_text())
    assert (health["ok"], health["failing"], health["last_round"]) == (True, 0, health["last_success"])
    found = dict(line.split() for line in (shop.folder / "m").read_text().splitlines() if line[0] != "#")
    numbers = {"rounds_total": "2", "changes_total": "6", "hosts": "2", "failures_total": "0", "exit_code": "0"}
    assert {name: found[f"deployer_watch_{name}"] for name in numbers} == numbers
    assert shop.run("history", "-i", "hosts.yml").out.count("watch shop.yml") == 1
    shop.edit("nginx:latest", "nginx:1.27")
    changed = shop.run("watch", *HOSTS, "--rounds", "1", "--limit", "web1")
    assert sorted(lines(changed.err)) == ["web1  container web: replaced", "web1  image nginx:1.27: pulled"]


def test_rounds_without_time_between_them_are_refused(shop: Shop) -> None:
    refused = shop.run("watch", *HOSTS, "--rounds", "1", "--interval", "0s")
    assert (refused.code, "'0s' is shorter than 0.1s" in refused.err) == (1, True), refused.err


def test_a_lasting_error_is_told_once_and_hosts_stay_as_they_are(shop: Shop) -> None:
    assert shop.run("apply", *HOSTS, "--yes").code == 0
    shop.edit("nginx:latest", "ngi nx")
    failed = shop.run("watch", *HOSTS, "--rounds", "3", "--interval", "0.1s", "--health-file", "h")
    assert failed.code == 1
    assert len(lines(failed.err)) == 1, failed.err
    assert lines(failed.err)[0].startswith("shop.yml:8:14: ")
    health = json.loads((shop.folder / "h").read_text())
    assert (health["ok"], health["exit_code"], health["failing"], health["last_success"]) == (False, 1, 3, 0)


def git(folder: Path, *words: str) -> None:
    name = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    subprocess.run(["git", "-C", str(folder), *name, *words], check=True, capture_output=True)


def test_a_repository_is_cloned_and_pulled_before_each_round(shop: Shop) -> None:
    """A change that is not pushed, or cannot be read, changes nothing."""
    origin = shop.folder / "origin"
    origin.mkdir()
    for name in ("hosts.yml", "shop.yml"):
        (shop.folder / name).rename(origin / name)
    git(origin, "init", "--quiet", "--initial-branch=main")
    git(origin, "add", ".")
    git(origin, "commit", "--quiet", "-m", "first")
    words = ("watch", *HOSTS, "--git", f"file://{origin}", "--rounds", "1")
    assert "web1  container web: created" in lines(shop.run(*words).err)
    shop.write("origin/shop.yml", (origin / "shop.yml").read_text().replace("nginx:latest", "nginx:1.27"))
    assert shop.run(*words).err == ""
    git(origin, "commit", "--quiet", "-am", "second")
    assert "web1  container web: replaced" in lines(shop.run(*words).err)
    origin.rename(shop.folder / "gone")
    lost = shop.run(*words)
    assert lost.code == 1
    assert lines(lost.err)[0].startswith("the repository cannot be read: ")


def test_a_folder_of_a_checkout_is_pulled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named relative to where the command is given; it need not be the root of the checkout."""
    folder = shop.folder / "origin" / "site"
    folder.mkdir(parents=True)
    for name in ("hosts.yml", "shop.yml"):
        (shop.folder / name).rename(folder / name)
    git(folder.parent, "init", "--quiet", "--initial-branch=main")
    git(folder.parent, "add", ".")
    git(folder.parent, "commit", "--quiet", "-m", "first")
    git(shop.folder, "clone", "--quiet", "origin", "mine")
    done = shop.run("watch", *HOSTS, "--git", "mine/site", "--rounds", "1")
    assert done.code == 0, done.err
    assert "web1  container web: created" in lines(done.err)
    shop.write("origin/site/shop.yml", (folder / "shop.yml").read_text().replace("nginx:latest", "nginx:1.27"))
    git(folder.parent, "commit", "--quiet", "-am", "second")
    monkeypatch.chdir(shop.folder)
    assert "web1  container web: replaced" in lines(
        shop.run("watch", *HOSTS, "--git", "mine/site", "--rounds", "1").err
    )


def test_rounds_that_fail_come_less_often() -> None:
    clock, starts = Clock(), list[float]()
    codes = [ExitCode.OK, *[ExitCode.UNREACHABLE] * 6, ExitCode.OK, ExitCode.OK]

    def once() -> Round:
        starts.append(round(clock.now()))
        return Round(codes[len(starts) - 1])

    kept: list[Tally] = []
    ended = watch(once, kept.append, clock, clock.now, lambda: len(starts) == len(codes), interval=300)
    pauses = [later - before for before, later in pairwise(starts)]
    assert pauses == [300, 600, 1200, 2400, 3600, 3600, 3600, 300]
    assert (len(kept), ended.failures, ended.failing) == (len(codes), 6, 0)
    assert pause(Tally(failing=40), 7200) == 7200
