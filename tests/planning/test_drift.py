"""How a host stands to what was last applied and to the playbook: every verdict, and no secret in any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.model import ownership
from deployer.model.desired import Desired, Kind
from deployer.model.drift import Drift, HostDrift, Verdict
from deployer.model.observed import Observed, Ownership
from deployer.planning.drift import find_drift
from tests.planning.build import EMPTY, answer, applied, changed, joined, play, stub, without

WEB = "containers: {web: {image: web:1, mem_limit: 64m, environment: {MODE: a}}}"


def drift(wish: str | Desired, host: Observed) -> list[str]:
    """`container.web: stopped (exited with code 1)`, with `; field old → new` for each difference."""
    found = find_drift(wish if isinstance(wish, Desired) else play(wish), host)
    return [_line(each) for each in found.found]


def _line(found: Drift) -> str:
    detail = f" ({found.detail})" if found.detail else ""
    diffs = "".join(f"; {diff.name} {diff.old or '-'} → {diff.new or '-'}" for diff in found.diffs)
    return f"{found.address.label}: {found.verdict.name}{detail}{diffs}"


def by_hand(host: Observed, name: str = "web", **values: Any) -> Observed:
    return changed(host, name, values=values)


# Nothing


@pytest.mark.parametrize(
    "text",
    [
        "",
        WEB,
        "networks: {front: {}}\nvolumes: {data: {}}\nimages: {'job:1': {}}\ncontainers: {web: {image: web:1}}",
        "containers: {web: {image: web:1, state: stopped}}",
        "containers: {web: {image: web:1, healthcheck: {test: [CMD, 'true']}}}",
    ],
)
def test_a_host_as_declared_has_no_drift(text: str) -> None:
    assert find_drift(play(text), applied(text)) == HostDrift("web1", "shop", ())


def test_excluded_and_external_resources_have_no_drift() -> None:
    tagged = "containers: {web: {image: web:1, tags: web}}\nvolumes: {data: {}}"
    assert drift(play(tagged, tags=("data",)), applied(EMPTY)) == []
    assert drift(play(tagged, tags=("web",)), applied(EMPTY)) == ["container.web: GONE"]
    assert drift("networks: {front: {external: true}}\nvolumes: {data: {external: true}}", applied(EMPTY)) == []


ABSENT = """
images: {"web:1": {state: absent}}
networks: {front: {state: absent}}
volumes: {data: {state: absent}}
containers: {web: {state: absent}}
"""


@pytest.mark.parametrize("project", ["shop", "other"])
def test_resources_declared_absent_that_exist_are_drift(project: str) -> None:
    there = f"networks: {{front: {{}}}}\nvolumes: {{data: {{}}}}\nimages: {{'web:1': {{}}}}\n{WEB}"
    assert drift(ABSENT, applied(EMPTY)) == []
    assert drift(ABSENT, applied(play(there, project=project))) == [
        "image.web:1: STILL_THERE",
        "network.front: STILL_THERE",
        "volume.data: STILL_THERE",
        "container.web: STILL_THERE",
    ]
    assert drift(play(ABSENT.replace("absent}", "absent, tags: x}"), tags=("y",)), applied(there)) == []


# Fields


def test_a_field_changed_by_hand() -> None:
    assert drift(WEB, by_hand(applied(WEB), mem_limit=128 * 1024**2)) == [
        "container.web: BY_HAND; mem_limit 64 MiB → 128 MiB"
    ]


def test_a_field_changed_in_the_file() -> None:
    assert drift(WEB.replace("64m", "32m"), applied(WEB)) == ["container.web: IN_FILE; mem_limit 64 MiB → 32 MiB"]


def test_a_field_changed_by_hand_and_in_the_file() -> None:
    assert drift(WEB.replace("64m", "32m"), by_hand(applied(WEB), mem_limit=128 * 1024**2)) == [
        "container.web: BY_HAND; mem_limit 64 MiB → 128 MiB",
        "container.web: IN_FILE; mem_limit 128 MiB → 32 MiB",
    ]


def test_a_file_that_follows_what_was_done_by_hand() -> None:
    assert drift(WEB.replace("64m", "128m"), by_hand(applied(WEB), mem_limit=128 * 1024**2)) == [
        "container.web: BY_HAND; mem_limit 64 MiB → 128 MiB"
    ]


def test_a_key_taken_out_of_the_file() -> None:
    wish = WEB.replace(", environment: {MODE: a}", "")
    assert drift(wish, applied(WEB)) == ["container.web: IN_FILE; environment.MODE a → -"]


def test_a_variable_added_by_hand() -> None:
    host = by_hand(applied(WEB), environment={"MODE": "a", "DEBUG": "1"})
    assert drift(WEB, host) == ["container.web: BY_HAND; environment.DEBUG - → 1"]


def test_ignored_fields_have_no_drift() -> None:
    wish = WEB.replace("}}}", "}, ignore_changes: [environment.MODE, mem_limit]}}")
    assert drift(wish, by_hand(applied(wish), environment={"MODE": "z"}, mem_limit=0)) == []


def test_a_container_of_no_project_is_compared_with_the_declaration() -> None:
    host = changed(applied(WEB), "web", owner=Ownership())
    assert drift(WEB, host) == []
    assert drift(WEB.replace("64m", "32m"), host) == ["container.web: FOREIGN; mem_limit 64 MiB → 32 MiB"]
    assert drift(WEB, changed(host, "web", state="paused")) == ["container.web: NOT_RUNNING (paused)"]
    assert drift(WEB.replace("web:1", "web:2"), host) == ["container.web: FOREIGN; image web:1 → web:2"]


def test_a_name_that_another_project_owns() -> None:
    host = applied(play(WEB, project="other"))
    assert drift(WEB, host) == ["container.web: FOREIGN (the name is taken by project other)"]
    assert drift(WEB.replace("64m", "32m"), host) == [
        "container.web: FOREIGN (the name is taken by project other); mem_limit 64 MiB → 32 MiB"
    ]


def test_networks_and_volumes() -> None:
    text = "networks: {front: {internal: true}}\nvolumes: {data: {labels: {a: b}}}"
    host = applied(text)
    front = host.network("front")
    assert front is not None
    others = tuple(found for found in host.networks if found.name != "front")
    opened = replace(host, networks=(*others, replace(front, values={**front.values, "internal": False})))
    assert drift(text, opened) == ["network.front: BY_HAND; internal true → false"]
    assert drift(text.replace("a: b", "a: c"), host) == ["volume.data: IN_FILE; labels.a b → c"]
    assert drift(text, without(host, "front", "data")) == ["network.front: GONE", "volume.data: GONE"]


# Images


def test_an_image_named_otherwise_in_the_file() -> None:
    wish = WEB.replace("web:1", "web:2")
    assert drift(wish, joined(applied(WEB), without(applied(wish), "web"))) == [
        "container.web: IN_FILE; image web:1 → web:2"
    ]


def test_a_new_image_and_a_new_field_are_one_change_of_the_file() -> None:
    wish = WEB.replace("web:1", "web:2").replace("64m", "32m")
    assert drift(wish, joined(applied(WEB), without(applied(wish), "web"))) == [
        "container.web: IN_FILE; image web:1 → web:2; mem_limit 64 MiB → 32 MiB"
    ]


def test_an_image_that_moved_under_its_tag() -> None:
    text = "images: {'web:1': {pull: always}}\ncontainers: {web: {image: web:1, pull: always}}"
    host = applied(text)
    moved = replace(host, registry={"docker.io/library/web:1": answer("sha256:0123456789abcdef")})
    assert drift(text, moved) == [
        "image.web:1: IMAGE_MOVED (the registry has sha256:0123456789ab)",
        "container.web: IMAGE_MOVED (web:1)",
    ]


def test_an_image_that_is_gone() -> None:
    text = "images: {'job:1': {}}"
    assert drift(text, without(applied(text), "job:1")) == ["image.job:1: GONE"]


# State


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"state": "exited", "exit_code": 137}, ["container.web: NOT_RUNNING (exited with code 137)"]),
        ({"state": "created"}, ["container.web: NOT_RUNNING (was created but never started)"]),
        ({"state": "dead"}, ["container.web: NOT_RUNNING (dead)"]),
        (
            {"state": "restarting", "exit_code": 1},
            ["container.web: UNHEALTHY (keeps restarting, last exit code 1)"],
        ),
        ({"health": "unhealthy"}, ["container.web: UNHEALTHY"]),
        ({"health": "starting"}, []),
        ({"state": "paused"}, ["container.web: NOT_RUNNING (paused)"]),
    ],
)
def test_states(facts: Mapping[str, Any], expected: list[str]) -> None:
    assert drift(WEB, changed(applied(WEB), "web", **facts)) == expected


def test_one_that_is_to_be_stopped_may_be_anything_but_running() -> None:
    wish = "containers: {web: {image: web:1, state: stopped}}"
    assert drift(wish, changed(applied(wish), "web", state="exited", exit_code=1)) == []


def test_a_job_that_ended_well_has_done_its_work() -> None:
    text = (
        "containers: {job: {image: a:1}, "
        "web: {image: a:1, depends_on: {job: {condition: service_completed_successfully}}}}"
    )
    host = applied(text)
    assert drift(text, changed(host, "job", state="exited", exit_code=0)) == []
    assert drift(text, changed(host, "job", state="exited", exit_code=2)) == [
        "container.job: NOT_RUNNING (exited with code 2)"
    ]


JOB = "jobs: {migrate: {image: a:1, command: up, mem_limit: 64m}}"


def test_a_job_is_judged_by_its_last_run() -> None:
    done = changed(applied(JOB), "migrate", state="exited")
    assert drift(JOB, done) == []
    assert drift(JOB, applied(JOB)) == []
    assert drift(JOB, applied(EMPTY)) == ["job.migrate: NOT_RUN"]
    assert drift(JOB, changed(applied(JOB), "migrate", state="created")) == ["job.migrate: NOT_RUN"]
    assert drift(JOB, changed(done, "migrate", exit_code=3)) == ["job.migrate: RUN_FAILED (exited with code 3)"]
    assert drift(JOB.replace("up", "down"), done) == ["job.migrate: IN_FILE; command up → down"]
    assert drift(JOB, by_hand(done, "migrate", mem_limit=5)) == []
    moved = changed(done, "migrate", image_id="image before")
    assert drift(JOB, moved) == ["job.migrate: IMAGE_MOVED (a:1)"]


def test_a_job_that_nothing_declares_any_more() -> None:
    done = changed(applied(JOB), "migrate", state="exited")
    assert drift(EMPTY, done) == ["job.migrate: UNDECLARED"]
    assert drift(replace(EMPTY, elsewhere=frozenset({(Kind.CONTAINER, "migrate")})), done) == []


def test_networks_volumes_and_jobs_of_others_are_named_with_their_project() -> None:
    text = f"networks: {{front: {{internal: true}}}}\nvolumes: {{data: {{}}}}\n{JOB}"
    theirs = changed(applied(play(text, project="other")), "migrate", state="exited")
    assert drift(text.replace("internal: true", "internal: false"), theirs) == [
        "network.front: FOREIGN (belongs to project other); internal true → false",
        "volume.data: FOREIGN (belongs to project other)",
        "job.migrate: FOREIGN (the name is taken by project other)",
    ]
    by_nobody = replace(
        theirs,
        networks=tuple(replace(found, owner=Ownership()) for found in theirs.networks),
        volumes=tuple(replace(found, owner=Ownership()) for found in theirs.volumes),
        containers=tuple(replace(found, owner=Ownership()) for found in theirs.containers),
    )
    assert drift(text, by_nobody) == []
    assert drift(text.replace("internal: true", "internal: false").replace("up", "down"), by_nobody) == [
        "network.front: FOREIGN; internal true → false",
        "job.migrate: FOREIGN; command up → down",
    ]


# Undeclared


def test_undeclared_objects_of_the_project_are_drift() -> None:
    host = applied("networks: {old: {}}\nvolumes: {olddata: {}}\ncontainers: {oldweb: {image: web:1}}")
    expected = ["network.old: UNDECLARED", "volume.olddata: UNDECLARED", "container.oldweb: UNDECLARED"]
    assert drift(EMPTY, host) == expected
    elsewhere = frozenset({(Kind.NETWORK, "old"), (Kind.VOLUME, "olddata"), (Kind.CONTAINER, "oldweb")})
    assert drift(replace(EMPTY, elsewhere=elsewhere), host) == []


def test_objects_of_other_owners_are_not_drift() -> None:
    theirs = applied(play("volumes: {theirs: {}}\ncontainers: {theirweb: {image: web:1}}", project="other"))
    assert drift(EMPTY, replace(theirs, others=(stub("stranger"),))) == []


# Secrets


SECRET = "containers: {web: {image: web:1, environment: {DB: '{{ pw }}', URL: 'pg://{{ pw }}@db', MODE: a}}}"


def with_password(password: str, text: str = SECRET) -> Desired:
    return play(text, secrets={"pw": password})


def shown(wish: Desired, host: Observed) -> list[str]:
    lines = drift(wish, host)
    assert not any(word in repr(find_drift(wish, host)) for word in ("hunter2", "swordfish", "letmein"))
    return lines


def test_an_unchanged_secret_is_not_drift() -> None:
    assert shown(with_password("hunter2"), applied(with_password("hunter2"))) == []


def test_a_secret_changed_in_the_file_was_not_changed_by_hand() -> None:
    assert shown(with_password("swordfish"), applied(with_password("hunter2"))) == [
        "container.web: IN_FILE; environment.DB *** → ***; environment.URL *** → ***"
    ]


def test_a_secret_changed_by_hand_was_not_changed_in_the_file() -> None:
    host = applied(with_password("hunter2"))
    values = {"DB": "letmein", "URL": "pg://hunter2@db", "MODE": "a"}
    assert shown(with_password("hunter2"), by_hand(host, environment=values)) == [
        "container.web: BY_HAND; environment.DB *** → ***"
    ]


def test_a_secret_changed_in_both() -> None:
    host = applied(with_password("hunter2"))
    values = {"DB": "letmein", "URL": "pg://hunter2@db", "MODE": "a"}
    assert shown(with_password("swordfish"), by_hand(host, environment=values)) == [
        "container.web: BY_HAND; environment.DB *** → ***",
        "container.web: IN_FILE; environment.DB *** → ***; environment.URL *** → ***",
    ]


def test_a_secret_taken_out_of_the_file() -> None:
    wish = play("containers: {web: {image: web:1, environment: {MODE: a}}}")
    assert shown(wish, applied(with_password("hunter2"))) == [
        "container.web: IN_FILE; environment.DB *** → -; environment.URL *** → -"
    ]


def test_a_secret_in_a_list() -> None:
    text = "containers: {web: {image: web:1, command: [run, --password, '{{ pw }}']}}"
    host = applied(with_password("hunter2", text))
    assert shown(with_password("hunter2", text), host) == []
    lines = shown(with_password("swordfish", text), host)
    assert [line.partition(";")[0] for line in lines] == ["container.web: IN_FILE"]


OTHER_KEY = b"o" * 32


def by_another(password: str, text: str = SECRET, key: bytes = OTHER_KEY) -> Observed:
    """The host after another controller applied the play, with a key of its own or without any."""
    return applied(play(text, secrets={"pw": password}, sealing_key=key))


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        (OTHER_KEY, " (or someone changed a secret by hand; another controller sealed its record)"),
        (b"", ""),
    ],
)
def test_a_record_of_another_controller(key: bytes, detail: str) -> None:
    """Its digests cannot be compared: what is there now counts as what was applied."""
    host = by_another("hunter2", key=key)
    assert shown(with_password("hunter2"), host) == []
    assert shown(with_password("swordfish"), host) == [
        f"container.web: IN_FILE{detail}; environment.DB *** → ***; environment.URL *** → ***"
    ]
    assert shown(play("containers: {web: {image: web:1, environment: {MODE: a}}}"), host) == [
        f"container.web: IN_FILE{detail}; environment.DB *** → -; environment.URL *** → -"
    ]
    assert shown(with_password("hunter2", SECRET.replace("MODE: a", "MODE: b")), host) == [
        "container.web: IN_FILE; environment.MODE a → b"
    ]
    gone = by_hand(host, environment={"URL": "pg://hunter2@db", "MODE": "b"})
    assert shown(with_password("hunter2"), gone)[0] == (
        "container.web: BY_HAND; environment.DB *** → -; environment.MODE a → b"
    )


RECORD_OF_1 = (
    '{"fields":{"environment":{"DB":{"$secret":"%s"},"MODE":"a","URL":{"$secret":"%s"},"ROOT_PASSWORD":"clear"},'
    '"image":"docker.io/library/web:1"},"format":1}'
)
WITH_CLEAR = SECRET.replace("MODE: a", "MODE: a, ROOT_PASSWORD: clear")


def by_release_1() -> Observed:
    """The host with a record whose digests have no secret key, and a literal password in clear."""
    spec = RECORD_OF_1 % ("ffb932ce9824a1429d69229bddb7681c", "bc53f42426a60af98e525b475863398f")
    labels = {"deployer.project": "shop", "deployer.resource": "container.web", "deployer.spec": spec}
    return changed(applied(with_password("hunter2", WITH_CLEAR)), "web", owner=ownership.read(labels, "web"))


def test_a_record_of_an_earlier_release() -> None:
    host = by_release_1()
    assert shown(with_password("hunter2", WITH_CLEAR), host) == []
    assert shown(with_password("swordfish", WITH_CLEAR), host) == [
        "container.web: IN_FILE; environment.DB *** → ***; environment.URL *** → ***"
    ]
    assert shown(with_password("hunter2", WITH_CLEAR.replace("clear", "other")), host) == [
        "container.web: IN_FILE; environment.ROOT_PASSWORD *** → ***"
    ]
    values = {"DB": "letmein", "URL": "pg://hunter2@db", "MODE": "a", "ROOT_PASSWORD": "clear"}
    assert shown(with_password("hunter2", WITH_CLEAR), by_hand(host, environment=values)) == [
        "container.web: BY_HAND; environment.DB *** → ***"
    ]


def test_verdicts_are_words_for_people() -> None:
    assert len({str(verdict) for verdict in Verdict}) == len(Verdict)


def test_an_image_that_is_ignored_is_no_drift() -> None:
    other = WEB.replace("web:1", "web:2")
    assert drift(other, applied(WEB)) != []
    assert drift(other.replace("mem_limit", "ignore_changes: [image], mem_limit"), applied(WEB)) == []
