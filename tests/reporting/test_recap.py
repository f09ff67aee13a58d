"""What came of a run, literally."""

from msgspec.structs import replace

from deployer.errors import ExitCode
from deployer.model.history import changes_of, result_of
from deployer.model.operations import (
    AwaitHealthy,
    Operation,
    RemoveManifest,
    StartContainer,
    WriteManifest,
    WriteRecord,
)
from deployer.model.outcome import Cut, HostOutcome, Outcome, Status, StepResult
from deployer.model.plan import Action, Phase, ResourceChange, Unreachable
from deployer.reporting.lines import Sheet, render
from deployer.reporting.recap import check_recap, recap_text
from deployer.reporting.tally import tally
from tests.reporting import samples
from tests.reporting.golden import Golden


def shown(outcome: Outcome) -> str:
    return render(recap_text(outcome), colour=False)


def test_success_is_one_line_a_host_as_ansible_prints_it() -> None:
    outcome = samples.outcome(samples.succeeded("web2"), HostOutcome(samples.unchanged("web1"), unchanged=7))
    assert shown(outcome) == (
        "RECAP\n"
        "web1                       : ok=7    changed=0    unreachable=0    failed=0    skipped=0    refused=0    "
        "rolledback=0\n"
        "web2                       : ok=7    changed=4    unreachable=0    failed=0    skipped=0    refused=0    "
        "rolledback=0\n"
    )


def test_every_kind_of_trouble(golden: Golden) -> None:
    lost = HostOutcome(samples.host_plan("web4"), unreachable=replace(samples.LOST, host="web4", message="lost"))
    refused = HostOutcome(samples.refusing("web5"), refused=True, unchanged=2)
    stopped = samples.succeeded("web6")
    results = (*stopped.results[:3], *(replace(found, status=Status.SKIPPED) for found in stopped.results[3:]))
    interrupted = replace(stopped, results=results, interrupted=True)
    drifting = replace(
        samples.succeeded("web7"),
        remaining=(
            ResourceChange(samples.container("db", "web7"), Action.UPDATE, (samples.memory_diff(),), "in place"),
            ResourceChange(samples.container("web", "web7"), Action.START, reason="keeps restarting"),
        ),
    )
    hosts = (samples.rolled_back(), lost, refused, interrupted, drifting)
    golden.check("recap-trouble.txt", shown(samples.outcome(*hosts, unreachable=(samples.LOST,))))


def test_a_host_that_was_rolled_back_is_no_success() -> None:
    found = tally(samples.rolled_back())
    assert (found.failed, found.rolledback, found.changed, found.ok) == (1, 1, 3, 4)


def test_what_could_not_be_rolled_back_is_not_called_rolled_back() -> None:
    outcome = samples.rolled_back()
    results = list(outcome.results)
    results[4] = replace(results[4], status=Status.FAILED, error="could not be rolled back: gone", stuck=True)
    text = shown(samples.outcome(replace(outcome, results=tuple(results))))
    assert "web1/container.web: only partly rolled back" in text
    assert "as it was before" not in text


def test_what_did_not_converge_counts_as_failed_not_as_changed() -> None:
    change = ResourceChange(samples.container("db"), Action.UPDATE, (samples.memory_diff(),), "in place")
    found = tally(replace(samples.succeeded(), remaining=(change,)))
    assert (found.failed, found.changed, found.ok) == (1, 3, 6)


def test_a_step_that_the_operator_or_a_lost_connection_ended_has_not_failed() -> None:
    whole = samples.succeeded()
    ended = replace(whole.results[7], status=Status.FAILED, error="the end of it", cut=Cut.LOST)
    results = (*whole.results[:7], ended, replace(whole.results[8], status=Status.SKIPPED))
    lost = replace(whole, results=results, unreachable=Unreachable("web1", "the end of it"))
    found = tally(lost)
    assert (found.unreachable, found.failed, found.changed, found.skipped, found.ok) == (1, 0, 4, 1, 6)
    assert shown(samples.outcome(lost)).splitlines()[:3] == [
        "web1: unreachable: the end of it",
        "web1: skipped, because the connection to the host was lost: container.web (changed in part)",
        "",
    ]
    undone = (*(replace(each, status=Status.UNDONE) for each in results[3:7]), replace(ended, cut=Cut.STOPPED))
    stopped = replace(whole, results=(*results[:3], *undone, results[8]), interrupted=True)
    found = tally(stopped)
    assert (found.failed, found.changed, found.skipped, found.rolledback) == (0, 3, 0, 1)
    assert (stopped.exit_code, result_of(stopped)) == (ExitCode.INTERRUPTED, "interrupted")
    assert "failed" not in shown(samples.outcome(stopped)).partition("RECAP")[0]


def test_what_was_replaced_before_the_connection_was_lost_is_changed_although_the_old_container_is_left() -> None:
    whole = samples.succeeded()
    at_last = replace(whole.results[8].step, phase=Phase.COMMIT)
    lost = replace(whole, results=(*whole.results[:8], StepResult(at_last, Status.SKIPPED)), unreachable=samples.LOST)
    found = tally(lost)
    assert (found.changed, found.skipped, found.ok) == (4, 0, 7)
    texts, counts = changes_of(lost)
    assert texts[3] == "-/+ container.web"
    assert counts.replace == 1


