"""Volumes: made when missing, never changed, and never lost as a side effect."""

from __future__ import annotations

from msgspec.structs import replace

from tests.planning.build import EMPTY, applied, changed, changes, nothing, plan, play, refusals, steps, stub, without

DATA = "volumes: {data: {driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}}}\n"
OTHER = DATA.replace("size=1m", "size=2m")
DB = "containers: {db: {image: db:1, volumes: ['data:/data']}}"
CONSENT = frozenset({"web1/volume.data"})


def test_a_missing_volume_is_made() -> None:
    found = plan(DATA, applied(EMPTY))
    assert steps(found) == ["#1 volume.data, CreateVolume data, missing"]
    assert nothing(plan(DATA, applied(DATA)))


def test_a_volume_removed_by_hand_is_made_before_its_container_is_started() -> None:
    host = without(applied(DATA + DB), "data")
    assert steps(plan(DATA + DB, host)) == ["#1 volume.data, CreateVolume data, missing"]


def test_a_volume_that_differs_is_refused_with_the_way_out() -> None:
    found = plan(OTHER, applied(DATA))
    assert refusals(found) == ["volume.data: differs from its declaration, and changing it would lose its data"]
    assert [(each.name, each.old, each.new) for each in found.refusals[0].diffs] == [
        ("driver_opts.o", "size=1m", "size=2m")
    ]
    assert found.refusals[0].hint.endswith("to give up the data, add --allow-data-loss web1/volume.data")
    assert not found.steps


def test_adopt_does_not_allow_data_loss() -> None:
    assert len(plan(OTHER, applied(DATA), adopt=True, prune=True).refusals) == 1
    assert len(plan(OTHER, applied(DATA), data_loss=frozenset({"web2/volume.data", "volume.data"})).refusals) == 1


def test_with_consent_for_that_very_volume_it_is_recreated_after_its_containers_went() -> None:
    found = plan(OTHER + DB, applied(DATA + DB), data_loss=CONSENT)
    assert steps(found) == [
        "#1 container.db, StopContainer db-1, mounts it",
        "[1] -> #2 container.db, RemoveContainer db-1, mounts it",
        "[2] -> #3 volume.data, RemoveVolume data, its data is lost",
        "[3] -> #4 volume.data, CreateVolume data, its data is lost",
        "[2,4] -> #5 container.db, CreateContainer db, missing",
        "[5] -> #6 container.db, StartContainer made by #5, missing",
        "[6] -> #7 container.db, AwaitHealthy made by #5, must work",
    ]
    assert changes(found) == [
        "-/+ volume.data (its data is lost): driver_opts.o size=1m → size=2m",
        "-/+ container.db (a volume it mounts is recreated)",
    ]


def test_a_volume_mounted_by_others_is_never_removed() -> None:
    host = replace(applied(DATA), others=(stub("theirs", volumes=frozenset({"data"})),))
    assert refusals(plan(OTHER, host, data_loss=CONSENT)) == [
        "volume.data: must be recreated, but is mounted by theirs"
    ]


def test_a_volume_declared_absent_stays_without_consent() -> None:
    found = plan("volumes: {data: {state: absent}}", applied(DATA))
    assert refusals(found) == ["volume.data: removing it would lose its data"]
    assert found.refusals[0].hint == "to remove it with its data, add --allow-data-loss web1/volume.data"
    assert not found.steps


def test_a_volume_declared_absent_goes_with_consent() -> None:
    found = plan("volumes: {data: {state: absent}}", applied(DATA), data_loss=CONSENT)
    assert steps(found) == [
        "#1 volume.data, RemoveVolume data, absent, at last",
    ]
    assert changes(found) == ["- volume.data (absent; its data is lost)"]
    assert nothing(plan("volumes: {data: {state: absent}}", applied(EMPTY)))


