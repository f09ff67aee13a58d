"""Which images a project pulled, from records and what the engine lists."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.engine.answers import ListedImage
from deployer.engine.observe import needs_of, observe
from deployer.engine.pulled_images import claims, still_there, updated
from deployer.model.observed import PulledImage
from deployer.model.volume_names import record as volume_name
from deployer.simulated import SimulatedEngine
from tests.model.test_history import RECORD
from tests.planning.build import play

ONE, TWO = "docker.io/library/one:1", "reg.example.com/two:2"
OLD = ListedImage("old", ["<none>:<none>"], ["one@sha256:" + "0" * 64])
NEW = ListedImage("new", ["one:1", "one:latest"])


def test_names_are_complete() -> None:
    assert NEW.references == {ONE, "docker.io/library/one:latest"}
    assert OLD.references == {"docker.io/library/one@sha256:" + "0" * 64}


def test_recorded_images_that_still_exist() -> None:
    record = replace(RECORD, pulled=((ONE, "old"), (ONE, "new"), (TWO, "gone")))
    assert still_there({"shop": record}, [OLD, NEW]) == (
        PulledImage("shop", ONE, "old", False, OLD.references),
        PulledImage("shop", ONE, "new", True, NEW.references),
    )


def test_claims_are_names_and_ids() -> None:
    record = replace(RECORD, pulled=((ONE, "new"),), declared=(TWO,))
    assert claims({"shop": record}) == {("shop", ONE), ("shop", "new"), ("shop", TWO)}


def test_a_run_adds_pulled_images_and_drops_missing_ones() -> None:
    assert updated([(ONE, "old"), (TWO, "gone")], [ONE], [OLD, NEW]) == ((ONE, "new"), (ONE, "old"))


def test_with_a_digest_the_tag_counts_for_nothing() -> None:
    digest = "sha256:" + "0" * 64
    assert updated([], [f"docker.io/library/one:1@{digest}"], [OLD]) == ((f"docker.io/library/one@{digest}", "old"),)


def test_a_host_is_only_asked_where_something_is_pruned() -> None:
    engine = SimulatedEngine()
    engine.pull_image(ONE, "", None, lambda _message: None)
    found = engine.inspect_image(ONE)
    assert found is not None
    record = replace(RECORD, pulled=((ONE, str(found["Id"])),), declared=())
    engine.create_volume({"Name": volume_name("shop", 7), "Labels": record.labels})
    wish = play("")
    seen = observe(engine, "web1", needs_of([replace(wish, prune=True)], lambda _reference: None))
    assert [(each.reference, each.is_tagged) for each in seen.pulled] == [(ONE, True)]
    assert seen.claimed == {("shop", ONE), ("shop", found["Id"])}
    assert observe(engine, "web1", needs_of([wish], lambda _reference: None)).pulled == ()
