"""A tree of files and texts of `.dockerignore`, each with the files that an engine then has in its context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from deployer.values.ignore_file import Matches, parse

TREE: Final = (
    "#c",
    "README.md",
    "[x",
    "a.py",
    "docs/a.py",
    "docs/b.md",
    "docs/deep/c.py",
    "node_modules/m/index.js",
    "readme.md",
    "src/App.js",
    "src/a.log",
    "src/node_modules/n.js",
)
"""In the order in which they are sent."""

CASES: Final = (
    ("*\n!**/*.py", "a.py docs/a.py docs/deep/c.py"),
    ("[a-s]*", "#c README.md [x"),
    (
        "[A-S]*.md",
        "#c [x a.py docs/a.py docs/b.md docs/deep/c.py node_modules/m/index.js readme.md src/App.js"
        " src/a.log src/node_modules/n.js",
    ),
    ("\\[x\nsrc\nnode_modules\n*.md", "#c a.py docs/a.py docs/b.md docs/deep/c.py"),
    ("\ufeff*\n!src", "src/App.js src/a.log src/node_modules/n.js"),
    ("  *  \n  !docs/b.md  ", "docs/b.md"),
    ("#c\n*\n!#c\n", "#c"),
    ("/src/\n/node_modules\n/docs/../docs\n*.md\n?x\n?c", "a.py"),
    ("**/node_modules\n**/*.md\ndocs/**\n[[]x\n\\#c", "a.py src/App.js src/a.log"),
    (
        "src/*.log\nSRC\ndocs/*/\n*.PY\nnode_modules/**",
        "#c README.md [x a.py readme.md src/App.js src/node_modules/n.js",
    ),
    ("**\n!src/node_modules\n!docs/deep", "docs/deep/c.py src/node_modules/n.js"),
    ("*\n!docs\ndocs/*.py\n!docs/a.*", "docs/a.py docs/b.md docs/deep/c.py"),
    ("d*s\n!docs/deep\nsrc*\nn*", "#c README.md [x a.py docs/deep/c.py readme.md"),
    ("**s\n#\n[^a-r]*\n!src/**/n.js", "a.py readme.md src/node_modules/n.js"),
    ("docs/*\n!docs\n*.js\nsrc/**/*.js\nnode*/**", "#c README.md [x a.py readme.md src/a.log"),
)
"""The last one: a pattern that readmits a folder does not readmit what a pattern before it left out below."""


def kept(text: str) -> list[str]:
    """The files that are left."""
    ignored, above = parse(text), dict[str, Matches]()

    def walk() -> Iterator[str]:
        for path in TREE:
            parts = path.split("/")
            folders = ["/".join(parts[:n]) for n in range(1, len(parts))]
            matches: Matches = ()
            for folder in folders:
                _, above[folder] = ignored.check(folder, matches)
                matches = above[folder]
            if not ignored.check(path, matches)[0]:
                yield path

    return list(walk())
