"""`deployer image`, on simulated hosts."""

from __future__ import annotations

import json
import os

from tests.cli.runs import Shop
from tests.engine.test_image_archive import OLD, packed


def test_an_image_of_one_host_is_copied_to_others(shop: Shop) -> None:
    assert shop.run("apply", "-i", "hosts.yml", "shop.yml", "--limit", "web1", "--yes").code == 0
    copy = ("image", "copy", "nginx:latest", "all:!web1", "--from", "web1", "-i", "hosts.yml")
    done = shop.run(*copy)
    assert (done.code, sorted(done.out.splitlines())) == (0, ["db1: sent", "web2: sent"]), done.err
    found = json.loads(shop.run(*copy, "--json").out)
    assert (found["type"], {each["done"] for each in found["hosts"]}) == ("image_copy", {"is there already"})
    listed = shop.run("image", "list", "-i", "hosts.yml", "--limit", "web")
    assert [words.split(" ")[:2] for words in listed.words] == [
        ["HOST", "(simulated)"],
        ["web1", "nginx:latest"],
        ["web2", "nginx:latest"],
    ]
    rows = json.loads(shop.run("image", "list", "-i", "hosts.yml", "--json").out)["images"]
    assert [(row["host"], row["used"]) for row in rows] == [("web1", 1), ("web2", 0), ("db1", 0)]


def test_images_are_pulled_tagged_pushed_and_removed(shop: Shop) -> None:
    def said(*words: str) -> tuple[int, list[str]]:
        ended = shop.run("image", *words, "-i", "hosts.yml")
        return ended.code, sorted((ended.out + ended.err).splitlines())

    assert said("pull", "redis:7", "web") == (0, ["web1: pulled", "web2: pulled"])
    assert said("pull", "redis:7", "web1") == (0, ["web1: is up to date"])
    assert said("tag", "redis:7", "reg.example.com/redis:1", "web1") == (
        0,
        ["web1: tagged as reg.example.com/redis:1"],
    )
    assert said("push", "reg.example.com/redis:1", "web1") == (0, ["web1: pushed"])
    code, lines = said("push", "reg.example.com/redis:1", "web2")
    assert (code, lines[0].startswith("web2: failed: ")) == (3, True)
    assert said("remove", "redis:7", "web")[0] == 5
    assert said("remove", "redis:7", "all", "--yes") == (0, ["db1: is not there", "web1: removed", "web2: removed"])


def test_an_image_of_an_archive_is_copied(shop: Shop) -> None:
    (shop.folder / "app.tar").write_bytes(packed(OLD).read())
    done = shop.run("image", "copy", "app:1", "web1", "--from", "app.tar", "-i", "hosts.yml")
    assert (done.code, done.out) == (0, "web1: sent 9.0 kB of 9.0 kB\n"), done.err
    assert "web1 app:1" in " ".join(shop.run("image", "list", "-i", "hosts.yml", "--limit", "web1").words)


def test_what_cannot_be_copied(shop: Shop) -> None:
    def errors(*words: str) -> tuple[int, str]:
        ended = shop.run("image", "copy", *words, "-i", "hosts.yml")
        return ended.code, ended.err.splitlines()[0]

    assert errors("redis:7", "web1", "--from", "db1") == (3, "error: redis:7 is not on db1")
    assert errors("redis:7", "web1", "--from", "./away.tar") == (
        1,
        "--from: ./away.tar cannot be read: No such file or directory",
    )
    os.mkfifo(shop.folder / "pipe.tar")
    for path in ("pipe.tar", "./"):
        assert errors("redis:7", "web1", "--from", path) == (1, f"--from: {path} cannot be read: it is not a file")
    assert errors("redis:7", "wbe1", "--from", "db1")[0] == 1
    assert errors("redis:7", "web1", "--from", "db9")[0] == 1
    assert errors(f"redis@sha256:{'0' * 64}", "web1") == (1, "Usage: deployer image copy [OPTIONS] REFERENCE PATTERN")


SENT = """\
- hosts: web
  images: {"shop/web:3": {source: SOURCE}}
  containers: {web: {image: "shop/web:3", pull: never}}
"""


def test_a_play_sends_an_image_from_one_host_to_those_that_do_not_have_it(shop: Shop) -> None:
    shop.write("sent.yml", SENT.replace("SOURCE", "web1"))
    refused = shop.run("plan", "-i", "hosts.yml", "sent.yml", "--limit", "web1")
    assert "image shop/web:3 is not on the host" in refused.out
    assert shop.run("image", "pull", "shop/web:3", "web1", "-i", "hosts.yml").code == 0
    planned = shop.run("plan", "-i", "hosts.yml", "sent.yml")
    assert "+ image shop/web:3 send from web1 sent.yml:2" in planned.words
    done = shop.run("apply", "-i", "hosts.yml", "sent.yml", "--yes")
    assert (done.code, "image shop/web:3: sent" in done.err + done.out) == (0, True), done.err + done.out
    assert shop.run("plan", "-i", "hosts.yml", "sent.yml", "--detailed-exitcode").code == 0


def test_a_source_is_a_host_of_the_inventory_or_this_machine(shop: Shop) -> None:
    shop.write("sent.yml", SENT.replace("SOURCE", "wbe1"))
    assert "sent.yml:2:35: images.shop/web:3.source: no host 'wbe1' in the inventory; did you mean 'web1'?" in (
        shop.run("validate", "-i", "hosts.yml", "sent.yml").err
    )
    shop.write("sent.yml", SENT.replace("SOURCE", "db1"))
    assert shop.run("image", "pull", "shop/web:3", "db1", "-i", "hosts.yml").code == 0
    done = shop.run("apply", "-i", "hosts.yml", "sent.yml", "--yes")
    assert done.code == 0
    assert not [line for line in done.words if line.startswith("db1")], "a host that only sends is not part of the run"
    shop.write("built.yml", "- {hosts: web, containers: {web: {build: {dockerfile_inline: FROM x, on: bd1}}}}\n")
    assert "containers.web.build.on: no host 'bd1' in the inventory; did you mean 'db1'?" in (
        shop.run("validate", "-i", "hosts.yml", "built.yml").err
    )
    shop.write("sent.yml", SENT.replace("SOURCE", "web1, pull: always"))
    assert "an image with a source is not pulled; give a new image a new tag" in (
        shop.run("validate", "-i", "hosts.yml", "sent.yml").err
    )


PUSHED = """\
- hosts: web
  images: {"web:1": {push: [reg.example.com/web:1]}}
"""


def test_an_image_is_pushed_by_the_first_host_and_tagged_by_all(shop: Shop) -> None:
    shop.write("pushed.yml", PUSHED)
    steps = shop.run("plan", "-v", "-i", "hosts.yml", "pushed.yml").out
    assert (steps.count("PushImage"), steps.count("TagImage")) == (1, 2)
    limited = shop.run("plan", "-v", "-i", "hosts.yml", "pushed.yml", "--limit", "web2").out
    assert limited.count("PushImage") == 1