def test_it_goes_after_the_containers_that_mounted_it() -> None:
    wish = "volumes: {data: {state: absent}}\ncontainers: {db: {state: absent}}"
    assert steps(plan(wish, applied(DATA + DB), data_loss=CONSENT))[-1] == (
        "[2] -> #3 volume.data, RemoveVolume data, absent, at last"
    )
    replaced = "volumes: {data: {state: absent}}\ncontainers: {db: {image: db:1}}"
    assert steps(plan(replaced, applied(DATA + DB), data_loss=CONSENT))[-2:] == [
        "[6] -> #7 container.db, RemoveContainer db-1, replaced by #1, at last",
        "[7] -> #8 volume.data, RemoveVolume data, absent, at last",
    ]


def test_it_stays_while_a_container_mounts_it() -> None:
    wish = "volumes: {data: {state: absent}}"
    assert refusals(plan(wish, applied(DATA + DB), data_loss=CONSENT)) == [
        "volume.data: cannot be removed while containers mount it: db"
    ]
    host = replace(applied(DATA), others=(stub("theirs", volumes=frozenset({"data"})),))
    assert refusals(plan(wish, host, data_loss=CONSENT)) == [
        "volume.data: cannot be removed while containers mount it: theirs"
    ]


def test_nor_when_another_volume_without_a_name_would_go_along() -> None:
    vanishing = DB.replace("image: db:1", "image: db:1, auto_remove: true")
    here = changed(applied(DATA + vanishing), "db", anonymous={"/spool": "0" * 64})
    assert refusals(plan(OTHER + vanishing, here, data_loss=CONSENT)) == [
        "volume.data: must be recreated, but db mounts it, and is removed with its anonymous volumes when it stops"
    ]


def test_a_protected_volume_stays_whatever_is_allowed() -> None:
    absent = "volumes: {data: {state: absent, protect: true}}"
    assert refusals(plan(absent, applied(DATA), data_loss=CONSENT)) == ["volume.data: is protected"]
    other = OTHER.replace("driver_opts", "protect: true, driver_opts")
    assert refusals(plan(other, applied(DATA), data_loss=CONSENT)) == [
        "volume.data: must be recreated, but is protected"
    ]


def test_volumes_of_others_are_used_when_they_fit_and_never_touched() -> None:
    theirs = applied(play(DATA, project="other"))
    assert refusals(plan(DATA, theirs)) == ["volume.data: belongs to project other"]
    assert refusals(plan("volumes: {data: {state: absent}}", theirs, data_loss=CONSENT)) == [
        "volume.data: is not this project's, and removing it would lose its data"
    ]
    free = replace(theirs, volumes=tuple(replace(each, owner=type(each.owner)()) for each in theirs.volumes))
    found = plan(DATA, free)
    assert nothing(found)
    assert found.notes == ("volume.data: not created by this project; used as it is",)
    assert len(plan(OTHER, free, data_loss=CONSENT).refusals) == 1


def test_an_external_volume_has_to_exist_and_is_only_used() -> None:
    assert refusals(plan("volumes: {data: {external: true}}", applied(EMPTY))) == [
        "volume.data: external volume data does not exist"
    ]
    assert nothing(plan("volumes: {data: {external: true}}", applied(play(DATA, project="other"))))


def test_pruning_names_volumes_and_removes_only_those_that_were_named() -> None:
    found = plan("", applied(DATA), prune=True)
    assert nothing(found)
    assert found.notes == (
        "volume.data: no longer declared, kept; --remove-volume web1/volume.data removes it with its data",
    )
    assert steps(plan("", applied(DATA), prune=True, data_loss=CONSENT)) == [
        "#1 volume.data, RemoveVolume data, no longer declared, at last",
    ]


def test_a_volume_that_a_killed_command_was_filling_is_named() -> None:
    host, helper = applied(DATA), stub("deployer.volume.1", volumes=frozenset({"data"}), state="created")
    assert plan(DATA, replace(host, others=(helper,))).notes == ()
    found = plan(DATA, replace(host, others=(replace(helper, filling=True),)))
    assert nothing(found)
    assert found.notes == (
        "volume.data: its data is incomplete, a command was filling it; "
        "unless that still runs, fill it again: deployer volume restore FILE web1/data",
    )
