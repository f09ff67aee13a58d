"""Which containers `start`, `stop`, … change, in which order, and what they refuse."""

from __future__ import annotations

import pytest

from deployer.planning.lifecycle import Asked, Member, Verb, tasks


def member(name: str, state: str = "running", needs: str = "", shares: str = "", follows: str = "") -> Member:
    """Of project shop; a name `other/…` is a container of no project, `job.…` of a job."""
    project = "" if name.startswith("other/") else "shop"
    name = name.removeprefix("other/")
    kind = "job" if name.startswith("job.") else "container"
    name = name.removeprefix("job.")
    shared = frozenset(shares.split())
    needed = frozenset(needs.split()) | shared | frozenset(follows.split())
    resource = f"{kind}.{name}" if project else ""
    return Member(name, f"id-{name}", state, project, resource, needed, shared, frozenset(follows.split()))


def shown(asked: Asked, chosen: str, *members: Member) -> str:
    """`web api: reason | db`, and refusals after `!`."""
    found = tasks(asked, set(chosen.split()), members)
    levels = [
        " ".join(f"{task.member.name}{f' ({task.reason})' if task.reason else ''}" for task in level)
        for level in found.levels
    ]
    return " | ".join(levels) + "".join(f" ! {text}" for text in found.refusals)


SHOP = (member("db"), member("cache"), member("api", needs="db cache"), member("web", needs="api"))


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (Verb.STOP, "web | api | cache db"),
        (Verb.KILL, "web | api | cache db"),
        (Verb.PAUSE, "web | api | cache db"),
        (Verb.RESTART, "cache db | api | web"),
        (Verb.START, ""),
        (Verb.UNPAUSE, ""),
    ],
)
def test_order_of_dependencies(verb: Verb, expected: str) -> None:
    assert shown(Asked(verb), "db cache api web", *SHOP) == expected


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        (Verb.START, "created dead exited"),
        (Verb.STOP, "paused restarting running"),
        (Verb.RESTART, "created dead exited paused restarting running"),
        (Verb.KILL, "paused restarting running"),
        (Verb.PAUSE, "running"),
        (Verb.UNPAUSE, "paused"),
        (Verb.REMOVE, "created dead exited paused restarting running"),
    ],
)
def test_states_that_are_changed(verb: Verb, expected: str) -> None:
    members = [member(state, state) for state in ("created", "dead", "exited", "paused", "restarting", "running")]
    assert shown(Asked(verb, stop=True), "created dead exited paused restarting running", *members) == expected


def test_only_what_is_chosen_counts_for_the_order() -> None:
    assert shown(Asked(Verb.STOP, ("web", "db")), "web db", *SHOP) == "db web"


def test_a_circle_is_one_level() -> None:
    assert shown(Asked(Verb.STOP), "a b c", member("a", needs="b"), member("b", needs="a"), member("c")) == "a b c"


def test_jobs_only_by_name() -> None:
    members = (member("web", "exited"), member("job.migrate", "exited"))
    assert shown(Asked(Verb.START), "web migrate", *members) == "web"
    assert shown(Asked(Verb.START, ("mig*",)), "migrate", *members) == "migrate"


def test_containers_of_no_project_only_on_request() -> None:
    members = (member("web"), member("other/proxy"))
    assert shown(Asked(Verb.STOP), "web proxy", *members) == "web"
    assert shown(Asked(Verb.STOP, ("*",)), "web proxy", *members) == "web"
    assert shown(Asked(Verb.STOP, foreign=True), "web proxy", *members) == "proxy web"
    assert shown(Asked(Verb.STOP, ("proxy",)), "proxy", *members) == (
        "proxy ! proxy belongs to no project; --foreign includes it"
    )


def test_what_a_replacement_left_does_not_run_beside_its_successor() -> None:
    kept = Member("web.previous", "id", "exited", "shop", "container.web")
    assert shown(Asked(Verb.START, ("web.previous",)), "web.previous", member("web"), kept).endswith(
        "! web.previous is kept for a rollback, and does not run beside its successor"
    )
    assert shown(Asked(Verb.REMOVE, ("web.previous",)), "web.previous", member("web"), kept) == "web.previous"


class TestRestart:
    def test_containers_in_its_namespaces_are_restarted_too_if_they_run(self) -> None:
        members = (
            member("vpn"),
            member("app", shares="vpn"),
            member("side", shares="app"),
            member("off", "exited", shares="vpn"),
        )
        assert shown(Asked(Verb.RESTART, ("vpn",)), "vpn", *members) == (
            "vpn | app (shares a namespace of vpn) | side (shares a namespace of app)"
        )

    def test_depends_on_with_restart(self) -> None:
        members = (member("db"), member("api", follows="db"), member("web", needs="api"))
        assert shown(Asked(Verb.RESTART, ("db",)), "db", *members) == "db | api (depends on db with restart: true)"


class TestRemove:
    def test_what_runs_is_stopped_only_on_request(self) -> None:
        assert shown(Asked(Verb.REMOVE), "web", member("web")) == "web ! web is running; --stop stops it first"
        assert shown(Asked(Verb.REMOVE, stop=True), "web", member("web")) == "web"

    def test_a_container_whose_namespaces_others_share_stays(self) -> None:
        members = (member("vpn", "exited"), member("app", "exited", shares="vpn"))
        assert shown(Asked(Verb.REMOVE, ("vpn",)), "vpn", *members) == (
            "vpn ! app shares a namespace of vpn; name it too"
        )
        assert shown(Asked(Verb.REMOVE, ("vpn", "app")), "vpn app", *members) == "app | vpn"
