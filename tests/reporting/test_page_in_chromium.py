"""A page as headless Chromium shows it: on a phone and on a screen, light and dark, searched, with nothing loaded."""

from __future__ import annotations

import html
import json
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from deployer.reporting.page import Difference, HostPage, Item, Page, Tone, render
from tests.lab import machine
from tests.lab.lab import Lab
from tests.lab.shell import lock, run

pytestmark = pytest.mark.lab

_WORDS = "a value of many words that a phone shows on several lines " * 4
_ITEMS = (
    Item("container", "web", "replace", Tone.CHANGED, _WORDS, (Difference("command", "x" * 300, _WORDS, "a.yml:3"),)),
    Item("container", "worker-" + "y" * 120, "as declared", ports=("8080:80",), networks=("front",)),
)
_PAGE = Page("Plan", "2 to replace", "2026-01-31 12:00 UTC", (HostPage("web1", "", items=_ITEMS), HostPage("db1", "")))
_WIDTHS = {"phone": 390, "screen": 1200}
_LIGHT, _DARK = (255, 255, 255), (13, 17, 23)
_LOOK: Final = """
const found = {};
for (const frame of document.querySelectorAll("iframe")) {
  const view = frame.contentWindow, page = view.document, search = page.getElementById("search");
  const seen = () => [...page.querySelectorAll(".item .name")].filter((name) => name.getClientRects().length).length;
  const across = (part) => part.getBoundingClientRect().right > view.innerWidth && !part.closest(".picture");
  const searched = (words) => { search.value = words; search.dispatchEvent(new view.Event("input")); return seen(); };
  found[frame.id] = {
    back: view.getComputedStyle(page.body).backgroundColor.match(/\\d+/g).map(Number),
    loaded: view.performance.getEntriesByType("resource").length,
    wide: [...page.querySelectorAll("body *")].filter(across).map((part) => part.className),
    pictures: page.querySelectorAll("svg rect").length,
    seen: [searched(""), searched("WEB1 8080"), searched("several lines"), searched("nothing")],
  };
}
document.body.textContent = JSON.stringify(found);
"""


@pytest.fixture(scope="module")
def folder(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, and one that shows it in frames of several widths and writes what it found."""
    with lock():
        if not shutil.which("chromium"):
            machine.install(["chromium"])
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(render(msgspec.to_builtins(_PAGE)))
    frames = "".join(
        f'<iframe id="{name}" width="{width}" src="page.html"></iframe>' for name, width in _WIDTHS.items()
    )
    (folder / "look.html").write_text(f"<!doctype html>{frames}<script>onload = () => {{{_LOOK}}}</script>")
    return folder


@pytest.mark.parametrize(("scheme", "back"), [("1", _LIGHT), ("0", _DARK)], ids=["light", "dark"])
def test_it_is_readable_and_searchable_at_every_width(folder: Path, scheme: str, back: tuple[int, ...]) -> None:
    for name, found in _found(folder, scheme).items():
        assert found["wide"] == [], name
        assert found["loaded"] == 0
        assert tuple(found["back"]) == back
        assert found["pictures"] == 4
        assert found["seen"] == [2, 1, 1, 0]
    assert _first_pixel(_screenshot(folder, scheme)) == back


def _found(folder: Path, scheme: str) -> dict[str, Any]:
    text = _chromium(scheme, "--dump-dom", "--virtual-time-budget=5000", (folder / "look.html").as_uri())
    found: dict[str, Any] = json.loads(html.unescape(text.split("<body>")[1].split("</body>")[0]))
    return found


def _screenshot(folder: Path, scheme: str) -> bytes:
    shot = folder / f"{scheme}.png"
    _chromium(scheme, f"--screenshot={shot}", "--window-size=800,1200", (folder / "page.html").as_uri())
    return shot.read_bytes()


def _chromium(scheme: str, *words: str) -> str:
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files")
    return run("chromium", *options, f"--blink-settings=preferredColorScheme={scheme}", *words, timeout=60)


def _first_pixel(png: bytes) -> tuple[int, ...]:
    """Whatever filter its row has, the first pixel is written as it is."""
    rows, position = b"", 8
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        if png[position + 4 : position + 8] == b"IDAT":
            rows += png[position + 8 : position + 8 + length]
        position += length + 12
    return tuple(zlib.decompress(rows)[1:4])
