"""`deployer image lock` and `outdated`, with a registry on this machine and simulated hosts."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cli.runs import Shop
from tests.engine.test_registry_api import FakeRegistry, digest, running


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with running() as found:
        yield found


def publish(server: FakeRegistry, tag: str, created: str = "2020-01-02T03:04:05Z", others: tuple[str, ...] = ()) -> str:
    """The digest of an index with two platforms."""
    config = json.dumps({"created": created, "tag": tag}).encode()
    image = json.dumps({"config": {"digest": digest(config)}, "layers": []}).encode()
    entries = [
        {"digest": digest(image), "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": f"sha256:{'0' * 64}", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
        {"digest": f"sha256:{'1' * 64}", "platform": {"os": "unknown", "architecture": "unknown"}},
    ]
    index = json.dumps({"manifests": entries, "tag": tag}).encode()
    pages = {tag: index, digest(index): index, digest(image): image}
    server.pages |= {f"/v2/app/manifests/{key}": (200, page, {}) for key, page in pages.items()}
    server.pages[f"/v2/app/blobs/{digest(config)}"] = (200, config, {})
    tags = json.dumps({"tags": [tag, *others]}).encode()
    server.pages["/v2/app/tags/list?n=1000"] = (200, tags, {})
    return digest(index)


def lock(shop: Shop, server: FakeRegistry, *words: str, settings: str = "{}") -> list[str]:
    image = f"'{server.address}/app:1.4.0'"
    files = (
        f"  files: {{/etc/a: {{content: x, validate: {{image: {image}, command: app -t}}}}, /etc/b: {{content: x}}}}\n"
    )
    images = f"  images: {{{image}: {settings}}}\n"
    shop.write("p.yml", f"- hosts: web\n{images}{files}  containers: {{web: {{image: {image}}}}}\n")
    ended = shop.run("image", "lock", "-i", "hosts.yml", "p.yml", *words)
    assert ended.code == 0, ended.err + ended.out
    return [line.replace(server.address, "reg") for line in ended.words[1:]]


def pins(shop: Shop) -> str:
    return (shop.folder / "images.lock").read_text()


def test_plans_use_the_digests_until_they_are_updated(shop: Shop, server: FakeRegistry) -> None:
    first = publish(server, "1.4.0")
    assert lock(shop, server) == [f"reg/app:1.4.0 {first[:19]} new"]
    assert pins(shop).splitlines()[1:4] == [f'"{server.address}/app:1.4.0":', f"  digest: {first}", "  platforms:"]
    assert "linux/arm64/v8: sha256:0" in pins(shop)
    assert "unknown" not in pins(shop)
    plan = json.loads(shop.run("plan", "-i", "hosts.yml", "p.yml", "--json").out)
    addresses = {each["address"] for play in plan["plays"] for host in play["hosts"] for each in host["changes"]}
    assert f"web1/image.{server.address}/app:1.4.0@{first}" in addresses
    notes = [note for play in plan["plays"] for host in play["hosts"] for note in host["notes"]]
    assert f"file./etc/a: must be accepted by app -t in {server.address}/app:1.4.0@{first}" in notes
    assert shop.run("apply", "-i", "hosts.yml", "p.yml", "--yes").code == 0
    second = publish(server, "1.4.0", "2021-01-02T03:04:05Z")
    assert lock(shop, server) == [f"reg/app:1.4.0 {first[:19]}"]
    assert shop.run("plan", "-i", "hosts.yml", "p.yml", "--detailed-exitcode").code == 0
    assert lock(shop, server, "--update", "other") == [f"reg/app:1.4.0 {first[:19]}"]
    assert lock(shop, server, "--update", f"{server.address}/app") == [f"reg/app:1.4.0 {second[:19]} was {first[:19]}"]
    assert shop.run("plan", "-i", "hosts.yml", "p.yml", "--detailed-exitcode").code == 2


def test_a_newer_tag_is_taken_where_the_image_allows_it(shop: Shop, server: FakeRegistry) -> None:
    publish(server, "1.4.0")
    newer = publish(server, "1.4.10", others=("1.4.0", "1.4.9", "1.5.0", "1.4.11-rc1"))
    assert lock(shop, server, settings="{allow: 1.4.x}") == [f"reg/app:1.4.0 {newer[:19]} new, tag 1.4.10"]
    assert '  tag: "1.4.10"\n' in pins(shop) or "  tag: 1.4.10\n" in pins(shop)
    outdated = shop.run("image", "outdated", "-i", "hosts.yml", "p.yml")
    assert outdated.words[1].replace(server.address, "reg") == f"reg/app:1.4.0 {newer[:19]}"
    (shop.folder / "images.lock").unlink()
    lock(shop, server)
    found = json.loads(shop.run("image", "outdated", "-i", "hosts.yml", "p.yml", "--json").out)
    assert [each["newer"] for each in found["images"]] == ["1.5.0"]


def test_an_image_that_is_too_new_is_left_for_later(shop: Shop, server: FakeRegistry) -> None:
    first = publish(server, "1.4.0")
    lock(shop, server)
    publish(server, "1.4.0", "2099-01-01T00:00:00Z")
    assert lock(shop, server, "--update", settings="{cooldown: 3d}") == [f"reg/app:1.4.0 {first[:19]}"]
    (shop.folder / "images.lock").unlink()
    ended = shop.run("image", "lock", "-i", "hosts.yml", "p.yml")
    assert ended.code == 3
    assert "no image that is old enough for its cooldown" in ended.out


def test_what_cannot_be_locked_is_kept(shop: Shop, server: FakeRegistry) -> None:
    first = publish(server, "1.4.0")
    lock(shop, server)
    server.pages.clear()
    ended = shop.run("image", "lock", "-i", "hosts.yml", "p.yml", "--update")
    assert ended.code == 3
    assert "404 Not Found: manifest unknown" in ended.out
    assert first in pins(shop)
    (shop.folder / "images.lock").write_text("app:1: {digest: nonsense}\nother:1: {}\n")
    wrong = shop.run("plan", "-i", "hosts.yml", "p.yml")
    assert wrong.code == 1
    assert "images.lock" in wrong.err


def test_a_registry_without_tls_is_asked_only_if_it_is_named(shop: Shop, server: FakeRegistry) -> None:
    """Registries of this machine need no option; `0.0.0.0` leads to it and does not look like it."""
    found, registry = publish(server, "1.4.0"), server.address.replace("127.0.0.1", "0.0.0.0")
    shop.write("p.yml", f"- {{hosts: web, containers: {{web: {{image: '{registry}/app:1.4.0'}}}}}}\n")
    for command in ("outdated", "lock"):
        words = ("image", command, "-i", "hosts.yml", "p.yml")
        assert shop.run(*words).code == 3
        done = shop.run(*words, "--insecure-registry", registry)
        assert (done.code, found[:19] in done.out) == (0, True), done.out + done.err
