"""The host that runs a job for all goes first: what becomes of the batches of any play."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from deployer.model.desired import Address, Kind, RunOnce
from deployer.model.operations import StartContainer
from deployer.model.plan import Action, HostPlan, PlayPlan, ResourceChange, Step
from deployer.planning.run_once import lead

WEB = ResourceChange(Address("h", Kind.CONTAINER, "web"), Action.CREATE)
STEP = Step(1, StartContainer("web-1"), WEB.address, "missing")


def job(host: str, action: Action = Action.RUN) -> ResourceChange:
    return ResourceChange(Address(host, Kind.JOB, "migrate"), action)


def play(*batches: tuple[str, ...], runs: str = "", without: str = "") -> PlayPlan:
    """Every host has something to do; one of them runs the job, and one is not among them."""
    hosts = [name for batch in batches for name in batch if name != without]
    plans = tuple(HostPlan(name, "shop", (WEB, *([job(name)] if name == runs else [])), (STEP,)) for name in hosts)
    reached = (tuple(name for name in batch if name != without) for batch in batches)
    return PlayPlan("Web", "shop", plans, tuple(filter(None, reached)))


BATCHES = st.lists(st.integers(1, 4), min_size=1, max_size=5).map(
    lambda sizes: tuple(
        tuple(f"h{sum(sizes[:place]) + number}" for number in range(size)) for place, size in enumerate(sizes)
    )
)


@given(BATCHES, st.data())
def test_its_host_is_alone_in_the_first_batch_and_all_others_keep_their_order(
    batches: tuple[tuple[str, ...], ...], data: st.DataObject
) -> None:
    every = [name for batch in batches for name in batch]
    first = data.draw(st.sampled_from(every))
    found = lead(play(*batches, runs=first), RunOnce(first, ("migrate",)))
    assert found.batches[0] == (first,)
    assert [name for batch in found.batches[1:] for name in batch] == [name for name in every if name != first]
    assert all(found.batches)
    assert all(any(set(batch) <= set(before) for before in batches) for batch in found.batches)
    assert found.once == RunOnce(first, ("migrate",))


@given(BATCHES)
def test_without_anything_to_run_nothing_changes(batches: tuple[tuple[str, ...], ...]) -> None:
    given_play = play(*batches)
    assert lead(given_play, RunOnce(batches[0][0], ("migrate",))) == given_play


def test_removing_the_record_of_a_job_is_not_a_run() -> None:
    plan = HostPlan("h1", "shop", (job("h1", Action.REMOVE),))
    only = PlayPlan("Web", "shop", (plan, HostPlan("h2", "shop")), (("h1", "h2"),))
    assert lead(only, RunOnce("h1", ("migrate",))) == only


def test_where_its_host_cannot_be_reached_those_with_work_are_refused() -> None:
    found = lead(play(("h1", "h2"), without="h1"), RunOnce("h1", ("migrate",)))
    (refusal,) = found.hosts[0].refusals
    assert (str(refusal.address), refusal.summary) == (
        "h2/job.migrate",
        "runs once, on h1, which is unreachable",
    )
    idle = PlayPlan("Web", "shop", (HostPlan("h2", "shop"),), (("h2",),))
    assert lead(idle, RunOnce("h1", ("migrate",))) == idle


def test_excluding_the_first_host_is_noted_on_the_others() -> None:
    once = RunOnce("h1", ("migrate", "seed"), reached=False)
    found = lead(play(("h1", "h2"), without="h1"), once)
    assert found.hosts[0].notes == (
        "jobs migrate, seed: run once, on h1, which --limit excludes; it counts as done here",
    )
    idle = PlayPlan("Web", "shop", (HostPlan("h2", "shop"),), (("h2",),))
    assert lead(idle, once) == idle
