"""Aligned columns."""

from deployer.reporting.columns import Row, align, table
from deployer.reporting.lines import Span


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
