"""docs/reference.md says what the tables say."""

from __future__ import annotations

from pathlib import Path

from deployer.config.play_keys import META, PLAY
from deployer.config.reference import reference
from deployer.model.kinds import BY_SECTION, KINDS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date() -> None:
    assert (DOCS / "reference.md").read_text("utf-8") == reference(), "docs/reference.md is stale: run 'make docs'"


def test_every_key_and_every_spelling_is_on_it() -> None:
    page = reference()
    names = {entry.name for entry in (*PLAY, *META)} | {
        name for kind in KINDS.values() for name in kind.table.spellings
    }
    assert [name for name in sorted(names) if f"`{name}`" not in page and f"#### {name}\n" not in page] == []


def test_a_field_says_all_that_its_row_says() -> None:
    page = reference()
    at = page.index("#### environment\n")
    assert page[at : page.index("#### labels\n")] == (
        "#### environment\n\n"
        "Environment variables, added to those of the image. null unsets a variable of the image.\n\n"
        "- also: `env`\n"
        "- written as: a map, or a list of KEY=value\n"
        "- not declared: what the image sets\n"
        "- changed: replaced\n\n"
        "```yaml\nenvironment:\n  MODE: production\n```\n\n"
    )


def test_links_inside_the_page_lead_somewhere() -> None:
    page = reference()
    for section in BY_SECTION:
        assert f"\n## {section.capitalize()}\n" in page
