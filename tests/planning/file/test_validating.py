"""Files that a command must accept: before anything changes, with everything that is new, and once for all that require
the same."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.desired import Desired
from deployer.model.operations import ValidateFiles
from deployer.model.plan import HostPlan
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy
from tests.planning.build import EMPTY, applied, changes, nothing, plan, play, refusals, steps, stub
from tests.planning.file.test_files import there

TEST = "{image: nginx:1, command: [nginx, -t], volumes: ['/etc/web:/etc/nginx/conf.d:ro', '/srv/certs:/certs']}"
FILES = f"""
files:
  /etc/web/a.conf: {{content: a, validate: {TEST}}}
  /etc/web/sub/b.conf: {{content: b, validate: {TEST}}}
  /etc/web/c.conf: {{content: c}}
  /etc/other: {{content: o}}
"""
ALL = ("/etc/web/a.conf", "/etc/web/sub/b.conf", "/etc/web/c.conf", "/etc/other")
NGINX = "docker.io/library/nginx:1"


def operations(found: HostPlan) -> list[ValidateFiles]:
    return [step.operation for step in found.steps if isinstance(step.operation, ValidateFiles)]


def one(wish: str | Desired) -> ValidateFiles:
    (found,) = operations(plan(wish, applied("")))
    return found


def inside(found: ValidateFiles) -> dict[str, str]:
    """What is new in the container, and where it goes on the host."""
    return {target: operation.path for target, operation in found.files}


def test_everything_else_comes_after_it() -> None:
    found = plan(FILES + "networks: {front: {}}\ncontainers: {web: {image: 'web:1'}}", applied(""))
    assert steps(found)[:3] == [
        f"#1 image.nginx:1, PullImage {NGINX}, pull",
        "[1] -> #2 file./etc/web/a.conf, ValidateFiles /etc/web/a.conf and 1 more, before anything changes",
        "[2] -> #3 file./etc/other, WriteManifest deployer.manifest.shop.1, what is written is on record",
    ]
    assert all(2 in step.needs for step in found.steps[2:])
    assert found.notes[0] == (
        "file./etc/web/a.conf, file./etc/web/sub/b.conf: must be accepted by nginx -t in nginx:1, "
        "with /srv/certs as /certs, with /etc/web as /etc/nginx/conf.d"
    )
    assert "image.nginx:1" in {change.address.label for change in found.changes}


def test_what_the_command_sees() -> None:
    found = one(FILES)
    assert (found.copied, found.mounted) == ((("/etc/nginx/conf.d", "/etc/web"),), (("/certs", "/srv/certs"),))
    assert inside(found) == {
        "/etc/nginx/conf.d/a.conf": "/etc/web/a.conf",
        "/etc/nginx/conf.d/c.conf": "/etc/web/c.conf",
        "/etc/nginx/conf.d/sub/b.conf": "/etc/web/sub/b.conf",
    }
    assert (found.command, found.timeout, found.secret) == (("nginx", "-t"), 30.0, False)
    alone = one(
        "files: {/etc/a: {content: a, validate: {image: nginx:1, command: check %s, timeout: 5s}}, /b: {content: b}}"
    )
    assert (inside(alone), alone.command, alone.timeout) == ({"/etc/a": "/etc/a"}, ("check", "/etc/a"), 5.0)


def test_mounts_in_mounts() -> None:
    """The inner one counts; a file that is mounted by itself comes over a copy of what is around it."""
    nested = FILES.replace("'/srv/certs:/certs'", "/srv/x:/etc/nginx/conf.d/sub")
    found = one(nested)
    assert found.mounted == (("/etc/nginx/conf.d/sub", "/srv/x"),)
    assert sorted(inside(found)) == ["/etc/nginx/conf.d/a.conf", "/etc/nginx/conf.d/c.conf"]
    single = one(
        FILES.replace("'/etc/web:/etc/nginx/conf.d:ro', '/srv/certs:/certs'", "/srv/x:/x, '/etc/web/a.conf:/x/y'")
    )
    assert (single.copied, single.mounted) == ((("/x", "/srv/x"),), ())
    assert inside(single) == {"/x/y": "/etc/web/a.conf", "/etc/web/sub/b.conf": "/etc/web/sub/b.conf"}
    whole = one("files: {/etc/web: {content: x, validate: {image: nginx:1, command: 'c %s', volumes: '/etc/web:/y'}}}")
    assert (whole.copied, whole.command) == ((), ("c", "/y"))


def test_it_runs_only_if_anything_changes_that_it_sees() -> None:
    known = {path: there(text, path, mode=0o644) for path, text in zip(ALL, "abco", strict=True)}
    host = replace(applied(FILES), files=known)
    assert nothing(replace(plan(FILES, host), notes=()))
    other = plan(FILES.replace("content: o", "content: p"), host)
    assert (operations(other), len(other.changes)) == ([], 1)
    mode = plan(FILES.replace("content: a", "content: a, mode: 0600"), host)
    assert (operations(mode), changes(mode)) == (
        [],
        ["~ file./etc/web/a.conf (not written by this project): mode 0644 → 0600"],
    )
    beside = plan(FILES.replace("content: c", "content: d"), host)
    (found,) = operations(beside)
    assert (found.paths, inside(found)) == (ALL[:2], {"/etc/nginx/conf.d/c.conf": "/etc/web/c.conf"})
    assert [change.address.label for change in beside.changes] == ["file./etc/web/c.conf"]
    assert beside.steps[0].address.name == "/etc/web/c.conf"


def test_what_goes_is_not_seen_any_more() -> None:
    known = {path: there(text, path, mode=0o644) for path, text in zip(ALL, "abco", strict=True)}
    host = replace(applied(FILES), files=known)
    (found,) = operations(plan(FILES.replace("{content: c}", "{state: absent}"), host))
    assert (found.gone, found.copied, found.files) == (
        ("/etc/nginx/conf.d/c.conf",),
        (("/etc/nginx/conf.d", "/etc/web"),),
        (),
    )
    single = FILES.replace("'/srv/certs:/certs'", "'/etc/other:/x'").replace("{content: o}", "{state: absent}")
    (found,) = operations(plan(single, host))
    assert (found.gone, found.copied, found.mounted) == ((), (), (("/etc/nginx/conf.d", "/etc/web"),))


def test_a_command_that_names_the_file_runs_for_each() -> None:
    each = FILES.replace("[nginx, -t]", "[nginx, -c, '%s']")
    found = operations(plan(each, applied("")))
    assert [(check.paths, check.command[-1]) for check in found] == [
        (("/etc/web/a.conf",), "/etc/nginx/conf.d/a.conf"),
        (("/etc/web/sub/b.conf",), "/etc/nginx/conf.d/sub/b.conf"),
    ]
    assert len({check.name for check in found}) == 2
    other = operations(plan(each.replace("nginx, -c", "nginx, -t"), applied("")))
    assert [check.name for check in other] == [check.name for check in found]


def test_the_image_comes_as_the_play_says_elsewhere() -> None:
    found = plan(FILES + "containers: {web: {image: 'nginx:1', platform: linux/arm64}}", applied(""))
    assert (steps(found)[0], operations(found)[0].platform) == (
        f"#1 image.nginx:1, PullImage {NGINX} for linux/arm64, pull",
        "linux/arm64",
    )
    never = plan(FILES + "containers: {web: {image: 'nginx:1', pull: never}}", replace(applied(""), tags={}))
    assert refusals(never) == [
        "file./etc/web/a.conf: image nginx:1 is not on the host",
        "container.web: image nginx:1 is not on the host",
    ]


def test_secrets() -> None:
    """Of a secret file nothing is shown, also if it only lies beside the others."""
    text = FILES.replace("content: c", "content: '{{ pw }}'").replace("[nginx, -t]", "[nginx, 'a {{ pw }}']")
    found = plan(play(text, secrets={"pw": "hunter's"}), applied(""))
    assert operations(found)[0].secret
    assert "hunter" not in f"{found}{found!r}{found.notes}"
    assert "must be accepted by nginx '***' in nginx:1" in found.notes[0]


def test_on_the_host_it_is_said_too() -> None:
    found = plan("files: {/a: {content: a, validate: 'check %s'}, /b: {content: a, validate: 'check %s'}}", applied(""))
    assert (operations(found), found.notes) == ([], ("file./a, file./b: must be accepted by check %s on the host",))


def test_nothing_is_validated_that_does_not_change() -> None:
    assert nothing(plan(EMPTY, applied("")))
    gone = plan("files: {/etc/a: {state: absent, validate: {image: nginx:1, command: x}}}", applied(""))
    assert nothing(gone)


def test_what_a_killed_run_left_goes_when_the_project_is_pruned_or_destroyed() -> None:
    left = (
        stub("deployer.validate.1", validates="shop"),
        stub("deployer.validate.1.copy", state="created", validates="shop"),
        stub("deployer.validate.2", validates="other"),
    )
    host = replace(applied(""), others=left)
    assert nothing(plan(EMPTY, host))
    for found in (plan(EMPTY, host, prune=True), destroy(EMPTY, host, Policy())):
        assert steps(found) == [
            "#1 container.deployer.validate.1, StopContainer deployer.val, left by an interrupted run",
            "[1] -> #2 container.deployer.validate.1, RemoveContainer deployer.val, left by an interrupted run",
            "#3 container.deployer.validate.1.copy, RemoveContainer deployer.val, left by an interrupted run",
        ]
    (check,) = (step for step in plan(FILES, host, prune=True).steps if isinstance(step.operation, ValidateFiles))
    assert {2, 3} <= set(check.needs)
