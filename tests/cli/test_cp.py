"""Files between this machine and simulated containers."""

import io
import json
import tarfile

import pytest

from tests.cli.runs import DOWN, Shop


def copied(shop: Shop, *words: str) -> tuple[int, str, list[str]]:
    """Output to stdout and to stderr."""
    found = shop.run("cp", "-i", "hosts.yml", *words)
    return found.code, found.out, [line.partition(": copied")[0] for line in found.err.splitlines()]


def test_there_and_back_again(more: Shop) -> None:
    (more.folder / "conf/sub").mkdir(parents=True)
    more.write("conf/sub/a", "text")
    assert copied(more, "conf", "web/w*:/etc") == (0, "", ["web1/web", "web2/web"])
    assert copied(more, "conf/sub/a", "web1/web:/etc/conf/b") == (0, "", ["web1/web"])
    assert copied(more, "conf/.", "web1/api:/tmp") == (0, "", ["web1/api"])
    assert copied(more, "web1/web:/etc/conf", "back")[0] == 0
    assert ((more.folder / "back/sub/a").read_text(), (more.folder / "back/b").read_text()) == ("text", "text")
    assert copied(more, "web1/web:etc/conf/.", "back")[0] == 0
    assert copied(more, "web1/web:/etc/conf/b", "back/sub")[0] == 0
    assert sorted(path.name for path in (more.folder / "back").rglob("*")) == ["a", "b", "b", "sub"]
    assert copied(more, "web1/api:/tmp/sub/a", ".")[0] == 0
    assert (more.folder / "a").read_text() == "text"


def test_from_one_container_to_others(more: Shop) -> None:
    (more.folder / "conf/sub").mkdir(parents=True)
    more.write(f"conf/sub/{'a' * 120}", "text")
    (more.folder / "conf/link").symlink_to("sub")
    assert copied(more, "conf", "web1/api:/etc")[0] == 0
    found = more.run("cp", "-i", "hosts.yml", "web1/api:/etc/conf", "all/web:/tmp/other")
    assert (found.code, found.err) == (0, "".join(f"{host}/web: copied 4 B\n" for host in ("web1", "web2", "db1")))
    assert copied(more, "web1/api:/etc/conf/.", "web1/web:/opt")[0] == 0
    assert copied(more, f"web1/api:/etc/conf/sub/{'a' * 120}", "db1/web:/opt/b")[0] == 0
    for place in ("db1/web:/tmp/other", "web1/web:/opt", "db1/web:/opt"):
        assert copied(more, place, "back")[0] == 0
    found_here = sorted(str(path.relative_to(more.folder / "back")) for path in (more.folder / "back").rglob("*"))
    assert found_here == [
        *("link", "opt", "opt/b", "opt/link", "opt/sub", f"opt/sub/{'a' * 120}", "sub", f"sub/{'a' * 120}")
    ]
    assert (more.folder / "back/opt/b").read_text() == "text"


def test_of_many_into_a_folder_for_each(more: Shop) -> None:
    more.write("a", "text")
    assert copied(more, "a", "web/web:/tmp/a")[0] == 0
    code, _, said = copied(more, "all/web:/tmp/a", "found")
    assert (code, said[-1]) == (3, "error: db1/web: the container has no file or folder /tmp/a")
    found = sorted(str(path.relative_to(more.folder)) for path in (more.folder / "found").rglob("*") if path.is_file())
    assert found == ["found/web1/web/a", "found/web2/web/a"]
    assert copied(more, "web1/w*:/tmp/a", "glob")[0] == 0
    assert (more.folder / "glob/web1/web/a").is_file()


def test_as_an_archive(more: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        info = tarfile.TarInfo("a")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"text"))
    (more.folder / "a.tar").write_bytes(target.getvalue())
    with (more.folder / "a.tar").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert copied(more, "-", "web1/web:/tmp") == (0, "", ["web1/web"])
    code, out, _ = copied(more, "web1/web:/tmp/a", "-")
    with tarfile.open(fileobj=io.BytesIO(out.encode())) as tar:
        assert (code, tar.getnames()) == (0, ["a"])


def test_as_a_document_while_a_host_is_down(more: Shop) -> None:
    more.write("hosts.yml", DOWN)
    more.write("a", "text")
    found = more.run("cp", "-i", "hosts.yml", "a", "all/web:/tmp", "--json")
    document = json.loads(found.out)
    assert (found.code, document["type"], [each["error"] for each in document["containers"]]) == (4, "copied", [""])
    assert [host["host"] for host in document["unreachable"]] == ["gone"]


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("a", "b"), 1, "one of the two must be in containers: HOSTS/CONTAINER:PATH"),
        (("web/web:/a", "web2/web:/a"), 1, "one container is needed, found: web1/web, web2/web"),
        (("web1/web:/nope", "web2/web:/a"), 3, "web2/web: the container has no file or folder /nope"),
        (("web1/web:/etc", "web2/web:/nope/a/"), 3, "web2/web: the container has no folder /nope"),
        (("./web1/web:/a", "web1/web:/a"), 3, "web1/web: ./web1/web:/a: there is no such file or folder"),
        (("hosts.yml", "web1/web:/nope/a"), 3, "web1/web: the container has no folder /nope"),
        (("hosts.yml", "web1/web:/etc/a/"), 3, "web1/web: the container has no folder /etc/a"),
        (("web1/web:/nope", "."), 3, "web1/web: the container has no file or folder /nope"),
        (("web1/web:/etc", "nope/a"), 3, "web1/web: nope: there is no such folder"),
        (("hosts.yml", "web1/nope:/tmp"), 1, "no container is named 'nope' on these hosts"),
        (("hosts.yml", "nope/web:/tmp"), 1, "PATTERN: no host or group matches 'nope'"),
        (("-", "web/web:/tmp"), 1, "one container is needed, found: web1/web, web2/web"),
        (("web1/web:/etc", "-", "--json"), 1, "--json and the archive cannot both go to standard output"),
    ],
)
def test_what_is_wrong(more: Shop, words: tuple[str, ...], code: int, error: str) -> None:
    found = more.run("cp", "-i", "hosts.yml", *words)
    assert (found.code, error in found.err) == (code, True), found.err