def test_a_new_container_that_failed_and_stays_is_changed() -> None:
    whole = samples.succeeded()
    failed = replace(whole.results[7], status=Status.FAILED, error="is unhealthy")
    found = tally(
        replace(whole, results=(*whole.results[:7], failed, replace(whole.results[8], status=Status.SKIPPED)))
    )
    assert (found.failed, found.changed, found.ok, found.skipped) == (1, 4, 6, 0)


def test_what_is_only_on_record_of_a_failed_resource_is_not_changed() -> None:
    """Whatever writes records, and whatever waits: only the other operations change something."""
    whole = samples.succeeded()
    failed = replace(whole.results[7], status=Status.FAILED, error="no space left")

    def changed(operation: Operation) -> int:
        before = StepResult(replace(failed.step, operation=operation), Status.DONE)
        return tally(replace(whole, results=(*whole.results[:3], before, failed))).changed

    number = changed(WriteManifest("deployer.manifest.shop.1", {}))
    assert number == 3
    assert changed(RemoveManifest("deployer.manifest.shop.1")) == number
    assert changed(WriteRecord("web-1", 2, {})) == number
    assert changed(AwaitHealthy("web-1", 1.0, 1.0)) == number
    assert changed(StartContainer("web-1")) == number + 1


def test_what_was_skipped_is_named_with_the_reason() -> None:
    whole = samples.succeeded()
    failed = replace(whole.results[0], status=Status.FAILED, error="no such image")
    skipped = (replace(each, status=Status.SKIPPED) for each in whole.results[3:])
    found = replace(whole, results=(failed, *whole.results[1:3], *skipped))
    assert shown(samples.outcome(found)).splitlines()[:2] == [
        "web1/image.shop/web:1.4.2: pulling failed: no such image",
        "web1: skipped, because image.shop/web:1.4.2 failed: container.web",
    ]


def test_hosts_that_failed_alike_are_reported_once() -> None:
    hosts = [samples.rolled_back(f"web{number}") for number in range(9, 12)]
    other = replace(hosts[0], plan=samples.host_plan("db1"))
    results = (*other.results[:7], replace(other.results[7], log=""), other.results[8])
    text = shown(samples.outcome(*hosts, replace(other, results=results))).partition("RECAP")[0]
    assert [found for found in text.splitlines() if "/container" in found] == [
        "web[9:11]/container.web: new container: waiting until healthy failed: not healthy after 60s",
        "web[9:11]/container.web: rolled back to the state before this run",
        "db1/container.web: new container: waiting until healthy failed: not healthy after 60s",
        "db1/container.web: rolled back to the state before this run",
    ]


def test_counts_of_zero_are_left_out_where_the_lines_do_not_fit() -> None:
    outcome = samples.outcome(samples.rolled_back(), HostOutcome(samples.unchanged("web2"), unchanged=7))
    lines = [str(found) for found in recap_text(outcome, Sheet(80))]
    assert lines[lines.index("RECAP") + 1 :] == [
        "web1                       : ok=4    changed=3    failed=1    rolledback=1",
        "web2                       : ok=7    changed=0",
    ]
    assert recap_text(outcome, Sheet(125)) == recap_text(outcome)


def test_plays_of_one_host_are_added_up() -> None:
    outcome = samples.outcome(samples.succeeded(), HostOutcome(samples.unchanged("web1"), unchanged=2))
    assert shown(outcome).splitlines()[1].startswith("web1                       : ok=9    changed=4 ")


def test_hosts_whose_turn_never_came_are_listed() -> None:
    plan = samples.plan(samples.host_plan("web1"), samples.host_plan("web2"))
    text = shown(Outcome(plan, (samples.rolled_back("web1"),)))
    assert "web2: 4 changes of shop not started: the run ended first\n" in text
    assert "web2                       : ok=0    changed=0    unreachable=0    failed=0    skipped=4 " in text


def test_simulated_hosts_are_named_as_such() -> None:
    outcome = samples.outcome(HostOutcome(samples.unchanged("s1", simulated=True), unchanged=1))
    assert shown(outcome).splitlines()[1].startswith("s1 (simulated)             : ok=1 ")


def test_engine_warnings_are_repeated() -> None:
    outcome = samples.succeeded()
    results = (replace(outcome.results[2], warnings=("no swap limit support",)),)
    assert "web1/container.db: no swap limit support\n" in shown(samples.outcome(replace(outcome, results=results)))


def test_a_dry_run_counts_pending_changes() -> None:
    plan = samples.plan(samples.host_plan(), samples.refusing("web2"), unreachable=(samples.LOST,))
    text = render(check_recap(plan), colour=False)
    assert [" ".join(found.split()) for found in text.splitlines()] == [
        "RECAP",
        "web1 : ok=0 changed=4 unreachable=0 failed=0 skipped=0 refused=0 rolledback=0",
        "web2 : ok=0 changed=0 unreachable=0 failed=0 skipped=0 refused=1 rolledback=0",
        "web3 : ok=0 changed=0 unreachable=1 failed=0 skipped=0 refused=0 rolledback=0",
    ]
