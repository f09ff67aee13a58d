"""`deployer snapshot`, on simulated hosts."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

from deployer.usecases.backup_file import Header, write
from tests.cli.runs import Shop

PLAYBOOK = """\
- hosts: web
  project: data
  volumes: {one: {}, two: {}}
  containers:
    db: {image: "example/db:1", volumes: ["one:/one", "two:/two"], update: {monitor: 0s}}
"""


def archive(name: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for path, kind, content in (("data", tarfile.DIRTYPE, b""), (f"data/{name}", tarfile.REGTYPE, name.encode())):
            member = tarfile.TarInfo(path)
            member.type, member.mode, member.size = kind, 0o755, len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


@pytest.fixture
def site(shop: Shop) -> Shop:
    """Two hosts with two volumes, each with other content."""
    shop.write("data.yml", PLAYBOOK)
    for volume in ("one", "two"):
        for host in ("web1", "web2"):
            with (shop.folder / "it.zst").open("wb") as file:
                write(file, Header(volume=volume, host=host, made=""), [archive(f"{host}-{volume}")])
            assert shop.run("volume", "restore", "it.zst", f"{host}/{volume}", "-i", "hosts.yml", "--yes").code == 0
    (shop.folder / "it.zst").unlink()
    assert shop.run("apply", "-i", "hosts.yml", "data.yml", "--yes").code == 0
    return shop


def digest(site: Shop, place: str) -> str:
    """Of the content of a volume."""
    found = site.run("volume", "backup", place, "-o", "now.zst", "-i", "hosts.yml", "--live", "--force", "--json")
    return str(json.loads(found.out)["sha256"])


def test_a_snapshot_is_restored_on_other_hosts(site: Shop) -> None:
    made = site.run("snapshot", "create", "-i", "hosts.yml", "data.yml", "--yes", "--json", "--pause")
    found = json.loads(made.out)
    assert (made.code, found["playbooks"], found["files"]) == (0, ["data.yml"], ["data.yml", "hosts.yml"]), made.err
    assert [(each["host"], each["volume"]) for each in found["volumes"]] == [
        ("web1", "one"),
        ("web1", "two"),
        ("web2", "one"),
        ("web2", "two"),
    ]
    assert {(each["host"], each["container"], each["image"]) for each in found["images"]} == {
        ("web1", "db", "docker.io/example/db:1"),
        ("web2", "db", "docker.io/example/db:1"),
    }
    assert [(each["host"], each["number"]) for each in found["runs"]] == [("web1", 1), ("web2", 1)]
    listed = site.run("snapshot", "list")
    assert listed.words[1].endswith(f"4 41 kB {found['folder']}")
    words = ("snapshot", "restore", found["folder"], "-i", "hosts.yml", "--yes")
    refused = site.run(*words)
    assert (refused.code, "web1/one has content" in refused.err) == (5, True), refused.err
    both = site.run(*words, "--map", "web1=db1", "--map", "web2=db1")
    assert (both.code, "restored as one" in both.err) == (5, True)
    consents = [f"--allow-data-loss=web1/volume.{volume}" for volume in ("one", "two")]
    moved = site.run(*words, "--map", "web2=db1", *consents, "--image", "no:1")
    assert (moved.code, digest(site, "web1/one")) == (3, found["volumes"][0]["sha256"]), moved.err


def test_names(site: Shop) -> None:
    for words, said in (
        (("restore", "nothing", "-i", "hosts.yml", "--yes"), "nothing is no snapshot"),
        (("restore", "nothing", "-i", "hosts.yml", "--map", "web1"), "does not have the form OLD=NEW"),
        (("create", "none.yml", "-i", "hosts.yml"), "none.yml"),
    ):
        found = site.run("snapshot", *words)
        assert (found.code != 0, said in found.err) == (True, True), found.err
    missing = site.run("snapshot", "list")
    assert (missing.code, "there is no folder snapshots" in missing.err) == (3, True)
    (site.folder / "empty").mkdir()
    assert site.run("snapshot", "list", "empty").words == ["MADE WHO VOLUMES DATA SNAPSHOT"]
    checked = site.run("snapshot", "create", "-i", "hosts.yml", "data.yml", "--check", "--limit", "web1")
    assert all(line.endswith(" (simulated)") for line in checked.words[:2])
    assert checked.words[2] == "web1: container db is stopped while its data is copied"
    assert not (site.folder / "snapshots").exists()


FILES = """\
- import_playbook: more.yml
- hosts: web1
  project: whole
  volumes: {data: {}, other: {tags: [x]}}
  files: {/etc/app.conf: {src: conf/app.conf}}
  configs: {one: {file: conf/one.conf}}
  containers:
    app: {extends: {file: base.yml, service: base}, env_file: app.env, volumes: ["data:/data"], configs: [one]}
"""


def test_a_snapshot_has_all_that_was_read(shop: Shop) -> None:
    """And only the volumes that are asked for."""
    shop.write("site.yml", FILES)
    shop.write("more.yml", "- hosts: web1\n  project: more\n  volumes: {further: {}}\n")
    shop.write("base.yml", "containers: {base: {image: 'app:1', environment: {A: a}, update: {monitor: 0s}}}\n")
    shop.write("app.env", "A=1\n")
    for name in ("conf", "group_vars"):
        (shop.folder / name).mkdir()
    for name in ("conf/app.conf", "conf/one.conf"):
        shop.write(name, name)
    shop.write("group_vars/web.yml", "x: 1\n")
    assert shop.run("apply", "-i", "hosts.yml", "site.yml", "--yes").code == 0
    made = shop.run("snapshot", "create", "-i", "hosts.yml", "site.yml", "--yes", "--json", "--tags", "x")
    found = json.loads(made.out)
    assert found["files"] == [
        *("app.env", "base.yml", "conf/app.conf", "conf/one.conf", "group_vars/web.yml", "hosts.yml", "more.yml"),
        "site.yml",
    ]
    assert [(each["volume"], each["file"]) for each in found["volumes"]] == [("other", "web1/other.tar.zst")]
    place = f"{found['folder']}/files"
    assert shop.run("plan", "-i", f"{place}/hosts.yml", f"{place}/site.yml", "--detailed-exitcode").code == 0
    # A file that is another backup is not what was saved.
    with (shop.folder / found["folder"] / "web1/other.tar.zst").open("wb") as file:
        write(file, Header(volume="other", host="web1", made=""), [archive("another")])
    refused = shop.run("snapshot", "restore", found["folder"], "-i", "hosts.yml", "--yes")
    assert (refused.code, "is not what was saved" in refused.err) == (3, True), refused.err
