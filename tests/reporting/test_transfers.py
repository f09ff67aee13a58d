"""Lines of transfers."""

from __future__ import annotations

from deployer.model.outcome import PullProgress, TransferEnded
from deployer.reporting.transfers import TransferBoard, sent_words


def test_each_host_that_is_sent_to_has_a_line() -> None:
    now = [0.0]
    board = TransferBoard("sent", lambda: now[0])
    board.take(PullProgress("web1", "web:1", 0, 50_000_000))
    now[0] = 0.5
    board.take(PullProgress("web10", "web:1", 1_000_000, 50_000_000))
    now[0] = 2.0
    board.take(PullProgress("web1", "web:1", 24_000_000, 50_000_000))
    assert list(map(str, board.lines())) == [
        "web1   sent 24 MB of 50 MB, 12 MB/s, 2.0s",
        "web10  sent 1.0 MB of 50 MB, 667 kB/s, 1.5s",
    ]
    board.take(PullProgress("web2", "web:1", 120_000_000, 310_000_000, reading="web1"))
    assert str(board.lines()[-1]) == "web2   reading from web1 120 MB of 310 MB, 0.0s"
    now[0] = 3.0
    board.take(PullProgress("web2", "web:1", 0, 310_000_000))
    assert str(board.lines()[-1]) == "web2   sent 0 B of 310 MB, 0.0s", "a rate of its own"
    board.take(TransferEnded("web2"))
    board.take(TransferEnded("web1"))
    assert len(board.lines()) == 1


def test_a_result_says_what_was_spared() -> None:
    assert sent_words(12_000_000, 310_000_000, 0.5) == " 12 MB of 310 MB, 24 MB/s"
    assert sent_words(9_000, 9_000, 0.01) == " 9.0 kB of 9.0 kB"
    assert sent_words(0, 310_000_000, 2.0) == ""
