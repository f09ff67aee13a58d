"""What is in the files of a play: content, a file, or a template; all errors at their places."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from deployer.config.vault import encrypt
from deployer.model.settings import FileSettings, Validation
from tests.config.test_contents import VAULT, resolved

BIG = bytes(range(256)) * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "files/app.ini").write_text("in files\n")
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "vaulted").write_text(encrypt("from the vault\n", VAULT))
    (tmp_path / "templates/app.j2").write_text("{% for n in [1, 2] %}\nn={{ n }}\n{% endfor %}\nlast\n")
    (tmp_path / "secret.j2").write_text("pw={{ pw }}\n")
    return tmp_path


def test_content_comes_from_a_text_a_file_or_a_template(folder: Path) -> None:
    text = """
files:
  /a: {content: "a\\n"}
  /b: {src: app.ini, mode: 0640, owner: 1000, group: www-data}
  /c: {src: big, mode: 755}
  /d: {src: vaulted}
  /e: {template: app.j2}
  /f: {template: secret.j2}
  /g//h/: {content: ""}
  /i: {content: "{{ pw }}"}
  /j: {content: "x{{ pw }}", backup: yes, validate: "check -f %s"}
"""
    desired, errors = resolved(folder, text)
    assert errors == []
    found = {each.name: each.settings for each in desired.of(FileSettings)}
    sources = {name: each.source for name, each in found.items() if each.source is not None}
    content = {name: desired.contents.get(source.sha256) for name, source in sources.items()}
    assert content == {
        "/a": b"a\n",
        "/b": b"in files\n",
        "/c": None,
        "/d": b"from the vault\n",
        "/e": b"n=1\nn=2\nlast\n",
        "/f": b"pw=hunter2\n",
        "/g/h": b"",
        "/i": b"hunter2",
        "/j": b"xhunter2",
    }
    assert (sources["/c"].size, sources["/c"].path) == (len(BIG), str(folder / "big"))
    assert sorted(name for name, each in found.items() if each.secret) == ["/d", "/f", "/i", "/j"]
    assert (found["/b"].mode, found["/b"].owner, found["/b"].group) == (0o640, "1000", "www-data")
    assert (found["/c"].mode, found["/j"].validate) == (0o755, Validation(("check", "-f", "%s")))
    assert "hunter2" not in repr(found)


def test_errors(folder: Path) -> None:
    text = """
files:
  /a: {content: x, src: app.ini}
  /b: {}
  /c: {src: none}
  /d: {src: files}
  /e: {content: x, mode: 0o9, owner: "a b"}
  /f: {content: x, validate: check}
  relative: {content: x}
  /: {content: x}
  /g: {content: x, state: absent}
  /h: {template: big}
  /i: {content: x, dest: /y}
  /j: {content: x, delete: true, exclude: a}
  /k: {directory: big}
  /l: {directory: none}
  /m: {directory: files, backup: true}
  /n: {directory: files, validate: {image: "web:1", command: check %s}}
  /o: {content: x, validate: {command: check}}
  /p: {content: x, validate: {image: "web:1", command: []}}
  /q: {content: x, validate: {image: "web:1", command: x, volumes: [data:/x, "/a:/b:z", "/a:b"], network: host}}
"""
    _, errors = resolved(folder, text)
    assert errors == [
        "files./a.src: 'src' and 'content' both say what is in the file; write one of them",
        "files./b.content: one of content, src, template, directory, archive is missing",
        f"files./c.src: there is no file {folder}/files/none or {folder}/none",
        f"files./d.src: {folder}/files is not a file",
        "files./e.mode: '0o9' is not an octal mode such as \"0440\"",
        "files./e.owner: 'a b' is neither a name nor an id",
        "files./f.validate: the command must contain %s, which stands for the new file",
        "files.relative: 'relative' is not an absolute path",
        "files./: '/' cannot be the path of a file",
        "files./g.content: a file that is absent has no content",
        f"files./h.template: {folder}/big is not UTF-8 text",
        "files./i: unknown key 'dest'",
        "files./j.delete: 'delete' is for a directory",
        "files./j.exclude: 'exclude' is for a directory",
        f"files./k.directory: {folder}/big is not a directory",
        f"files./l.directory: there is no directory {folder}/files/none or {folder}/none",
        "files./m.backup: 'backup' is for a file",
        "files./n.validate: %s stands for a file; for a directory, write a command without it, and an image",
        "files./o.validate: 'image' is missing",
        "files./p.validate: the command is empty",
        "files./q.validate.volumes[0]: 'data:/x' does not have the form /path/on/the/host:/path/in/the/container",
        "files./q.validate.volumes[1]: '/a:/b:z' does not have the form /path/on/the/host:/path/in/the/container",
        "files./q.validate.volumes[2]: '/a:b': 'b' is not an absolute path in the container",
        "files./q.validate: unknown key 'network'",
    ]


def test_what_must_accept_a_file_in_a_container(folder: Path) -> None:
    text = """
