"""Progress: lines for logs, the board for terminals."""

import io

from msgspec.structs import replace

from deployer.model.outcome import HostEnded, HostStarted, PullProgress, Status, StepEnded, StepStarted
from deployer.reporting.lines import Line
from deployer.reporting.live import Board, LiveProgress
from deployer.reporting.progress import PlainProgress
from tests.reporting import samples

STEPS = samples.shop_steps()
PULL, CREATE, UPDATE, AWAIT = STEPS[0], STEPS[3], STEPS[2], STEPS[7]


def plain(*events: object, hosts: tuple[str, ...] = ("web1", "database1")) -> list[str]:
    lines: list[Line] = []
    progress = PlainProgress(hosts, lines.append)
    for event in events:
        progress.emit(event)
    return [str(found) for found in lines]


def test_a_line_for_every_step_that_ended() -> None:
    failed = replace(samples.result(CREATE, Status.FAILED), error="no such image")
    events = (
        HostStarted("web1", 9),
        StepStarted("web1", UPDATE),
        StepEnded("web1", samples.result(UPDATE)),
        StepEnded("web1", failed),
        StepEnded("web1", samples.result(UPDATE, Status.UNDONE)),
        HostEnded(samples.succeeded()),
    )
    assert plain(*events) == [
        "web1       container db: updated (0.3s)",
        "web1       container web: new container: creating failed: no such image",
        "web1       container db: rolled back: updated",
    ]


def test_waits_are_told_when_they_begin() -> None:
    assert plain(StepStarted("web1", AWAIT)) == ["web1       container web: new container: waiting until healthy"]


def test_pulls_are_told_every_ten_percent() -> None:
    events = [PullProgress("web1", "redis:7", done * 1_000_000, 40_000_000) for done in (1, 4, 5, 8, 12, 40)]
    assert plain(*events, hosts=("web1",)) == [
        "web1  redis:7: 4.0 MB of 40 MB",
        "web1  redis:7: 8.0 MB of 40 MB",
        "web1  redis:7: 12 MB of 40 MB",
        "web1  redis:7: 40 MB of 40 MB",
    ]


def test_a_lost_host_is_told() -> None:
    lost = replace(samples.succeeded(), unreachable=samples.LOST)
    assert plain(HostEnded(lost), hosts=("web1",)) == ["web1  unreachable: web3:22 refused the connection"]


class Time:
    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def test_the_board_shows_what_runs_where_and_for_how_long() -> None:
    now = Time()
    board = Board(("web1", "db1"), now)
    board.take(HostStarted("web1", 12))
    board.take(HostStarted("db1", 3))
    board.take(StepStarted("web1", PULL))
    board.take(StepStarted("web1", UPDATE))
    now.value += 2.5
    board.take(PullProgress("web1", "docker.io/shop/web:1.4.2", 12_000_000, 38_000_000))
    board.take(StepEnded("web1", samples.result(UPDATE)))
    assert [str(found) for found in board.lines()] == [
        "web1   1/12  image shop/web:1.4.2: pulling 12 MB of 38 MB 2.5s",
    ]
    board.take(HostEnded(samples.succeeded("web1")))
    assert board.lines() == []


def test_a_board_of_many_hosts_stays_short() -> None:
    hosts = tuple(f"web{number}" for number in range(50))
    board = Board(hosts, lambda: 0.0)
    for host in hosts:
        board.take(HostStarted(host, 1))
        board.take(StepStarted(host, UPDATE))
    assert len(board.lines(10)) == 10
    assert str(board.lines(10)[-1]) == "… and 41 hosts more"


def test_live_progress_leaves_the_ended_steps_on_the_screen_and_no_secret() -> None:
    stream = io.StringIO()
    progress = LiveProgress(("web1",), stream, colour=False, clean=lambda text: text.replace("db", "***"))
    with progress:
        progress.emit(HostStarted("web1", 2))
        progress.emit(StepStarted("web1", UPDATE))
        progress.emit(StepEnded("web1", samples.result(UPDATE)))
    assert "web1  container ***: updated (0.3s)\n" in stream.getvalue()
    assert "db" not in stream.getvalue()
    assert "\x1b[3" not in stream.getvalue()
