"""A shop to deploy."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runs import INVENTORY, MORE, Shop, make_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    return make_shop(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Applied once: it takes as long as all tests together."""
    folder = tmp_path_factory.mktemp("applied")
    (folder / "hosts.yml").write_text(INVENTORY)
    (folder / "more.yml").write_text(MORE)
    environ = os.environ | {"HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
    words = [sys.executable, "-m", "deployer.cli", "apply", "-i", "hosts.yml", "more.yml", "--yes"]
    subprocess.run(words, cwd=folder, env=environ, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return folder


@pytest.fixture
def more(shop: Shop, applied: Path) -> Shop:
    shutil.copytree(applied, shop.folder, dirs_exist_ok=True)
    return shop
