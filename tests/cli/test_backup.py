"""`deployer backup` and `deployer volume`, on simulated hosts."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from deployer.usecases.backup_file import Header, write
from tests import s3
from tests.cli.runs import Shop

PLAYBOOK = """\
- hosts: {hosts}
  project: data
  volumes:
    db-data:
      backup: {{to: kept/here, keep: 2, schedule_hint: daily}}
    cache: {{}}
  containers:
    db: {{image: "example/db:1", volumes: ["db-data:/data"], update: {{monitor: 0s}}}}
"""


@pytest.fixture
def site(shop: Shop) -> Shop:
    shop.write("data.yml", PLAYBOOK.format(hosts="web"))
    assert shop.run("apply", "-i", "hosts.yml", "data.yml", "--yes").code == 0
    return shop


def older_data(host: str) -> bytes:
    target = io.BytesIO()
    write(target, Header(volume="db-data", host=host, made="2001-01-01T00:00:00Z"), [b"data"])
    return target.getvalue()


def older(folder: Path, host: str, year: int) -> str:
    file = folder / f"{host}-db-data-{year}0101T000000Z.tar.zst"
    folder.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as target:
        write(target, Header(volume="db-data", host=host, made=f"{year}-01-01T00:00:00Z"), [b"data"])
    return f"kept/here/{file.name}"


def test_declared_backups_are_made_and_old_ones_removed(site: Shop) -> None:
    folder = site.folder / "kept/here"
    old = [older(folder, "web1", year) for year in (2001, 2003, 2002)]
    (folder / "notes.txt").touch()
    (folder / "broken.tar.zst").write_bytes(b"text")
    mine = Path(older(folder, "web1", 2000)).name
    (folder / mine).rename(folder / "before-upgrade.tar.zst")
    ran = site.run("backup", "run", "-i", "hosts.yml", "data.yml", "--yes", "--json")
    first, second = json.loads(ran.out)["backups"]
    assert (ran.code, first["place"], second["place"]["host"]) == (0, {"host": "web1", "volume": "db-data"}, "web2")
    assert (first["removed"], second["removed"]) == ([old[0], old[2]], [])
    listed = site.run("backup", "list", "-i", "hosts.yml", "data.yml", "--json")
    found = json.loads(listed.out)["backups"]
    assert [(each["host"], each["file"]) for each in found] == [
        ("", "kept/here/broken.tar.zst"),
        ("web1", "kept/here/before-upgrade.tar.zst"),
        ("web1", old[1]),
        ("web1", first["file"]),
        ("web2", second["file"]),
    ]
    assert (listed.code, found[0]["problem"]) == (3, "is not a complete backup of a volume")
    table = site.run("backup", "list", "-i", "hosts.yml", "data.yml")
    assert "kept/here/broken.tar.zst is not a complete backup of a volume" in table.words
    assert (site.folder / first["file"]).stat().st_mode & 0o777 == 0o600
    assert site.run("plan", "-i", "hosts.yml", "data.yml", "--detailed-exitcode").code == 0


def test_what_would_be_done(site: Shop) -> None:
    found = site.run("backup", "run", "-i", "hosts.yml", "data.yml", "--check", "--limit", "web2")
    assert (found.code, found.words) == (
        0,
        ["VOLUME (simulated) TO KEEP CONTAINERS SCHEDULE", "web2/db-data kept/here 2 are stopped daily"],
    )
    refused = site.run("backup", "run", "-i", "hosts.yml", "data.yml")
    assert (refused.code, "add --yes" in refused.err) == (5, True)
    assert not (site.folder / "kept").exists()


def test_one_failure_does_not_stop_the_others(site: Shop) -> None:
    site.write("more.yml", "all: {children: {web: {hosts: {web1: {connection: local, docker_socket: /no}}}}}\n")
    site.write("web.yml", PLAYBOOK.format(hosts="web:db"))
    found = site.run("backup", "run", "-i", "hosts.yml", "-i", "more.yml", "web.yml", "--yes")
    assert found.code == 4
    assert "web1/db-data: failed: " in found.err
    assert "db1/db-data: failed: db1 has no volume 'db-data'" in found.err
    assert "web2/db-data (simulated) kept/here 2 are stopped daily" in found.words
    (made,) = [line for line in found.out.splitlines() if line.startswith("web2/db-data → kept/here/web2-db-data-")]
    assert made.endswith(" (simulated)")


def test_errors(site: Shop) -> None:
    for text, said in (
        ("{keep: 2}", "'to' is missing"),
        ("{to: x, containers: freeze}", "one of stop, pause, live"),
        ("{to: x, keeps: 2}", "did you mean 'keep'"),
        ("{to: 'gs://x/y'}", "write a folder, HOST:/FOLDER or s3://BUCKET/PREFIX"),
        ("{to: 'host:x'}", "no absolute path after the host"),
    ):
        site.write("bad.yml", f"- hosts: web\n  volumes: {{data: {{backup: {text}}}}}\n")
        found = site.run("validate", "-i", "hosts.yml", "bad.yml")
        assert (found.code, said in found.err) == (1, True), found.err
    site.write("none.yml", "- hosts: web\n  volumes: {data: {}}\n")
    found = site.run("backup", "run", "-i", "hosts.yml", "none.yml", "--yes")
    assert (found.code, "has the key 'backup'" in found.err) == (5, True)


@pytest.mark.parametrize(
    ("to", "places"),
    [
        ("host:/srv/kept", ("web1:/srv/kept", "web2:/srv/kept")),
        ("db1:/srv", ("db1:/srv", "db1:/srv")),
    ],
)
def test_backups_on_hosts(site: Shop, to: str, places: tuple[str, str]) -> None:
    """On the volume's own host, and on another one; the oldest go, and files of others stay."""
    site.write(
        "data.yml", PLAYBOOK.format(hosts="web").replace("kept/here, keep: 2", f"'{to}', keep: '{{{{ kept }}}}'")
    )
    words = ("backup", "run", "-i", "hosts.yml", "data.yml", "--yes", "--json", "-e", "kept=1")
    ran = site.run(*words)
    made = [each["file"].rpartition("/") for each in json.loads(ran.out)["backups"]]
    assert (ran.code, [each[0] for each in made]) == (0, list(places)), ran.out
    kept, mine = f"{places[0]}/web1-db-data-20010101T000000Z.tar.zst", f"{places[0]}/mine.tar.zst"
    for name in (kept, mine):
        copied = site.run("volume", "backup", "web1/db-data", "-o", name, "-i", "hosts.yml", "--yes")
        assert copied.code == 0, copied.err
    refused = site.run("volume", "backup", "web1/db-data", "-o", kept, "-i", "hosts.yml", "--yes")
    assert (refused.code, refused.err.splitlines()[0]) == (5, f"error: {kept} exists")
    again = json.loads(site.run(*words).out)["backups"]
    listed = json.loads(site.run("backup", "list", "-i", "hosts.yml", "data.yml", "--json", "-e", "kept=1").out)[
        "backups"
    ]
    assert {each["file"] for each in listed} == {mine, *(each["file"] for each in again if each["file"])}
    assert len(again[0]["removed"]) == len({kept, "/".join(made[0][::2])} - {again[0]["file"]})
    back = site.run("volume", "restore", again[0]["file"], "db1/back", "-i", "hosts.yml", "--yes")
    assert back.code == 0, back.err


