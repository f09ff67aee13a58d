"""A shop to deploy."""

from pathlib import Path

import pytest

from tests.cli.runs import Shop, make_shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    return make_shop(tmp_path, monkeypatch, capsys)
