"""What commands on one image and several hosts show: progress on a terminal, and a line per host with its result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.cli.command import Call
    from deployer.reporting.lines import Line
    from deployer.usecases.images import ImageResult, Results, Watch


def watched(call: Call, verb: str, kind: str, work: Callable[[Watch], Results]) -> int:
    """Runs a transfer. On a terminal the running ones are redrawn and the results follow; otherwise each result is
    written when it is there."""
    from deployer.model.outcome import TransferEnded
    from deployer.reporting.live import LiveProgress
    from deployer.reporting.transfers import TransferBoard
    from deployer.usecases.images import Watch

    console = call.console
    if console.json or not console.err_terminal.animate:
        one_by_one = _nothing if console.json else lambda found: _tell(call, [found])
        results = work(Watch(_nothing, one_by_one))
        return ended(call, kind, results, told=not console.json)
    live = LiveProgress(
        TransferBoard(verb), console.err, _NoLines(), colour=console.err_terminal.colour, clean=console.redactor.text
    )
    with live:
        results = work(Watch(live.emit, lambda found: live.emit(TransferEnded(found.host))))
    return ended(call, kind, results)


def ended(call: Call, kind: str, results: Results, *, told: bool = False) -> int:
    """`told`: the results of the hosts have been written."""
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document

    console = call.console
    if console.json:
        document = {"format_version": FORMAT_VERSION, "type": kind}
        found = {"hosts": [msgspec.to_builtins(each) for each in results.found]}
        lost = {"unreachable": [unreachable_document(host) for host in results.unreachable]}
        console.document({**document, **found, **lost})
    else:
        _tell(call, () if told else results.found)
        console.tell(text for host in results.unreachable for text in unreachable_lines(host))
    if any(each.problem for each in results.found):
        return ExitCode.FAILED
    return ExitCode.UNREACHABLE if results.unreachable else ExitCode.OK


class _NoLines:
    """Nothing scrolls while transfers are redrawn."""

    def of(self, _event: object) -> list[Line]:
        return []


def _nothing(_event: object) -> None:
    """Progress is not shown."""


def _tell(call: Call, results: Iterable[ImageResult]) -> None:
    for found in results:
        (call.console.tell if found.problem else call.console.result)(_lines(found))


def _lines(found: ImageResult) -> list[Line]:
    from deployer.reporting.human import hint_lines
    from deployer.reporting.lines import Span, Style, line
    from deployer.reporting.transfers import sent_words

    if found.problem:
        return [line(Span(f"{found.host}: failed: {found.problem}", Style.BAD)), *hint_lines(found.hint, "  ")]
    done = line(f"{found.host}: {found.done}{sent_words(found.sent, found.total, found.seconds)}")
    return [done, line(Span(f"  {found.note}", Style.WARNING))] if found.note else [done]
