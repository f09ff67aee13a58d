"""Jobs as they are written: their keys, who may depend on them, and whose names they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.fields.options import Condition
from deployer.model.desired import Job
from deployer.model.settings import Dependency, JobSettings
from tests.config.resolving import complaints, desired


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def job(keys: str) -> str:
    """A play of one job `migrate` with an image; its further keys stand on line 3 from column 31 on."""
    return f"- hosts: all\n  jobs:\n    migrate: {{image: 'tools:1', {keys}}}\n"


def migrate(keys: str) -> Job:
    (found,) = desired(job(keys)).of(JobSettings)
    return found


def test_a_job_is_a_container_with_settings_of_its_own() -> None:
    found = migrate("command: [migrate, up], env: {A: b}, mem_limit: 64m, run_once: true, timeout: 1m30s")
    assert str(found.address) == "web1/job.migrate"
    assert found.settings.image == "docker.io/library/tools:1"
    assert (found.settings.state, found.settings.run_once, found.settings.timeout) == ("started", True, 90.0)
    assert found.values == {"command": ["migrate", "up"], "environment": {"A": "b"}, "mem_limit": 64 * 1024**2}


def test_keys_that_jobs_do_not_have() -> None:
    settings = migrate("restart: 'no'").settings
    assert (settings.run_once, settings.timeout, settings.recreate) == (False, None, "auto")


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        (
            "restart: always",
            "job.migrate.restart: a job is not restarted: one that failed is run again by the next apply",
        ),
        ("auto_remove: true", "migrate.auto_remove: a job's container is kept as the record that it ran"),
        ("state: stopped", "migrate.state: expected one of started, absent, got 'stopped'"),
        ("recreate: never", "migrate.recreate: expected one of auto, always, got 'never'"),
        ("update: {monitor: 1s}", "migrate: unknown key 'update'; every job is awaited until it ends"),
        ("keep_previous: 2", "migrate: unknown key 'keep_previous'; the last run of a job is kept"),
        ("protect: true", "migrate: unknown key 'protect'; a job's container is only the record that it ran"),
        ("restart_retries: 2", "migrate: unknown key 'restart_retries'; a job that failed is run again"),
        ("run_onec: true", "migrate: unknown key 'run_onec'; did you mean 'run_once'?"),
        ("timeout: soon", "migrate.timeout: 'soon' is not a duration such as 30s, 1m30s or 500ms"),
    ],
)
def test_keys_that_make_no_sense_of_a_job(keys: str, complaint: str) -> None:
    (found,) = complaints(job(keys))
    assert found.startswith("site.yml:3:"), found
    assert complaint.removeprefix("job.") in found


def test_a_job_needs_an_image() -> None:
    assert complaints("- hosts: all\n  jobs:\n    migrate: {command: x}\n") == [
        "site.yml:3:5: jobs.migrate: 'image' is missing; every job requires one"
    ]


def test_run_once_and_timeout_are_not_keys_of_containers() -> None:
    found = complaints("- hosts: all\n  containers:\n    web: {image: a, run_once: true}\n")
    assert found == ["site.yml:3:21: containers.web: unknown key 'run_once'"]


def test_a_plays_defaults_for_containers_are_none_of_its_jobs() -> None:
    found = desired("- hosts: all\n  keep_previous: 3\n  update: {monitor: 1s}\n  jobs: {migrate: {image: a}}\n")
    (resource,) = found.of(JobSettings)
    assert resource.settings == JobSettings(image="docker.io/library/a:latest")


DEPENDS = """
- hosts: all
  containers:
    db: {image: a}
    web: {image: a, depends_on: NEEDS}
  jobs:
    migrate: {image: a, depends_on: {db: {condition: service_healthy}}}
"""


@pytest.mark.parametrize(
    "needs",
    ["[migrate]", "{migrate: {}}", "{migrate: null}", "{migrate: {condition: service_completed_successfully}}"],
)
def test_dependants_of_a_job_wait_for_its_success(needs: str) -> None:
    found = desired(DEPENDS.replace("NEEDS", needs))
    web, migrate = found.container("web"), found.container("migrate")
    assert web is not None
    assert migrate is not None
    assert web.settings.depends_on == (Dependency("migrate", Condition.COMPLETED),)
    assert migrate.settings.depends_on == (Dependency("db", Condition.HEALTHY),)


@pytest.mark.parametrize("condition", ["service_started", "service_healthy"])
def test_no_other_condition_is_met_by_a_job(condition: str) -> None:
    assert complaints(DEPENDS.replace("NEEDS", f"{{migrate: {{condition: {condition}}}}}")) == [
        "site.yml:4:43: container.web: 'migrate' is a job, and its dependants wait until it has completed; "
        "omit condition, or write service_completed_successfully"
    ]


def test_an_undeclared_job() -> None:
    assert complaints(DEPENDS.replace("NEEDS", "[migrat]")) == [
        "site.yml:4:34: container.web: no container or job 'migrat'; did you mean 'migrate'?"
    ]


def test_one_that_removes_itself_cannot_be_seen_to_have_completed() -> None:
    text = DEPENDS.replace("NEEDS", "{db: {condition: service_completed_successfully}}")
    assert complaints(text.replace("db: {image: a}", "db: {image: a, auto_remove: true}")) == [
        "site.yml:4:38: container.web: 'db' removes itself when it ends, so its exit code is not available; "
        "omit auto_remove there, or declare it under jobs"
    ]


def test_jobs_and_containers_share_one_set_of_names() -> None:
    text = "- hosts: all\n  containers:\n    migrate: {image: a}\n  jobs:\n    migrate: {image: a}\n"
    assert complaints(text) == [
        "site.yml:5:5: job.migrate: job migrate is declared twice for one host, first as a container at site.yml:3:5"
    ]
    apart = "- hosts: all\n  containers:\n    migrate: {image: a}\n- hosts: all\n  jobs:\n    migrate: {image: a}\n"
    assert complaints(apart) == [
        "site.yml:6:5: job.migrate: job migrate is declared twice for one host, first as a container at site.yml:3:5"
    ]


def test_a_circle_of_jobs_and_containers() -> None:
    text = DEPENDS.replace("NEEDS", "[migrate]").replace("db: {image: a}", "db: {image: a, depends_on: [web]}")
    (found,) = complaints(text)
    assert "containers depend on each other: " in found
