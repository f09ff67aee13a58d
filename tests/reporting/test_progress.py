"""Progress: lines for logs, the board for terminals."""

import io

from msgspec.structs import replace

from deployer.model.operations import StartContainer
from deployer.model.outcome import (
    Cut,
    HostEnded,
    HostOutcome,
    HostStarted,
    PullProgress,
    Status,
    StepEnded,
    StepStarted,
)
from deployer.reporting.lines import Line
from deployer.reporting.live import Board, LiveProgress
from deployer.reporting.progress import PlainProgress, ResourceLines, StepLines
from tests.reporting import samples

STEPS = samples.shop_steps()
PULL, CREATE, UPDATE, AWAIT = STEPS[0], STEPS[3], STEPS[2], STEPS[7]


WEB, DATABASE = samples.host_plan("web1"), samples.host_plan("db1")
HOSTS = ("web1", "database1")


def steps(*events: object, hosts: tuple[str, ...] = HOSTS) -> list[str]:
    lines: list[Line] = []
    progress = PlainProgress(StepLines(hosts), lines.append)
    for event in events:
        progress.emit(event)
    return [str(found) for found in lines]


def resources(outcome: HostOutcome, *, quiet: bool = False) -> list[str]:
    """What is shown of a host that comes to this end; every step takes a second."""
    now = Time()
    progress = ResourceLines(HOSTS, quiet=quiet, now=now)
    lines = progress.of(HostStarted(outcome.plan))
    for result in outcome.results:
        lines += progress.of(StepStarted(outcome.host, result.step))
        now.value += 1
        ended = replace(result, status=Status.DONE) if result.status is Status.UNDONE else result
        lines += progress.of(StepEnded(outcome.host, ended))
    lines += progress.of(HostEnded(outcome))
    return [str(found) for found in lines]


class Time:
    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def test_a_line_for_every_resource_that_is_as_planned() -> None:
    assert resources(samples.succeeded()) == [
        "web1       image shop/web:1.4.2: pulled (1.0s)",
        "web1       network front: created (1.0s)",
        "web1       container db: updated (1.0s)",
        "web1       container web: replaced (6.0s)",
    ]
    assert resources(samples.succeeded(), quiet=True) == []


def test_failed_and_rolled_back_resources_say_so_in_words_and_leave_the_reason_to_the_recap() -> None:
    found = samples.rolled_back()
    undone = (*found.results[:2], replace(found.results[2], status=Status.UNDONE), *found.results[3:])
    running = replace(undone[4], step=replace(undone[4].step, undo=(StartContainer(samples.OLD_ID),)))
    found = replace(found, results=(*undone[:4], running, *undone[5:]))
    expected = [
        "web1       container web: new container: waiting until healthy failed (5.0s)",
        "web1       container db: rolled back: db is as before",
        "web1       container web: rolled back: web runs as before",
    ]
    assert resources(found)[3:] == expected
    assert resources(found, quiet=True) == expected
    assert "not healthy" not in "".join(steps(*(StepEnded("web1", result) for result in found.results)))


def test_a_new_resource_that_was_rolled_back_is_removed() -> None:
    found = samples.succeeded()
    created = replace(found.results[1], status=Status.UNDONE)
    assert resources(replace(found, results=(created,))) == [
        "web1       network front: created (1.0s)",
        "web1       network front: rolled back: front is removed",
    ]
    stuck = replace(found, results=(created, replace(created, status=Status.FAILED, stuck=True)))
    assert resources(stuck)[-1] == "web1       network front: only partly rolled back"


def test_a_wait_that_the_operator_ended_is_not_called_failed() -> None:
    ended = replace(samples.result(AWAIT, Status.FAILED), error="interrupted while waiting for it", cut=Cut.STOPPED)
    assert resources(replace(samples.succeeded(), results=(ended,))) == [
        "web1       container web: new container: waiting until healthy interrupted (1.0s)"
    ]
    assert steps(StepEnded("web1", ended)) == [
        "web1       container web: new container: waiting until healthy interrupted"
    ]


