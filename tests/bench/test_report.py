"""What `make bench` makes of its measurements, and how it measures; the measurements themselves need the lab."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.bench import workload
from tests.bench.measure import BenchError, Sample, Series, Subject, alternate, run
from tests.bench.report import Comparison, Limit, Section, growth, missed, text
from tests.bench.scenarios import Bench


def _series(name: str, *walls: float) -> Series:
    return Series(name, tuple(Sample(wall, wall / 2, 20_000_000) for wall in walls))


OURS, THEIRS = _series("deployer", 0.3, 0.1, 0.2), _series("compose", 0.1, 0.4, 0.2)
SECTIONS = [
    Section("One host", (OURS, THEIRS), (Comparison("plan / Compose", OURS, THEIRS, 0.9),)),
    Section("Alone", (), limits=(Limit("memory", 20.0, 250.0),), notes=("said once",)),
]


def test_a_ratio_is_one_of_medians() -> None:
    assert Comparison("", OURS, THEIRS, 1.0).ratio == 1.0


def test_the_report_has_every_series_and_every_budget() -> None:
    assert text(SECTIONS).splitlines() == [
        "             median  shortest  longest      CPU  memory",
        "One host",
        "  deployer  0.200 s   0.100 s  0.300 s  0.100 s   20 MB",
        "  compose   0.200 s   0.100 s  0.400 s  0.100 s   20 MB",
        "Alone",
        "",
        "                measured   budget",
        "plan / Compose     1.000    0.900  MISSED",
        "memory            20.000  250.000      ok",
        "",
        "said once",
    ]


def test_only_budgets_that_were_exceeded_are_missed() -> None:
    assert missed(SECTIONS) == ["plan / Compose"]


def test_growth_is_the_least_cpu_of_each_further_host() -> None:
    small, large = _series("deployer plan, 1 × 20", 0.4, 0.2), _series("deployer plan, 10 × 20", 0.9, 0.8)
    expected = "deployer plan: 33.3 ms of CPU for each further host, from 1 to 10"
    assert growth((10, 1), (large, small)) == expected


def test_another_checkout_is_run_in_the_same_environment(tmp_path: Path) -> None:
    checkout, program = tmp_path / "other", tmp_path / "program"
    (checkout / "deployer").mkdir(parents=True)
    (checkout / "deployer" / "__init__.py").write_text("print('the other one')")
    program.write_text("import deployer")
    bench = Bench((), tmp_path, 1, (), against=checkout)
    subjects = bench.both(Subject("plan", [sys.executable, str(program)]))
    outputs: list[str] = []
    for subject in subjects:
        run(replace(subject, check=outputs.append))
    assert outputs == ["", "the other one\n"]
    assert [subject.name for subject in subjects] == ["plan", f"plan ({checkout})"]


def test_without_another_checkout_the_program_is_alone(tmp_path: Path) -> None:
    subject = Subject("plan", ["true"])
    assert Bench((), tmp_path, 1, ()).both(subject) == [subject]


def test_subjects_take_turns_and_the_first_round_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def subject(name: str) -> Subject:
        code = f"open({str(log)!r}, 'a').write({name!r})"
        return Subject(name, [sys.executable, "-c", code])

    found = alternate([subject("a"), subject("b")], rounds=2)
    assert log.read_text() == "ababab"
    assert [(series.name, len(series.samples)) for series in found] == [("a", 2), ("b", 2)]


def test_children_may_use_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    code = "import sys; sys.exit(sys.dont_write_bytecode)"
    assert run(Subject("python", [sys.executable, "-c", code])).memory > 1_000_000


def test_a_failed_child_is_not_measured() -> None:
    with pytest.raises(BenchError, match="broken: exit code 3: why"):
        run(Subject("broken", ["sh", "-c", "echo why; exit 3"]))


def test_three_tools_are_given_the_same_containers(tmp_path: Path) -> None:
    workload.write(tmp_path, [])
    (play,) = json.loads((tmp_path / "bench.yml").read_text())
    compose = json.loads((tmp_path / "compose.yml").read_text())
    (ansible,) = yaml.safe_load((tmp_path / "ansible.yml").read_text())
    assert play["containers"] == compose["services"]
    assert ansible["tasks"][1]["loop"] == list(play["containers"])
    assert len(play["containers"]) == workload.COUNT