files:
  /etc/web:
    directory: files
    validate:
      image: web:1
      command: "web -t"
      volumes: [/etc/web:/conf:ro, /a:/b]
      extra_hosts: {app: 127.0.0.1}
      timeout: 1m
  /etc/one: {content: x, validate: {image: "web:1", command: [web, "%s"]}}
"""
    desired, errors = resolved(folder, text)
    assert errors == []
    found = {each.name: each.settings for each in desired.of(FileSettings)}
    pairs = (("/b", "/a"), ("/conf", "/etc/web"))
    whole = Validation(("web", "-t"), pairs, ("app:127.0.0.1",), 60)
    assert {each.validate for name, each in found.items() if name.startswith("/etc/web")} == {whole}
    assert found["/etc/one"].validate == Validation(("web", "%s"))
    assert {each.image for each in found.values()} == {"docker.io/library/web:1"}


def test_everything_in_a_directory_is_a_resource(folder: Path) -> None:
    for name, mode in (("app/run.sh", 0o755), ("app/conf/a.conf", 0o640), ("app/a.bak", 0o644), ("app/.git/x", 0o644)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode)
    (folder / "app/conf/link").symlink_to("../run.sh")
    (folder / "app/away").symlink_to("conf")
    text = """
files:
  /srv/app: {directory: app, exclude: ["*.bak", .git], owner: www-data, directory_mode: 0750, delete: yes}
  /srv/same: {directory: app, mode: 0600, exclude: [conf, "*.bak", .git/x]}
"""
    desired, errors = resolved(folder, text)
    assert errors == []
    found = {
        each.name: (str(each.settings.kind), each.settings.mode, each.settings.target, each.settings.owner)
        for each in desired.of(FileSettings)
    }
    assert found == {
        "/srv/app": ("directory", 0o750, "", "www-data"),
        "/srv/app/away": ("link", None, "conf", "www-data"),
        "/srv/app/conf": ("directory", 0o750, "", "www-data"),
        "/srv/app/conf/a.conf": ("file", 0o640, "", "www-data"),
        "/srv/app/conf/link": ("link", None, "../run.sh", "www-data"),
        "/srv/app/run.sh": ("file", 0o755, "", "www-data"),
        "/srv/same": ("directory", None, "", ""),
        "/srv/same/.git": ("directory", None, "", ""),
        "/srv/same/away": ("link", None, "conf", ""),
        "/srv/same/run.sh": ("file", 0o600, "", ""),
    }
    (folder / "app/a\nb").write_text("")
    assert resolved(folder, text)[1] == [
        "files./srv/app.directory: '/srv/app/a\nb' cannot be the path of a file",
        "files./srv/same.directory: '/srv/same/a\nb' cannot be the path of a file",
    ]


def archive(path: Path, **members: str | bytes) -> None:
    """A text that begins with `->` is a link."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            if isinstance(content, str) and content.startswith("->"):
                member.type, member.linkname = tarfile.SYMTYPE, content[2:]
                tar.addfile(member)
                continue
            data = content if isinstance(content, bytes) else content.encode()
            member.size, member.mode = len(data), 0o750
            tar.addfile(member, io.BytesIO(data))


def test_everything_in_an_archive_is_a_resource(folder: Path) -> None:
    archive(folder / "files/app.tgz", run="run", sub__big=BIG, sub__link="->big", no="x")
    text = "files: {/srv/app: {archive: app.tgz, exclude: 'no', delete: true}}"
    desired, errors = resolved(folder, text)
    assert errors == []
    found = {each.name: each.settings for each in desired.of(FileSettings)}
    assert list(found) == ["/srv/app", "/srv/app/run", "/srv/app/sub/big", "/srv/app/sub/link"]
    big = found["/srv/app/sub/big"].source
    assert big is not None
    assert (big.size, big.path, big.member) == (len(BIG), str(folder / "files/app.tgz"), "sub/big")
    assert (found["/srv/app/run"].mode, found["/srv/app/sub/link"].target) == (0o750, "big")

    archive(folder / "up.tgz", **{"..__up": "x"})
    archive(folder / "through.tgz", a="->/etc", a__passwd="x")
    text = "files: {/a: {archive: up.tgz}, /b: {archive: through.tgz}, /c: {archive: big}}"
    assert resolved(folder, text)[1] == [
        f"files./a.archive: {folder}/up.tgz contains '../up', which is not below it",
        f"files./b.archive: {folder}/through.tgz contains a/passwd, which is behind the link a",
        f"files./c.archive: {folder}/big is no tar archive, or is damaged",
    ]
