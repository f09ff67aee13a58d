"""A disk that is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever `dd` writes meets the error of a full disk, in the words of the real one."""
    programs = folder / "programs"
    programs.mkdir()
    (programs / "dd").write_text('#!/bin/sh\nPATH=${PATH#*:}\nexec dd "$@" conv=notrunc of=/dev/full\n')
    (programs / "dd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