def test_names_that_look_alike(site: Shop) -> None:
    site.write("hosts.yml", "all: {vars: {connection: simulated}, hosts: {a: {}, a-bb: {}}}\n")
    text = "- {hosts: HOST, project: p, volumes: {NAME: {backup: {to: here}}}}\n"
    plays = text.replace("HOST", "a").replace("NAME", "bb-cc") + text.replace("HOST", "a-bb").replace("NAME", "cc")
    site.write("data.yml", plays)
    assert site.run("apply", "-i", "hosts.yml", "data.yml", "--yes").code == 0
    ran = site.run("backup", "run", "-i", "hosts.yml", "data.yml", "--yes", "--json")
    listed = json.loads(site.run("backup", "list", "-i", "hosts.yml", "data.yml", "--json").out)["backups"]
    assert [(ran.code, each["host"], each["volume"]) for each in listed] == [(0, "a", "bb-cc"), (0, "a-bb", "cc")]


def test_a_host_that_is_not_there(site: Shop) -> None:
    site.write("data.yml", PLAYBOOK.format(hosts="web1").replace("kept/here", "'db2:/srv'"))
    found = site.run("backup", "run", "-i", "hosts.yml", "data.yml", "--yes")
    assert found.code == 1
    said = "data.yml:4:5: volume.db-data.backup.to: the inventory has no host 'db2'; did you mean 'db1'?"
    assert found.err.startswith(said), found.err


