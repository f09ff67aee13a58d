"""Lines of many logs in one sequence, and logs that are read on from where an earlier reading ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from deployer.interfaces import LogLine, LogQuery
from deployer.usecases.logs import Position
from deployer.usecases.merging import Merge


def at(second: int, text: str = "", stream: int = 1, nano: int = 0) -> LogLine:
    return LogLine(f"2026-01-01T00:00:{second:02}.{nano:09}Z", stream, text or f"{second}")


class TestMerge:
    def setup_method(self) -> None:
        self.now = 100.0

    def merge(self, patience: float | None = None) -> Merge[str, LogLine]:
        return Merge(lambda: self.now, patience)

    def taken(self, merge: Merge[str, LogLine]) -> list[str]:
        return [f"{label}{line.text}" for label, line in merge.take(0)]

    def test_a_line_waits_for_every_source_that_may_still_have_an_earlier_one(self) -> None:
        merge = self.merge()
        a, b = merge.add("a"), merge.add("b")
        merge.put(a, [at(1), at(4)])
        merge.end(a)
        assert self.taken(merge) == []
        merge.put(b, [at(second) for second in (3, 5, 6, 7, 8, 9, 10, 11)])
        assert self.taken(merge) == ["a1", "b3"]
        merge.put(b, [at(2, "err2", 2), at(12)])
        assert self.taken(merge) == ["berr2", "a4", "b5"]
        assert not merge.done
        merge.end(b)
        assert self.taken(merge) == [f"b{second}" for second in range(6, 13)]
        assert merge.done

    def test_a_quiet_source_is_waited_for_only_a_moment(self) -> None:
        merge = self.merge(patience=0.3)
        a, b = merge.add("a"), merge.add("b")
        merge.put(a, [at(1)])
        self.now += 0.2
        assert self.taken(merge) == []
        merge.put(a, [at(2)])
        self.now += 0.2
        assert self.taken(merge) == ["a1", "a2"]
        merge.put(b, [at(3)])
        assert self.taken(merge) == []
        self.now += 0.3
        assert self.taken(merge) == ["b3"]

    def test_streams_are_put_in_order_and_a_stream_keeps_its_own(self) -> None:
        merge = self.merge()
        a = merge.add("")
        merge.put(a, [at(3, "out3"), at(2, "err2", 2), at(1, "out1: the clock was set back"), at(4, "err4", 2)])
        merge.end(a)
        assert self.taken(merge) == ["err2", "out3", "out1: the clock was set back", "err4"]

    def test_a_source_that_is_far_ahead_waits(self) -> None:
        merge = self.merge()
        a, b = merge.add("a"), merge.add("b")
        merge.put(a, [at(1)] * 2000)
        putting = threading.Thread(target=merge.put, args=(a, [at(2)]))
        putting.start()
        putting.join(0.1)
        assert putting.is_alive()
        merge.end(b)
        assert len(self.taken(merge)) == 2000 - 7
        putting.join(10)
        merge.end(a)
        assert self.taken(merge) == [*["a1"] * 7, "a2"]


def new(position: Position, *lines: LogLine) -> list[str]:
    def one_by_one() -> Iterator[Sequence[LogLine]]:
        yield from ([line] for line in lines)

    return [line.text for batch in position.new(one_by_one()) for line in batch]


class TestPosition:
    def test_the_first_query_is_the_given_one_and_the_next_begins_before_the_last_line(self) -> None:
        position = Position(LogQuery(since="5", tail=3, follow=True))
        assert position.query == LogQuery(since="5", tail=3, follow=True)
        assert new(position, at(10, nano=5), at(9, "err", 2)) == ["10", "err"]
        assert position.query == LogQuery(since="1767225608.000000005", follow=True)

    def test_no_line_is_repeated_and_none_is_lost(self) -> None:
        position = Position(LogQuery())
        assert new(position, at(1, "a"), at(2, "b"), at(2, "b"), at(2, "e", 2)) == ["a", "b", "b", "e"]
        again = (at(1, "a"), at(2, "b"), at(2, "b"), at(2, "b"), at(2, "e", 2), at(2, "f", 2), at(3, "c"))
        assert new(position, *again) == ["b", "f", "c"]
        assert new(position, *again) == []

    def test_times_may_go_back_in_new_lines(self) -> None:
        position = Position(LogQuery())
        assert new(position, at(5, "a"), at(3, "clock set back")) == ["a", "clock set back"]

    def test_lines_before_the_first_one_are_not_shown_later(self) -> None:
        """With `--tail 1`, the reading after a restart begins before the line that was shown."""
        position = Position(LogQuery(tail=1))
        assert new(position, at(5, "last")) == ["last"]
        assert new(position, at(4, "err", 2), at(4, "out"), at(5, "last"), at(6, "err", 2)) == ["err"]
