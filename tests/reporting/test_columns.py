"""Aligned columns."""

import pytest

from deployer.reporting.columns import Row, align, table
from deployer.reporting.lines import Line, Sheet, Span, Style, fold, line, render


def texts(*rows: tuple[str, ...], limits: tuple[int, ...] = ()) -> list[str]:
    return [str(found) for found in align([Row(tuple(map(Span, row))) for row in rows], limits)]


def test_cells_of_a_column_begin_at_the_same_place() -> None:
    assert texts(("a", "long", "x"), ("long", "b", "y")) == ["a     long  x", "long  b     y"]


def test_a_cell_wider_than_the_limit_pushes_only_its_own_line() -> None:
    assert texts(("a", "x"), ("too long", "y"), limits=(4,)) == ["a  x", "too long  y"]


def test_a_cell_with_nothing_after_it_does_not_widen_its_column() -> None:
    assert texts(("a", "x"), ("very long",), ("also long", "")) == ["a  x", "very long", "also long"]


def test_the_lead_counts_into_the_first_column() -> None:
    rows = [Row((Span("a"), Span("x")), (Span("  +  "),)), Row((Span("bc"), Span("y")), (Span("   "),))]
    assert [str(found) for found in align(rows)] == ["  +  a  x", "   bc   y"]


def test_a_table_has_a_header() -> None:
    assert [str(found) for found in table(("HOST", "NAME"), [("web1", "db"), ("a", "b")])] == [
        "HOST  NAME",
        "web1  db",
        "a     b",
    ]


ROWS = [("web1", "db", "Up 2 hours (healthy)", "registry.example.com/team/web:1.4.2"), ("a", "b", "", "redis:7")]


def shown(width: int) -> list[str]:
    header = ("HOST", "NAME", "STATUS", "IMAGE", "PROJECT")
    return [str(found) for found in table(header, ROWS, sheet=Sheet(width), cut=("NAME", "STATUS", "IMAGE"))]


def test_a_table_that_is_too_wide_is_cut_and_has_no_empty_columns() -> None:
    assert shown(0) == shown(82)
    assert shown(60) == [
        "HOST  NAME  STATUS                IMAGE",
        "web1  db    Up 2 hours (healthy)  registry.exam…am/web:1.4.2",
        "a     b                           redis:7",
    ]
    assert shown(40)[1] == "web1  db    Up 2 hours (…  regist…:1.4.2"
    assert shown(1)[:2] == ["HOST  NAME  STATUS    IMAGE", "web1  db    Up 2 ho…  regi…4.2"]
    assert [str(found) for found in table(("HOST", "NAME"), [("web1",)], sheet=Sheet(8))] == ["HOST", "web1"]


def test_what_is_cut_is_clean_of_secrets_before() -> None:
    sheet = Sheet(20, lambda text: text.replace("hunter2", "***"))
    found = table(("HOST", "COMMAND"), [("a", "run --password hunter2 --more")], sheet=sheet, cut=("COMMAND",))
    assert str(found[1]) == "a     run --passwor…"
    assert [str(piece) for piece in fold(line("the word is hunter2"), Sheet(16, sheet.clean))] == ["the word is ***"]


@pytest.mark.parametrize(
    ("text", "width", "pieces"),
    [
        ("one two three", 0, ["one two three"]),
        ("one two three", 13, ["one two three"]),
        ("one two three", 12, ["one two", "  three"]),
        ("  one two three", 9, ["  one two", "    three"]),
        ("one  two", 6, ["one", "  two"]),
        ("averylongword and more", 8, ["averylongword", "  and", "  more"]),
        ("a averylongword", 8, ["a", "  averylongword"]),
        ("    averylongword", 8, ["    averylongword"]),
    ],
)
def test_long_lines_are_divided_at_spaces(text: str, width: int, pieces: list[str]) -> None:
    assert [str(piece) for piece in fold(line(text), Sheet(width))] == pieces


def test_the_rest_of_a_line_stands_below_its_second_cell_and_keeps_its_style() -> None:
    row = Row((Span("name"), Span("some words in red", Style.BAD), Span("here")), (Span("  - "),))
    (found,) = align([row])
    pieces = fold(found, Sheet(24))
    assert [str(piece) for piece in pieces] == ["  - name  some words in", "          red  here"]
    assert render(pieces[1:], colour=True) == "          \x1b[1;31mred\x1b[0m  here\n"
    assert fold(Line(found.spans, None), Sheet(8)) == [Line(found.spans, None)]


def test_important_columns_are_cut_last() -> None:
    rows = [("web1", "a-very-long-container-name", "8080:80/tcp, 8443:443/tcp")]
    shown = [
        str(table(("HOST", "NAME", "PORTS"), rows, sheet=Sheet(width), cut=("PORTS",), last=("NAME",))[1])
        for width in (60, 45, 31, 20)
    ]
    assert shown == [
        "web1  a-very-long-container-name  8080:80/tcp, 8443:443/tcp",
        "web1  a-very-long-container-name  8080:80/tc…",
        "web1  a-very-…er-name  8080:80…",
        "web1  a-very-…r-name",
    ]