def test_backups_in_a_bucket(site: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the playbook or of the environment are shown nowhere."""
    with s3.server() as address:
        keys = f"s3: {{endpoint_url: '{address}', access_key: {s3.KEY}, secret_key: '{{{{ key }}}}'}}"
        text = PLAYBOOK.format(hosts="web1").replace("kept/here", f"'s3://{s3.BUCKET}/of/web', {keys}")
        site.write("data.yml", text.replace("keep: 2", "keep: 1"))
        extra = ("-i", "hosts.yml", "data.yml", "--extra-vars", f"key={s3.SECRET}")
        for name in ("web1-db-data-20010101T000000Z.tar.zst", "web1-db-data-old.tar.zst", "notes.txt"):
            s3.client(address).put_object(Bucket=s3.BUCKET, Key=f"of/web/{name}", Body=older_data("web1"))
        ran = site.run("backup", "run", *extra, "--yes", "--json", "-v")
        (made,) = json.loads(ran.out)["backups"]
        start = f"s3://{s3.BUCKET}/of/web/"
        assert (ran.code, made["removed"]) == (0, [f"{start}web1-db-data-20010101T000000Z.tar.zst"]), ran.out
        names = [made["file"].removeprefix(start), "web1-db-data-old.tar.zst"]
        assert s3.keys(address) == sorted(f"of/web/{name}" for name in (*names, "notes.txt"))
        listed = site.run("backup", "list", *extra)
        assert [line.split()[-1] for line in listed.words[1:]] == [f"{start}{name}" for name in reversed(names)]
        plan = site.run("plan", *extra, "--json")
        with_it = ("--playbook", "data.yml", "--extra-vars", f"key={s3.SECRET}", "-i", "hosts.yml", "--yes")
        same = site.run("volume", "restore", made["file"], "db1/same", *with_it)
        assert same.code == 0, same.err
        elsewhere = site.run("volume", "restore", "s3://other-bucket/x", "db1/same", *with_it)
        assert (elsewhere.code, "no backup of these playbooks goes to s3://other-bucket" in elsewhere.err) == (5, True)
        site.write("data.yml", (site.folder / "data.yml").read_text().replace(s3.BUCKET, "no-such-bucket"))
        wrong = site.run("backup", "run", *extra, "--yes", "--debug")
        assert (wrong.code, "s3://no-such-bucket/of/web: The specified" in wrong.err) == (3, True), wrong.err
        assert "stopped" not in wrong.err, wrong.err
        at_two = "\n    other: {backup: {to: here}}\n  containers:"
        site.write("data.yml", (site.folder / "data.yml").read_text().replace("\n  containers:", at_two))
        apart = site.run("backup", "list", *extra)
        assert (apart.code, apart.words) == (3, listed.words[:1]), apart.out
        assert "error: s3://no-such-bucket/of/web: " in apart.err, apart.err
        for name, value in (("ENDPOINT_URL", address), ("ACCESS_KEY_ID", s3.KEY), ("SECRET_ACCESS_KEY", s3.SECRET)):
            monkeypatch.setenv(f"AWS_{name}", value)
        back = site.run("volume", "restore", made["file"], "db1/back", "-i", "hosts.yml", "--yes")
        assert back.code == 0, back.err
        missing = site.run("volume", "restore", f"{start}nothing", "db1/back", "-i", "hosts.yml", "--yes")
        assert (missing.code, f"{start}nothing does not exist" in missing.err) == (3, True), missing.err
        said = site.run("volume", "backup", "web1/db-data", "-o", f"{start}one", "-i", "hosts.yml", "--yes", "--debug")
        assert (said.code, "of/web/one" in s3.keys(address)) == (0, True), said.err
    for found in (ran, listed, plan, same, wrong, back, missing, said, apart):
        assert "s3ntinel" not in found.out + found.err
    state = [path.read_bytes() for path in site.folder.rglob("*") if path.is_file()]
    assert not any(b"s3ntinel" in each for each in state)


def test_a_bucket_without_credentials(site: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = site.run("volume", "backup", "web1/db-data", "-o", "s3://any-bucket/x", "-i", "hosts.yml", "--yes")
    assert (found.code, "there are no credentials for s3://any-bucket" in found.err) == (3, True)
    assert "AWS_ACCESS_KEY_ID" in found.err


def test_volumes_that_cannot_be_copied(site: Shop) -> None:
    for words, code, said in (
        (("backup", "web1/nothing"), 3, "web1 has no volume 'nothing'"),
        (("backup", "web9/db-data"), 1, "the inventory has no host 'web9'"),
        (("backup", "web1"), 1, "'web1' does not have the form HOST/NAME"),
        (("migrate", "web1/db-data", "web1"), 1, "source and target are the same volume"),
        (("migrate", "web1/cache", "db1", "--exact"), 5, "no container uses web1/cache"),
        (("backup", "web1/db-data", "--image", "example/db:1"), 3, "has no GNU tar"),
        (("backup", "web1/db-data", "--image", "no:1"), 3, "image no:1 is not on the host"),
        (("restore", "missing.zst", "web1/db-data"), 1, "missing.zst cannot be read"),
        (("backup", "web1/deployer.history.data.1"), 5, "keeps its records"),
    ):
        found = site.run("volume", *words, "-i", "hosts.yml", "--yes")
        assert (found.code, said in found.err) == (code, True), found.err
    assert list(site.folder.glob("*.partial")) == []


def test_what_a_killed_restore_kept_is_named(site: Shop) -> None:
    folder = site.folder / "state/deployer/volumes"
    folder.mkdir(parents=True)
    for name in ("web1-db-data", "web2-db-data", "web1-db-data-old"):
        (folder / f"{name}-2024-01-02T030405Z.tar.zst").touch()
    found = site.run("volume", "backup", "web1/db-data", "-i", "hosts.yml", "-o", "it.zst", "--check")
    said = "web1/db-data: a run did not end that replaced its content; what was there before is in "
    named = [line for line in found.out.splitlines() if said in line]
    assert named == [f"  {said}{folder}/web1-db-data-2024-01-02T030405Z.tar.zst"]
