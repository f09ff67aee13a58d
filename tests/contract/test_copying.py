"""Files copied between this machine and containers, as `docker cp` copies them."""

from __future__ import annotations

from pathlib import Path

from deployer.interfaces import Engine
from deployer.usecases.copying import receive, send
from deployer.usecases.inspect_hosts import Row
from tests.contract.sandbox import Sandbox


def test_what_exists_decides(sandbox: Sandbox, tmp_path: Path) -> None:
    row, engine = Row("host", sandbox.container("copied"), "copied", "", "", ""), sandbox.engine
    (tmp_path / "src/sub").mkdir(parents=True)
    (tmp_path / "src/sub/a").write_text("text")
    (tmp_path / "src/link").symlink_to("sub")
    source = str(tmp_path / "src")
    for given, path in ((source, "/tmp"), (source, "/tmp/new"), (f"{source}/.", "/opt"), (f"{source}/sub/a", "/tmp/b")):
        send(engine, row, given, path, keep_owners=False)
    send(engine, row, f"{source}/sub/a", "/tmp/new/link", keep_owners=False)
    assert _names(engine, row, "/tmp", tmp_path / "1") == [
        *("b", "new", "new/link", "new/sub", "new/sub/a", "src", "src/link", "src/sub", "src/sub/a")
    ]
    assert {"link", "sub", "sub/a"} <= set(_names(engine, row, "/opt", tmp_path / "2"))
    assert {"tmp/b", "opt/sub/a"} <= set(_names(engine, row, "/", tmp_path / "3"))


def _names(engine: Engine, row: Row, path: str, target: Path) -> list[str]:
    receive(engine, row, path, target, keep_owners=False)
    return sorted(str(found.relative_to(target)) for found in target.rglob("*"))
