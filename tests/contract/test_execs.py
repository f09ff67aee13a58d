"""Commands in containers."""

from __future__ import annotations

from contextlib import closing

from deployer.engine.logs import Frames
from deployer.interfaces import ExecQuery
from tests.contract.sandbox import SLEEP, Sandbox, status_of


def output(sandbox: Sandbox, ref: str, query: ExecQuery, given: bytes = b"") -> tuple[int | None, bytes]:
    """The exit code, and what it wrote to both streams or to its terminal."""
    key = sandbox.engine.create_exec(ref, query)
    with closing(sandbox.engine.start_exec(key, query.size)) as stream:
        while query.size is not None and status_of(sandbox.engine.resize_exec, key, query.size):
            """Old engines refuse it until the command has started."""
        if query.stdin:
            stream.write(given)
            if query.size is None:
                stream.end_writing()
        data = b"".join(iter(stream.read, b""))
    if query.size is None:
        data = b"".join(payload for _, payload in Frames().feed(data))
    code = sandbox.engine.exec_exit_code(key)
    while code is None:
        code = sandbox.engine.exec_exit_code(key)
    return code, data


def test_output_input_and_exit_codes(sandbox: Sandbox) -> None:
    key = sandbox.container("exec", Cmd=SLEEP)
    sandbox.engine.start_container(key)
    assert output(sandbox, key, ExecQuery(("true",)))[0] == 0
    assert output(sandbox, key, ExecQuery(("false",)))[0] == 1
    assert output(sandbox, key, ExecQuery(("sh", "-c", "exit 7")))[0] == 7
    assert output(sandbox, key, ExecQuery(("cat",), stdin=True), b"some\ntext") == (0, b"some\ntext")
    # On a terminal, Ctrl-D ends the input.
    code, data = output(sandbox, key, ExecQuery(("cat",), stdin=True, size=(30, 100)), b"hello\n\x04")
    assert (code, data.startswith(b"hello")) == (0, True)


def test_what_is_refused(sandbox: Sandbox) -> None:
    key, query = sandbox.container("exec-not", Cmd=SLEEP), ExecQuery(("true",))
    engine = sandbox.engine
    assert status_of(engine.create_exec, "nobody", query) == 404
    assert status_of(engine.create_exec, key, query) == 409
    engine.start_container(key)
    engine.pause_container(key)
    assert status_of(engine.create_exec, key, query) == 409
    engine.unpause_container(key)
    assert status_of(engine.start_exec, "nobody", None) == 404
    assert status_of(engine.exec_exit_code, "nobody") == 404
