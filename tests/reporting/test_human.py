"""The plan's text, literally."""

import pytest
from msgspec.structs import replace

from deployer.diagnostics import Origin
from deployer.fields.field import Change
from deployer.model.plan import Action, FieldDiff, HostPlan, Plan, Refusal, ResourceChange, Unreachable
from deployer.reporting.human import plan_text
from deployer.reporting.lines import Sheet, render
from tests.reporting import samples
from tests.reporting.golden import Golden
from tests.reporting.samples import container, plan, play


def shown(found: Plan, *, steps: bool = False) -> str:
    return render(plan_text(found, steps=steps), colour=False)


def with_change(change: ResourceChange) -> Plan:
    return plan(HostPlan("web1", "shop", (change,)))


def diff(old: str, new: str, effect: Change = Change.UPDATE, source: str = "not declared") -> FieldDiff:
    return FieldDiff(("command",), old, new, effect, source=source)


def value_line(found: FieldDiff) -> str:
    text = shown(with_change(ResourceChange(container("web"), Action.UPDATE, (found,), "in place")))
    return " ".join(text.splitlines()[2].split())


def test_a_host_with_changes_and_one_without(golden: Golden) -> None:
    golden.check("plan.txt", shown(plan(samples.host_plan(), samples.unchanged("web2"))))


def test_every_kind_of_trouble(golden: Golden) -> None:
    noted = replace(samples.unchanged("web2"), notes=("network.back: not created by this project; used as it is",))
    lost = (samples.LOST, Unreachable("web4", "web4:22: no route\nto the host"))
    golden.check("plan-trouble.txt", shown(plan(samples.refusing(), noted, unreachable=lost)))


def test_steps_are_shown_when_asked_for(golden: Golden) -> None:
    golden.check("plan-steps.txt", shown(plan(samples.host_plan()), steps=True))


def test_colours_only_repeat_what_the_text_says(golden: Golden) -> None:
    lines = plan_text(plan(samples.host_plan(), samples.refusing("web2")))
    coloured = render(lines, colour=True)
    golden.check("plan-coloured.txt", coloured.replace("\x1b", "ESC"))
    for code in ("1", "2", "31", "32", "33", "35", "1;31", "0"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == render(lines, colour=False)


def test_hosts_with_the_same_changes_share_a_block() -> None:
    text = shown(plan(*(samples.host_plan(f"web{number}") for number in range(1, 4)), samples.host_plan("db1")))
    assert [found for found in text.splitlines() if not found.startswith(" ")] == [
        "shop on db1, web[1:3]",
        "Plan: 8 to create, 4 to update, 4 to replace, 0 to remove on 4 hosts.",
    ]


def test_hosts_whose_values_come_from_different_places_do_not_share_a_block() -> None:
    other = samples.host_plan("web2")
    moved = replace(other.changes[2], diffs=(replace(samples.memory_diff(), origin=Origin("host_vars/web2.yml", 1)),))
    changed = replace(other, changes=(*other.changes[:2], moved, *other.changes[3:]))
    titles = [found for found in shown(plan(samples.host_plan(), changed)).splitlines() if found.startswith("shop")]
    assert titles == ["shop on web1", "shop on web2"]


def test_simulated_hosts_are_named_as_such() -> None:
    text = shown(plan(samples.host_plan("s1", simulated=True), samples.unchanged("s2", simulated=True)))
    assert [found for found in text.splitlines() if not found.startswith(" ")] == [
        "shop on s1 (simulated)",
        "shop on s2 (simulated): no changes",
        "Plan: 2 to create, 1 to update, 1 to replace, 0 to remove on 2 hosts (simulated).",
    ]


def test_real_and_simulated_hosts_never_share_a_block() -> None:
    text = shown(plan(samples.unchanged("web1"), samples.unchanged("web2", simulated=True)))
    assert text == (
        "shop on web1: no changes\nshop on web2 (simulated): no changes\nPlan: no changes on 2 hosts (1 simulated).\n"
    )


def test_plays_are_named_when_there_are_several_and_batches_too() -> None:
    hosts = tuple(samples.unchanged(f"web{number}") for number in range(1, 6))
    batches = (("web1",), ("web2", "web3", "web4", "web5"))
    first, second = play(*hosts, batches=batches), play(samples.unchanged("db1"), name="Databases")
    assert shown(Plan((first, second))) == (
        "Play: Web tier\n"
        "shop: in 2 batches: web1, then web[2:5]\n"
        "shop on web[1:5]: no changes\n"
        "Play: Databases\n"
        "shop on db1: no changes\n"
        "Plan: no changes on 6 hosts.\n"
    )


def test_changes_on_a_host_with_a_refusal_are_not_counted() -> None:
    assert shown(plan(samples.refusing(), samples.host_plan("web2"))).splitlines()[-1] == (
        "Plan: 2 to create, 1 to update, 1 to replace, 0 to remove on 2 hosts; "
        "1 refused, so nothing is changed on web1."
    )


@pytest.mark.parametrize(
    ("action", "reason", "expected"),
    [
        (Action.REMOVE, "absent", "- container web remove: absent pb.yml:3"),
        (Action.START, "is exited with code 137", "> container web start: is exited with code 137 pb.yml:3"),
        (Action.STOP, "is running", "# container web stop: is running pb.yml:3"),
        (Action.REPLACE_START_FIRST, "start-first", "+/- container web replace, start-first pb.yml:3"),
        (Action.CREATE, "", "+ container web declared at pb.yml:3"),
        (Action.UPDATE, "pull, the tag moved", "~ container web pull, the tag moved pb.yml:3"),
    ],
)
def test_every_action_is_described(action: Action, reason: str, expected: str) -> None:
    text = shown(with_change(ResourceChange(container("web"), action, (), reason, Origin("pb.yml", 3, 1))))
    assert " ".join(text.splitlines()[-2].split()) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("1", "2", "command 1 → 2 not declared"),
        ("", "2", "command set to 2 not declared"),
        ("1", "", "command removed (was 1) not declared"),
        ("***", "***", "command (secret, changed) not declared"),
        ("***", "open", "command *** → open not declared"),
        ('""', "x", 'command "" → x not declared'),
        ("x ", "x", 'command "x " → x not declared'),
        ("a\tb\x1b[2J", "c\u202e", "command a\\tb\\x1b[2J → c\\u202e not declared"),
    ],
)
def test_how_values_are_shown(old: str, new: str, expected: str) -> None:
    assert value_line(diff(old, new)) == expected