def test_a_line_for_every_step_that_ended() -> None:
    failed = replace(samples.result(CREATE, Status.FAILED), error="no such image")
    events = (
        HostStarted(WEB),
        StepStarted("web1", UPDATE),
        StepEnded("web1", samples.result(UPDATE)),
        StepEnded("web1", failed),
        StepEnded("web1", samples.result(UPDATE, Status.UNDONE)),
        HostEnded(samples.succeeded()),
    )
    assert steps(*events) == [
        "web1       container db: updated (0.3s)",
        "web1       container web: new container: creating failed",
        "web1       container db: rolled back: updated",
    ]


def test_waits_are_reported_when_they_start() -> None:
    assert steps(StepStarted("web1", AWAIT)) == ["web1       container web: new container: waiting until healthy"]


def test_pulls_are_reported_every_ten_percent() -> None:
    events = [PullProgress("web1", "redis:7", done * 1_000_000, 40_000_000) for done in (1, 4, 5, 8, 12, 40)]
    assert steps(*events, hosts=("web1",)) == [
        "web1  redis:7: 4.0 MB of 40 MB",
        "web1  redis:7: 8.0 MB of 40 MB",
        "web1  redis:7: 12 MB of 40 MB",
        "web1  redis:7: 40 MB of 40 MB",
    ]


def test_a_lost_host_is_reported() -> None:
    lost = replace(samples.succeeded(), unreachable=samples.LOST)
    assert steps(HostEnded(lost), hosts=("web1",)) == ["web1  unreachable"]
    assert resources(lost)[-1] == "web1       unreachable"


def test_the_board_shows_what_runs_where_and_for_how_long() -> None:
    now = Time()
    board = Board(("web1", "db1"), now)
    board.take(HostStarted(WEB))
    board.take(HostStarted(DATABASE))
    board.take(StepStarted("web1", PULL))
    board.take(StepStarted("web1", UPDATE))
    now.value += 2.5
    board.take(PullProgress("web1", "docker.io/shop/web:1.4.2", 12_000_000, 38_000_000))
    board.take(StepEnded("web1", samples.result(UPDATE)))
    assert [str(found) for found in board.lines()] == [
        "web1  1/9  image shop/web:1.4.2: pulling 12 MB of 38 MB, 4.8 MB/s 2.5s",
        "0 of 2 hosts finished",
    ]
    board.take(StepStarted("db1", UPDATE))
    board.take(HostEnded(samples.rolled_back("web1")))
    assert [str(found) for found in board.lines()] == [
        "db1   0/9  container db: updating 0.0s",
        "1 of 2 hosts finished, 1 not successful",
    ]
    board.take(HostEnded(samples.succeeded("db1")))
    assert board.lines() == []


def test_a_board_of_many_hosts_stays_short() -> None:
    hosts = tuple(f"web{number}" for number in range(50))
    board = Board(hosts, lambda: 0.0)
    for host in hosts:
        board.take(HostStarted(samples.host_plan(host)))
        board.take(StepStarted(host, UPDATE))
    assert [str(found) for found in board.lines(10)[-2:]] == ["… and 41 hosts more", "0 of 50 hosts finished"]
    assert len(board.lines(10)) == 11


def test_live_progress_leaves_the_ended_steps_on_the_screen_and_no_secret() -> None:
    stream = io.StringIO()
    lines = StepLines(("web1",))
    progress = LiveProgress(Board(("web1",)), stream, lines, colour=False, clean=lambda text: text.replace("db", "***"))
    with progress:
        progress.emit(HostStarted(WEB))
        progress.emit(StepStarted("web1", UPDATE))
        progress.emit(StepEnded("web1", samples.result(UPDATE)))
    assert "web1  container ***: updated (0.3s)\n" in stream.getvalue()
    assert "db" not in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue()
