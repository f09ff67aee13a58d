"""`--filter` and `--format` of lists."""

import pytest
from msgspec import Struct

from deployer.reporting.rows import check_keys, filtered, formatted


class Row(Struct, frozen=True):
    name: str
    ports: tuple[str, ...] = ()
    simulated: bool = False


ROWS = (Row("web", ("80", "443")), Row("api-1", (), True), Row("a\x1b[2Jb"))


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ((), "web api-1 a"),
        ((("name", "a*"),), "api-1 a"),
        ((("name", "a*"), ("Simulated", "true")), "api-1"),
        ((("ports", "443"),), "web"),
        ((("ports", ""),), "api-1 a"),
    ],
)
def test_every_filter_has_to_match(filters: tuple[tuple[str, str], ...], names: str) -> None:
    assert [row.name.partition("\x1b")[0] for row in filtered(ROWS, filters)] == names.split()


def test_formats() -> None:
    assert list(formatted(ROWS, r"{{name}}\t{{ .Ports }} {{ simulated }} {other}")) == [
        "web\t80, 443 false {other}\n",
        "api-1\t true {other}\n",
        "a\\x1b[2Jb\t false {other}\n",
    ]


@pytest.mark.parametrize(("filters", "template"), [((("colour", "red"),), ""), ((), "{{name}} {{.Colour}}")])
def test_columns_that_do_not_exist(filters: tuple[tuple[str, str], ...], template: str) -> None:
    with pytest.raises(ValueError, match=r"there is no column '[cC]olour'; columns: name, ports, simulated"):
        check_keys(Row, filters, template)
    check_keys(Row, (("Name", "x"),), "{{.Ports}}")