def test_of_a_long_text_the_first_lines_are_shown() -> None:
    found = diff("\n".join(map(str, range(200))), "\n".join(map(str, range(200, 400))))
    text = shown(with_change(ResourceChange(container("web"), Action.UPDATE, (found,), "in place")))
    assert text.splitlines()[-2].strip() == "… and 301 more lines"
    assert len(text.splitlines()) < 110


def test_texts_of_several_lines_are_compared_line_by_line() -> None:
    found = diff("a\nb\nc\nd\n", "a\nB\nc\nd\n", source="labels")
    text = shown(with_change(ResourceChange(container("web"), Action.UPDATE, (found,), "in place")))
    assert text.splitlines()[2:-1] == [
        "         command      changed lines:  labels",
        "           …",
        "             a",
        "           - b",
        "           + B",
        "             c",
    ]


def test_fields_that_force_a_replacement_are_marked_when_others_do_not() -> None:
    diffs = (diff("1", "2", Change.UPDATE), diff("3", "4", Change.REPLACE))
    text = shown(with_change(ResourceChange(container("web"), Action.REPLACE_STOP_FIRST, diffs)))
    assert [" ".join(found.split()) for found in text.splitlines()[2:4]] == [
        "command 1 → 2 not declared",
        "command 3 → 4 (needs replacement) not declared",
    ]


def test_a_long_value_does_not_push_the_places_of_the_others_away() -> None:
    long = replace(diff("x" * 100, "y"), origin=Origin("a.yml", 1))
    text = shown(with_change(ResourceChange(container("web"), Action.UPDATE, (diff("1", "2"), long), "in place")))
    assert text.splitlines()[2:4] == [
        "         command      1 → 2  not declared",
        f"         command      {'x' * 100} → y  a.yml:1",
    ]


@pytest.mark.parametrize(
    ("old", "new", "width", "lines"),
    [
        ("a", "b", 80, ["         command  a → b  not declared"]),
        (
            "postgres://db/shop?timeout=10&more=yes",
            "postgres://db/shop?timeout=20&more=yes",
            80,
            [
                "         command  changed:  not declared",
                "           - postgres://db/shop?timeout=10&more=yes",
                "           + postgres://db/shop?timeout=20&more=yes",
                "                                        ^^",
            ],
        ),
        (
            "sleep 1 " + "and again " * 9,
            "sleep 1 " + "and again " * 9 + "once more",
            60,
            [
                "         command  changed:  not declared",
                "           - … again and again and again and again",
                "           + … again and again and again and again once more",
                "                                                   ^^^^^^^^^",
            ],
        ),
        (
            "x" * 60,
            "y" * 60,
            40,
            ["         command  changed:  not declared", f"           - {'x' * 60}", f"           + {'y' * 60}"],
        ),
        (
            f"password=hunter2&{'a' * 60}",
            f"password=hunter2&{'a' * 60}b",
            100,
            [
                "         command  changed:  not declared",
                f"           - password=***&{'a' * 60}",
                f"           + password=***&{'a' * 60}b",
            ],
        ),
    ],
)
def test_values_that_do_not_fit_stand_below_each_other(old: str, new: str, width: int, lines: list[str]) -> None:
    sheet = Sheet(width, lambda text: text.replace("hunter2", "***"))
    found = plan_text(with_change(ResourceChange(container("web"), Action.UPDATE, (diff(old, new),))), sheet=sheet)
    assert [str(each).rstrip() for each in found[2:][: len(lines)]] == [each.rstrip() for each in lines]


def test_a_refusal_without_changes_has_no_note_on_changes() -> None:
    refusal = Refusal(container("web"), "is protected", "remove 'protect' to remove it")
    assert shown(plan(HostPlan("web1", "shop", refusals=(refusal,)))) == (
        "shop on web1\n"
        "  !    container web  refused: is protected\n"
        "         hint: remove 'protect' to remove it\n"
        "Plan: no changes on 1 host; 1 refused, so nothing is changed on web1.\n"
    )
