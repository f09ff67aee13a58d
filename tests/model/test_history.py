"""What goes on record, and what is read back."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.fields.field import Change
from deployer.model.desired import Address, Kind
from deployer.model.history import (
    Ending,
    Record,
    RecordedChange,
    RecordedMove,
    changes_of,
    fields_of,
    is_proven,
    left_record,
    moved_away,
    parse_change,
    read_records,
    recorded_move,
    replaced_last,
    result_of,
    runs_of,
    unfinished_move,
)
from deployer.model.observed import Replaced
from deployer.model.operations import AwaitHealthy, Operation, RemoveImage
from deployer.model.outcome import Blocked, HostOutcome, Obstacle, Status, StepResult
from deployer.model.plan import (
    Action,
    Before,
    Counts,
    FieldDiff,
    HostPlan,
    Moved,
    MovedVolume,
    ResourceChange,
    Step,
    Unreachable,
)
from deployer.model.volume_names import newest, numbers
from deployer.model.volume_names import record as volume_name

RECORD = Record(
    project="shop",
    time="2026-01-02T12:00:00Z",
    who="ann@laptop",
    command="apply shop.yml",
    commit="abc1234+dirty",
    result="ok",
    version="1.0",
    counts=Counts(create=1, replace=2),
    changes=("+ container.web", "-/+ container.db (failed)"),
    number=7,
    pulled=(("docker.io/library/web:1", "sha256:1"),),
    declared=("docker.io/library/web:1",),
)


STARTED = replace(
    RECORD,
    number=8,
    result="started",
    counts=Counts(),
    changes=("-/+ container.web", "+ container.db", "-/+ network.front"),
    before=(
        Before(
            "web", "-/+", "0123456789ab", digest="sha256:2", fields={"image": "docker.io/library/web:1", "tty": None}
        ),
        Before("db", "+"),
    ),
)


def volume(record: Record) -> dict[str, Any]:
    return {"Name": volume_name(record.project, record.number), "Labels": record.labels}


def test_records_are_read_newest_first() -> None:
    older = replace(RECORD, number=6, time="2026-01-01T12:00:00Z")
    other = replace(RECORD, project="blog", number=1)
    volumes: list[dict[str, Any]] = [volume(older), {"Name": "data", "Labels": None}, volume(RECORD), volume(other)]
    assert read_records(volumes, "shop") == (RECORD, older)
    assert len(read_records(volumes)) == 3
    assert numbers(volumes, "shop") == [6, 7]
    assert (newest(volumes, "shop"), newest(volumes, "none")) == (7, 0)


def test_no_label_makes_it_a_resource_of_the_project() -> None:
    assert "deployer.project" not in RECORD.labels
    assert all(isinstance(text, str) for text in RECORD.labels.values())


def test_of_a_damaged_record_the_rest_is_read() -> None:
    bad = {"counts": "{", "changes": "7", "pulled": '["x", ["a", "b"]]', "declared": ""}
    labels = RECORD.labels | {f"deployer.history.{name}": text for name, text in bad.items()}
    (found,) = read_records([{"Name": "deployer.history.shop.7", "Labels": labels}])
    assert found == replace(RECORD, counts=Counts(), changes=(), pulled=(("a", "b"),), declared=())
    (bare,) = read_records([{"Name": "deployer.history.shop.1", "Labels": None}])
    assert (bare.project, bare.number) == ("shop", 1)
    assert read_records([{"Name": "deployer.history.shop.x", "Labels": {}}]) == ()


@pytest.mark.parametrize(
    "text", ["[" * 200_000, "[" * 900 + "]" * 900, '[1, null, {}, [], ["a"], ["a", 1], ["a", "b", "c"]]', "\x00", "{}"]
)
def test_a_damaged_label_counts_as_empty(text: str) -> None:
    labels = RECORD.labels | {f"deployer.history.{name}": text for name in ("counts", "changes", "pulled", "declared")}
    (found,) = read_records([{"Name": "deployer.history.shop.7", "Labels": labels}])
    assert found == replace(RECORD, counts=Counts(), changes=(), pulled=(), declared=())


def test_a_record_that_an_earlier_release_wrote_is_read() -> None:
    labels = {
        "deployer.history.project": "shop",
        "deployer.history.time": "2026-01-02T12:00:00Z",
        "deployer.history.who": "ann@laptop",
        "deployer.history.command": "apply shop.yml",
        "deployer.history.commit": "abc1234+dirty",
        "deployer.history.result": "ok",
        "deployer.history.version": "1.0",
        "deployer.history.counts": '{"create": 1, "update": 0, "replace": 2, "remove": 0, "run": 0}',
        "deployer.history.changes": '["+ container.web", "-/+ container.db (failed)"]',
        "deployer.history.pulled": '[["docker.io/library/web:1", "sha256:1"]]',
        "deployer.history.declared": '["docker.io/library/web:1"]',
    }
    assert read_records([{"Name": "deployer.history.shop.7", "Labels": labels}]) == (replace(RECORD, before=None),)


def test_the_start_of_a_run_is_on_record_until_it_ends() -> None:
    start = {"Name": "deployer.history.shop.8.started", "Labels": STARTED.labels}
    assert STARTED.labels["deployer.history.before"] == (
        '[{"name":"web","action":"-/+","id":"0123456789ab","digest":"sha256:2",'
        '"fields":{"image":"docker.io/library/web:1","tty":null}},{"name":"db","action":"+"}]'
    )
    assert read_records([volume(RECORD), start]) == (STARTED, RECORD)
    assert (numbers([volume(RECORD), start], "shop"), newest([start], "shop")) == ([7, 8], 8)
    ended = replace(STARTED, result="ok", changes=("-/+ container.web",))
    for volumes in ([start, volume(ended)], [volume(ended), start]):
        assert read_records(volumes) == (ended,)
        assert numbers(volumes, "shop") == [8]


def test_what_a_killed_run_was_to_replace_is_what_was_replaced_last() -> None:
    older = replace(RECORD, changes=("-/+ container.api",), before=None)
    assert replaced_last([STARTED, older]) == Replaced(8, {"web": "0123456789ab"})
    assert replaced_last([replace(STARTED, changes=("-/+ container.web (rolled back)",)), older]) == Replaced(
        7, {"api": ""}
    )
    assert replaced_last([]) == Replaced()
    assert not is_proven([STARTED, replace(RECORD, changes=("+ container.web",))], "web")
    assert is_proven([STARTED, replace(RECORD, changes=("+ container.api",))], "api")


def test_the_plays_of_one_run_are_one_run() -> None:
    one = ((("image", "a", "b"),),)
    first = replace(
        RECORD,
        run="r1",
        changes=("-/+ container.web", "+ container.x"),
        before=(Before("web", "-/+", "w1"),),
        fields=one,
    )
    second = replace(
        first, number=9, time="2026-01-02T12:00:05Z", changes=("-/+ container.db",), before=(Before("db", "-/+", "d1"),)
    )
    other = replace(first, number=8, time="2026-01-02T12:00:03Z", run="r2", changes=("-/+ container.y",))
    old = replace(RECORD, number=6, time="2026-01-01T12:00:00Z")
    known = read_records([volume(found) for found in (first, second, other, old)])
    assert known == (second, other, first, replace(old))
    assert replaced_last(known) == Replaced(7, {"db": "d1", "web": "w1"})
    assert replaced_last(known[1:]) == Replaced(8, {"y": ""})
    whole, *rest = runs_of(known)
    assert rest == [other, old]
    assert (whole.number, whole.time, whole.counts) == (9, second.time, Counts(create=2, replace=4))
    assert whole.changes == ("-/+ container.web", "+ container.x", "-/+ container.db")
    assert whole.fields == (*one, (), *one)
    assert [before.id for before in whole.before or ()] == ["w1", "d1"]
    assert [found.result for found in runs_of((second, replace(first, result="failed")))] == ["failed"]
    assert runs_of((replace(second, run=""), replace(first, run=""))) == (
        replace(second, run=""),
        replace(first, run=""),
    )


@pytest.mark.parametrize(
    "text",
    [
        "[" * 900,
        '[{"name": 1}]',
        '[{"name": "a"}]',
        "{}",
        '[{"name":"a","action":"+","fields":' + '{"a":' * 30 + "1" + "}" * 32 + "]",
    ],
)
def test_damaged_notes_of_what_was_before_count_as_missing(text: str) -> None:
    (found,) = read_records([{"Name": "deployer.history.shop.8", "Labels": {"deployer.history.before": text}}])
    assert found.before is None


def outcome(*statuses: Status, undo: tuple[Operation, ...] = ()) -> HostOutcome:
    addresses = [Address("web1", Kind.IMAGE, f"i{number}") for number in range(len(statuses))]
    changes = tuple(ResourceChange(address, Action.REMOVE) for address in addresses)
    results = tuple(
        StepResult(Step(number, RemoveImage("x"), address, "", undo=undo), status)
        for number, (address, status) in enumerate(zip(addresses, statuses, strict=True))
    )
    return HostOutcome(HostPlan("web1", "shop", changes), results)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (outcome(Status.DONE), "ok"),
        (outcome(Status.DONE, Status.FAILED), "failed"),
        (outcome(Status.FAILED, Status.UNDONE), "rolled back"),
        (outcome(Status.FAILED, Status.UNDONE, Status.DONE), "rolled back"),
        (outcome(Status.FAILED, Status.UNDONE, Status.DONE, undo=(RemoveImage("x"),)), "failed"),
        (replace(outcome(Status.DONE, Status.SKIPPED), interrupted=True), "interrupted"),
        (replace(outcome(Status.FAILED), blocked=Blocked(Obstacle.LOST)), "interrupted"),
        (replace(outcome(Status.DONE), remaining=outcome(Status.DONE).plan.changes), "failed"),
        (replace(outcome(Status.DONE), unreachable=Unreachable("web1", "gone")), "failed"),
    ],
)
def test_results(found: HostOutcome, expected: str) -> None:
    assert result_of(found) == expected


def test_every_change_is_recorded_with_its_result() -> None:
    found = outcome(Status.DONE, Status.FAILED, Status.UNDONE, Status.SKIPPED)
    texts = ("- image.i0", "- image.i1 (failed)", "- image.i2 (rolled back)", "- image.i3 (not done)")
    assert changes_of(found) == (texts, Counts(remove=1))


@pytest.mark.parametrize(
    ("changes", "proven"),
    [
        (["+ container.web"], True),
        (["+ container.web (failed)"], False),
        (["+ container.web (did not converge)"], False),
        (["+ container.web (failed)", "= container.web"], True),
        (["+ container.web", "= container.web (failed)"], False),
        (["+ container.web (failed)", "~ container.web"], True),
        (["+ container.web", "-/+ container.web (failed)"], True),
        (["+ container.web (failed)", "+/- container.web (rolled back)"], False),
        (["+ container.web", "~ container.web (not done)"], True),
        (["+ container.web", "- container.web"], False),
        (["+ container.website", "+ network.web"], False),
        ([], False),
    ],
)
def test_whether_the_last_run_that_changed_a_container_saw_it_working(changes: list[str], proven: bool) -> None:
    records = [replace(RECORD, number=number, changes=(text,)) for number, text in enumerate(changes, start=1)]
    assert is_proven(reversed(records), "web") is proven


def test_where_records_were_removed_one_that_none_mentions_counts_as_seen_working() -> None:
    assert is_proven([replace(RECORD, number=2, changes=("+ container.db",))], "web")


def test_a_container_that_was_only_waited_for_is_put_on_record() -> None:
    wait = AwaitHealthy("web-1", 60, 5)
    address = Address("web1", Kind.CONTAINER, "web")
    step = Step(1, wait, address, "fails already")
    for status, text in ((Status.DONE, "= container.web"), (Status.FAILED, "= container.web (failed)")):
        outcome = HostOutcome(HostPlan("web1", "shop", steps=(step,)), results=(StepResult(step, status),))
        assert changes_of(outcome) == ((text,), Counts())
    looping = ResourceChange(address, Action.START)
    started = HostPlan("web1", "shop", changes=(looping,), steps=(step,))
    outcome = HostOutcome(started, results=(StepResult(step, Status.DONE),), remaining=(looping,))
    assert changes_of(outcome)[0] == ("> container.web (did not converge)",)


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("-/+ container.web", RecordedChange(Action.REPLACE_STOP_FIRST, "container.web")),
        ("+ container.db (failed)", RecordedChange(Action.CREATE, "container.db", Ending.FAILED)),
        (">> job.migrate (rolled back)", RecordedChange(Action.RUN, "job.migrate", Ending.UNDONE)),
        ("= container.web (did not converge)", RecordedChange(None, "container.web", Ending.DIFFERS)),
        ("- image.a.b/c:1 (not done)", RecordedChange(Action.REMOVE, "image.a.b/c:1", Ending.SKIPPED)),
    ],
)
def test_changes_are_written_and_read_back(text: str, change: RecordedChange) -> None:
    assert (parse_change(text), str(change)) == (change, text)


def test_a_change_of_another_release_is_read_as_far_as_it_is_known() -> None:
    assert parse_change("! container.web (half done)") == RecordedChange(None, "container.web", Ending.FAILED)
    assert parse_change("") == RecordedChange(None, "")


def test_old_and_new_values_are_on_record_within_bounds() -> None:
    long = FieldDiff(("command",), "", "x" * 500, Change.REPLACE)
    diffs = (FieldDiff(("image",), "web:1", "web:2", Change.REPLACE), long)
    web = ResourceChange(Address("web1", Kind.CONTAINER, "web"), Action.REPLACE_STOP_FIRST, diffs)
    bare = replace(web, address=replace(web.address, name="bare"), diffs=())
    short = (("image", "web:1", "web:2"), ("command", "", "x" * 99 + "…"))
    assert fields_of(HostOutcome(HostPlan("web1", "shop", changes=(web, bare, web)))) == (short, (), short)
    crowded = replace(web, diffs=diffs * 34)
    assert fields_of(HostOutcome(HostPlan("web1", "shop", changes=(web, crowded, web)))) == (short,)
    record = replace(RECORD, fields=(short, ()))
    assert read_records([volume(record)]) == (record,)
    for damaged in ('[[["a", 1, 2]]]', "[" * 200_000, "7", ""):
        labels = record.labels | {"deployer.history.fields": damaged}
        (found,) = read_records([{"Name": "deployer.history.shop.7", "Labels": labels}])
        assert found == RECORD


def test_a_move_is_in_the_records_of_both_hosts() -> None:
    plan = HostPlan(
        "web2",
        "shop",
        moved=Moved(
            "web1", (("db", "1"), ("web", "2")), ("db",), (MovedVolume("data", 7),), running=(("1", "always"),)
        ),
    )
    move = RecordedMove("web1", "web2", (("db", "1"), ("web", "2")), ("data",), (("1", "always"),))
    assert (recorded_move(plan), recorded_move(HostPlan("web2", "shop"))) == (move, None)
    target = replace(RECORD, changes=("+ container.db",), moved=move)
    source = left_record(target)
    assert (source.changes, source.counts) == (("# container.db", "# container.web"), Counts(update=2))
    failed = replace(source, result="failed", moved=replace(move, containers=(("db", "3"),)))
    stored = [
        {"Name": volume_name("shop", number), "Labels": replace(record, number=number).labels}
        for number, record in enumerate((source, failed, replace(target, moved=None)), 1)
    ]
    found = {record.number: record.moved for record in read_records(stored)}
    assert found == {1: move, 2: failed.moved, 3: None}
    assert moved_away(stored) == {"1", "2"}
    # What the last run moved counts as unfinished until another one is recorded.
    begun = {
        "Name": volume_name("shop", 4, started=True),
        "Labels": replace(target, number=4, result="started").labels,
    }
    ended = {"Name": volume_name("shop", 5), "Labels": replace(RECORD, number=5).labels}
    assert [unfinished_move(each, "shop") for each in (stored, [*stored, begun], [*stored, begun, ended])] == [
        None,
        move,
        None,
    ]
    assert unfinished_move([begun], "other") is None
