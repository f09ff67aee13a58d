"""Output of a run: results to stdout, everything else to stderr, both without secrets."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from deployer.diagnostics import Diagnostic
    from deployer.errors import DeployerError
    from deployer.reporting.events import JsonEvents
    from deployer.reporting.lines import Line, Sheet
    from deployer.reporting.reading import ReadingProgress
    from deployer.reporting.redaction import Redactor
    from deployer.reporting.terminal import Terminal


class Console:
    """The streams of one run. `colour` is `auto`, `always` or `never`; `json` selects documents instead of text. Costly
    modules are loaded on the first write."""

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str]) -> None:
        self.colour = "auto"
        self.json = False
        self.verbose = 0
        self.debug = False
        self._out = out
        self._err = err
        self._environ = environ
        self._ignores_closed_output = False
        self._redactor: Redactor | None = None
        self._reading: ReadingProgress | None = None

    @property
    def redactor(self) -> Redactor:
        if self._redactor is None:
            from deployer.reporting.redaction import Redactor

            self._redactor = Redactor()
        return self._redactor

    def learn(self, secrets: Iterable[str]) -> None:
        """Adds secrets, which are not shown from now on."""
        self.redactor.learn(secrets)

    @property
    def err(self) -> TextIO:
        return self._err

    @property
    def err_terminal(self) -> Terminal:
        return self._terminal(self._err)

    @property
    def out_terminal(self) -> Terminal:
        return self._terminal(self._out)

    @property
    def out_is_terminal(self) -> bool:
        return self._out.isatty()

    def awaiting(self, hosts: int, left: Collection[str]) -> None:
        """Shows on a terminal which hosts are still being read."""
        if self._reading is None:
            if not self.err_terminal.animate:
                return
            from deployer.reporting.reading import ReadingProgress

            self._reading = ReadingProgress(self._err, self.redactor.text)
        self._reading(hosts, left)

    @property
    def sheet(self) -> Sheet:
        """The width and the redaction of results."""
        return self._sheet(self._out)

    def result(self, lines: Iterable[Line]) -> None:
        self._lines(self._out, lines)

    def tell(self, lines: Iterable[Line]) -> None:
        self._lines(self._err, lines)

    def text(self, text: str, *, with_secrets: bool = False) -> None:
        """A result that is already text, such as YAML."""
        self._write(self._out, text if with_secrets else self.redactor.text(text))

    def document(self, document: Mapping[str, Any]) -> None:
        """A result as one indented JSON document."""
        import json

        clean = self.redactor.document(dict(document))
        self._write(self._out, json.dumps(clean, indent=2, ensure_ascii=False) + "\n")

    def documents(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Results as one indented JSON list."""
        import json

        clean = [self.redactor.document(dict(document)) for document in documents]
        self._write(self._out, json.dumps(clean, indent=2, ensure_ascii=False) + "\n")

    def json_lines(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Results as one JSON document per line."""
        import json

        clean = (self.redactor.document(dict(document)) for document in documents)
        self._write(self._out, "".join(f"{json.dumps(document, ensure_ascii=False)}\n" for document in clean))

    def events(self) -> JsonEvents:
        """Results as JSON lines."""
        from deployer.reporting.events import JsonEvents

        return JsonEvents(lambda text: self._write(self._out, text), clean=self.redactor.document)

    def warn(self, warnings: Iterable[Diagnostic]) -> None:
        from deployer.reporting.diagnostics import diagnostic_lines

        self.tell(diagnostic_lines(warnings))

    def error(self, error: DeployerError) -> None:
        """The message and the next step, or every diagnostic; with --json also as an event."""
        from deployer.errors import InputError
        from deployer.reporting.diagnostics import diagnostic_lines
        from deployer.reporting.human import error_lines

        if isinstance(error, InputError) and error.diagnostics:
            self.tell(diagnostic_lines(error.diagnostics))
        else:
            self.tell(error_lines(error.message, error.hint))
        if self.json:
            self.events().error(error)

    @contextmanager
    def ignoring_closed_output(self) -> Iterator[None]:
        """While hosts are changed, a closed output does not stop the run: further output is dropped."""
        self._ignores_closed_output = True
        try:
            yield
        finally:
            self._ignores_closed_output = False

    def _lines(self, stream: TextIO, lines: Iterable[Line]) -> None:
        from deployer.reporting.lines import fold, render

        sheet = self._sheet(stream)
        folded = (piece for found in lines for piece in fold(found, sheet))
        self._write(stream, self.redactor.text(render(folded, colour=self._terminal(stream).colour)))

    def _sheet(self, stream: TextIO) -> Sheet:
        from deployer.reporting.lines import Sheet
        from deployer.reporting.terminal import columns

        return Sheet(columns(self._environ, stream), self.redactor.text)

    def _terminal(self, stream: TextIO) -> Terminal:
        from deployer.reporting.terminal import terminal

        return terminal(self.colour, self._environ, is_tty=stream.isatty())

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            if not self._ignores_closed_output:
                raise


def real_console(environ: Mapping[str, str]) -> Console:
    """Writes to this process's streams; characters that their encoding lacks are escaped."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    return Console(sys.stdout, sys.stderr, environ)
