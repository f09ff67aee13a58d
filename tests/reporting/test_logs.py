"""Prefixes, and what of a container's output reaches a terminal."""

from deployer.reporting.logs import Prefixes, cleaned


def test_prefixes_are_as_wide_as_the_widest_name() -> None:
    prefixes = Prefixes([("web1", "nginx"), ("web1", "db")], colour=False, terminal=False)
    assert prefixes.line(("web1", "db"), "a\x1b[2Jb") == "web1/db    | a\x1b[2Jb\n"
    assert prefixes.line(("web1", "nginx"), "hello", time="T") == "web1/nginx | T hello\n"
    assert prefixes.line(("web10", "nginx"), "later") == "web10/nginx | later\n"


def test_colours_of_prefixes() -> None:
    prefixes = Prefixes([("h", "a"), ("h", "b")], colour=True, terminal=True)
    assert [prefixes.line(("h", name), "x") for name in "ab"] == [
        "\x1b[36mh/a |\x1b[0m x\n",
        "\x1b[33mh/b |\x1b[0m x\n",
    ]
    assert prefixes.line(("h", "a\x1b]0;title\x07"), "x").startswith("\x1b[32mh/a\\x1b]0;title\\x07 |")


def test_on_a_terminal_only_colours_and_tabs_stay() -> None:
    assert cleaned("\x1b[31mred\tx\x1b[2J\x1b]0;title\x07\rover") == (
        "\x1b[31mred\tx\\x1b[2J\\x1b]0;title\\x07\\rover\x1b[0m"
    )
    assert Prefixes([], colour=False, terminal=True).line(("h", "a"), "tab\tstays") == "h/a | tab\tstays\n"
