"""Which hosts a pattern or a limit means."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.inventory.inventory import Inventory, load_inventory
from deployer.config.inventory.patterns import select, select_limit, split_pattern
from deployer.diagnostics import Origin, Problems
from tests.config.helpers import messages

HERE = Origin("site.yml", 2, 10)

HOSTS = """\
[web]
web01.example.com
web02.example.com
web03.example.com
[db]
db1
db2
[zone_a]
web01.example.com
db1
[zone_b]
web02.example.com
db2
[dc1:children]
zone_a
zone_b
[empty]
[six]
fe80::1
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    path = tmp_path / "hosts"
    path.write_text(HOSTS)
    problems = Problems()
    made = load_inventory([str(path)], problems)
    assert messages(problems) == []
    return made


def short(hosts: tuple[str, ...]) -> str:
    return " ".join(host.partition(".")[0] for host in hosts)


@pytest.mark.parametrize(
    ("pattern", "hosts"),
    [
        ("all", "web01 web02 web03 db1 db2 fe80::1"),
        ("*", "web01 web02 web03 db1 db2 fe80::1"),
        ("web", "web01 web02 web03"),
        ("db,web", "db1 db2 web01 web02 web03"),
        ("web:db", "web01 web02 web03 db1 db2"),
        ("web, db1 ,", "web01 web02 web03 db1"),
        ("db1", "db1"),
        ("web:&zone_a", "web01"),
        ("web:!zone_a", "web02 web03"),
        ("!zone_a:web", "web02 web03"),
        ("web:&dc1:!web02.example.com", "web01"),
        ("dc1,!db", "web01 web02"),
        ("!db", "web01 web02 web03 fe80::1"),
        ("&db", "db1 db2"),
        ("web[0]", "web01"),
        ("web[-1]", "web03"),
        ("web[0:1]", "web01 web02"),
        ("web[1:]", "web02 web03"),
        ("web[0-1]", "web01 web02"),
        ("web[1:99]", "web02 web03"),
        ("web[1:]:&zone_b", "web02"),
        ("*.example.com", "web01 web02 web03"),
        ("web0?.example.com", "web01 web02 web03"),
        ("web0[13].example.com", "web01 web03"),
        ("d*", "db1 db2 web01 web02"),
        ("zone_*", "web01 db1 web02 db2"),
        ("~web0[13].*", "web01 web03"),
        ("~(db|zone_)", "db1 db2 web01 web02"),
        ("fe80::1", "fe80::1"),
        ("fe80::1,db1", "fe80::1 db1"),
        ("localhost", "localhost"),
        ("web:!empty", "web01 web02 web03"),
        ("all[0]", "web01"),
    ],
)
def test_patterns(inventory: Inventory, pattern: str, hosts: str) -> None:
    problems = Problems()
    assert short(select(pattern, inventory, problems, origin=HERE)) == hosts
    assert messages(problems) == []


def test_a_list_of_patterns_is_their_union(inventory: Inventory) -> None:
    assert short(select(["db2", "web:!zone_a"], inventory, Problems(), origin=HERE)) == "db2 web02 web03"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("wbe", ["no host or group matches 'wbe'; did you mean 'web'?"]),
        (
            "db3,wbe",
            [
                "no host or group matches 'db3'; did you mean 'db'?",
                "no host or group matches 'wbe'; did you mean 'web'?",
            ],
        ),
        ("web:&zone_x", ["no host or group matches 'zone_x'; did you mean 'zone_b'?"]),
        ("web:!zone_x", ["no host or group matches 'zone_x'; did you mean 'zone_b'?"]),
        ("nothing*", ["no host or group matches 'nothing*'"]),
        ("~nothing", ["no host or group matches '~nothing'"]),
        ("~we(b", ["'~we(b' is not a regular expression: missing ), unterminated subpattern at position 2"]),
        ("empty", ["the group 'empty' has no hosts"]),
        ("web[3]", ["'web' has 3 hosts; there is none at [3]"]),
        ("web[-4]", ["'web' has 3 hosts; there is none at [-4]"]),
        ("web[5:]", ["'web' has 3 hosts; there is none at [5:]"]),
        ("wbe[0]", ["no host or group matches 'wbe'; did you mean 'web'?"]),
        ("web:&db", ["the pattern 'web:&db' matches no host"]),
        ("web:!web", ["the pattern 'web:!web' matches no host"]),
        ("", ["the pattern '' names no host"]),
        (" , ", ["the pattern ' , ' names no host"]),
        ("web,&", ["no host or group matches ''"]),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(inventory: Inventory, pattern: str, expected: list[str]) -> None:
    problems = Problems()
    assert select(pattern, inventory, problems, origin=HERE) == ()
    assert messages(problems) == [f"site.yml:2:10: {message}" for message in expected]


def test_without_hosts_the_inventory_is_missing() -> None:
    problems = Problems()
    assert select("web", Inventory(), problems, origin=HERE) == ()
    assert messages(problems) == [
        "site.yml:2:10: 'web' matches nothing: the inventory has no hosts; name an inventory with -i"
    ]
    assert select("localhost", Inventory(), Problems(), origin=HERE) == ("localhost",)


def test_a_limit_may_name_files_of_patterns(inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "retry"
    path.write_text("# failed\ndb1\n\n  web03.example.com,web01.example.com\n")
    problems = Problems()
    assert short(select_limit(f"@{path},!web01.example.com", inventory, problems)) == "db1 web03"
    assert messages(problems) == []


def test_errors_in_a_limit_name_the_flag_or_the_files_line(inventory: Inventory, tmp_path: Path) -> None:
    path = tmp_path / "retry"
    path.write_text("db1\ndb9\n")
    problems = Problems()
    assert select_limit(f"wbe,@{path},@{tmp_path}/none", inventory, problems) == ()
    assert messages(problems) == [
        f"--limit: the file {tmp_path}/none cannot be read: No such file or directory",
        "--limit: no host or group matches 'wbe'; did you mean 'web'?",
        f"{path}:2:1: no host or group matches 'db9'; did you mean 'db'?",
    ]


def test_a_missing_file_is_one_error(inventory: Inventory, tmp_path: Path) -> None:
    problems = Problems()
    assert select_limit(f"@{tmp_path}/none", inventory, problems) == ()
    assert messages(problems) == [f"--limit: the file {tmp_path}/none cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("pattern", "items"),
    [
        ("a:b", ("a", "b")),
        ("a,b:c", ("a", "b:c")),
        ("10.0.0.1:22", ("10.0.0.1:22",)),
        ("[::1]:22", ("[::1]:22",)),
        ("::1", ("::1",)),
        ("a[0:1]:b", ("a[0:1]", "b")),
        ("a[1:]", ("a[1:]",)),
    ],
)
def test_colons_separate_unless_they_belong_to_an_address(pattern: str, items: tuple[str, ...]) -> None:
    assert split_pattern(pattern) == items
