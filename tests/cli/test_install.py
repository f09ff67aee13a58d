"""The wheel, installed as users do, without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.lab.settings import CHECKOUT


def test_an_installed_wheel_is_the_whole_program(tmp_path: Path) -> None:
    tools = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environ = {**os.environ, **tools}

    def run(*words: str, **more: str) -> str:
        done = subprocess.run(
            words, cwd=tmp_path, env=environ | more, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("make", "-C", str(CHECKOUT), "dist", f"DIST={tmp_path / 'dist'}")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = ZipFile(wheel).namelist()
    assert "deployer/cli/app.py" in names
    run(str(Path(sys.executable).with_name("uv")), "tool", "install", "--python", sys.executable, str(wheel))
    program = str(tmp_path / "bin" / "deployer")
    assert run(program, "--version").startswith("deployer ")
    run(program, "init", "shop", **home)
    words = ("-i", "shop/inventory/hosts.yml", "shop/site.yml")
    assert "RECAP" in run(program, "apply", *words, "--yes", **home)
    assert "no changes" in run(program, "plan", *words, "--html", "plan.html", **home)
