"""Pages: what they contain, that nothing in them is markup, and that they load nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import msgspec
import pytest

from deployer.reporting.page import Difference, HostPage, Item, Page, Tone, render

WEB = Item(
    "container",
    "web<b>",
    "replace",
    Tone.CHANGED,
    "host port 8080 is fixed",
    (Difference("image", "web:1", "web:2 & more", "shop.yml:3"), Difference("command", "", "")),
    ports=("8080:80",),
    networks=("front",),
    volumes=("data",),
)
PAGE = Page(
    "Plan",
    "1 to replace",
    "2026-01-31 12:00 UTC",
    (
        HostPage("web1", "1 of 2 resources change", Tone.CHANGED, (WEB, Item("network", "front", "as declared"))),
        HostPage("web2", "unreachable", Tone.BAD, notes=("connection refused",)),
    ),
)


class Parsed(HTMLParser):
    """The text and the tags; raises AssertionError for tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "input") and not (self.get_starttag_text() or "").endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script") and data.strip():
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def page() -> Parsed:
    parsed = Parsed()
    parsed.feed(render(msgspec.to_builtins(PAGE)))
    assert parsed.open == []
    return parsed


def test_everything_is_shown_as_text(page: Parsed) -> None:
    text = " ".join(page.words)
    for part in (
        "Plan 1 to replace 2026-01-31 12:00 UTC",
        "container web<b> replace host port 8080 is fixed",
        "image web:1 → web:2 & more shop.yml:3",
        "command (none)",
        "network front as declared",
        "connection refused",
    ):
        assert part in text, text


def test_nothing_is_loaded(page: Parsed) -> None:
    assert all(link.startswith("#host-") for link in page.links)
    assert not {"link", "img", "iframe"} & set(page.tags)


def test_the_picture_joins_a_container_with_its_port_network_and_volume(page: Parsed) -> None:
    """An undeclared volume that the container names is in it."""
    assert page.tags.count("svg") == 1
    assert page.tags.count("rect") == len(["8080:80", "web<b>", "front", "data"])
    assert page.tags.count("path") == 3
