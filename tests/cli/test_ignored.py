"""No option passes silently: it is honoured, or refused with the reason."""

import pytest

from tests.cli.runs import SHOP, Shop

DATA = "  volumes: {data: {}, old: {}}\n"
GIVEN = ("-i", "hosts.yml", "shop.yml")
ONE = (*GIVEN, "--limit", "web1")


def with_volumes(shop: Shop) -> None:
    """Deployed with two volumes on web1; `old` is no longer declared."""
    shop.write("shop.yml", SHOP + DATA)
    assert shop.run("apply", "-y", *ONE).code == 0
    shop.write("shop.yml", SHOP + DATA.replace(", old: {}", ""))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-l", "web1"), "--limit: cannot be changed: a saved plan is applied as a whole, and was made without this"),
        (("-t", "front"), "--tags: cannot be changed"),
        (
            ("-i", "other.yml"),
            "--inventory: cannot be changed: a saved plan is applied as a whole, and was made with host",
        ),
        (("--prune",), "--prune: cannot be changed"),
        (("--prune-host", "db1"), "--prune-host: cannot be changed"),
        (("--remove-volume", "web1/volume.x"), "--remove-volume: cannot be changed"),
        (("--project", "blog"), "--project: cannot be changed"),
        (("-e", "tag=1"), "the plan was created with different extra variables"),
    ],
)
def test_a_saved_plan_is_applied_as_it_was_made(shop: Shop, words: tuple[str, ...], message: str) -> None:
    assert shop.run("plan", *GIVEN, "-o", "shop.plan").code == 0
    found = shop.run("apply", "shop.plan", *words)
    assert found.code != 0
    assert message in found.err
    assert len(shop.run("ps", "-i", "hosts.yml").words) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("destroy", "--prune"),
            "--prune is not accepted by 'destroy': everything of the project on a host is removed",
        ),
        (
            ("destroy", "--remove-volume", "web1/volume.data"),
            "--remove-volume is not accepted by 'destroy': volumes are",
        ),
        (("destroy", "--tags", "front"), "--tags is not accepted by 'destroy'"),
        (("destroy", "--adopt"), "--adopt is not accepted by 'destroy'"),
        (("rollback", "--prune"), "--prune is not accepted by 'rollback'"),
        (("rollback", "--skip-tags", "x"), "--skip-tags is not accepted by 'rollback': name the containers"),
        (("apply", "--detailed-exitcode"), "--detailed-exitcode requires --check"),
        (("apply", "--no-lock", "--lock-wait", "5m"), "--lock-wait has no effect with --no-lock"),
    ],
)
def test_options_without_effect_are_refused(shop: Shop, words: tuple[str, ...], message: str) -> None:
    found = shop.run(*words, *GIVEN)
    assert (found.code, found.out) == (1, "")
    assert message in found.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ("--allow-data-loss", "web9/volume.data"),
            1,
            "--allow-data-loss: 'web9/volume.data': there is no host 'web9'",
        ),
        (("--remove-volume", "db1/volume.old"), 1, "--remove-volume: 'db1/volume.old': this run leaves out host 'db1'"),
        (
            ("--allow-data-loss", "web1/volume.dta"),
            5,
            "volume dta refused: does not exist on web1, and is not declared",
        ),
        (
            ("--remove-volume", "web1/volume.old"),
            5,
            "volume old refused: is no longer declared; it is removed only with",
        ),
        (("--prune", "--remove-volume", "web1/volume.data"), 5, "volume data refused: is declared; --remove-volume"),
        (
            ("--prune", "--remove-volume", "web1/volume.old"),
            0,
            "- volume old remove: no longer declared; its data is lost",
        ),
        (("--allow-data-loss", "web1/volume.data"), 0, "note: volume.data: is as declared; its data is kept"),
    ],
)
def test_consent_for_data_that_is_not_lost(shop: Shop, words: tuple[str, ...], code: int, message: str) -> None:
    with_volumes(shop)
    found = shop.run("plan", *ONE, *words)
    assert found.code == code
    assert message in " ".join((found.out + found.err).split())


def test_destroying_volumes_has_a_confirmation_of_its_own(shop: Shop) -> None:
    with_volumes(shop)
    planned = shop.run("destroy", *ONE, "--volumes", "--check")
    assert [words for words in planned.words if " volume " in words] == [
        "- volume data remove: destroyed; its data is lost shop.yml:11",
        "- volume old remove: destroyed; its data is lost",
    ]
    refused = shop.run("destroy", *ONE, "--volumes", "--yes")
    assert refused.code == 5
    assert "cannot ask for confirmation of the loss of data" in refused.err
    assert "--allow-data-loss web1/volume.data --allow-data-loss web1/volume.old" in refused.err
    assert len(shop.run("ps", *ONE[:2], "-l", "web1").words) == 2
    named = ("--allow-data-loss", "web1/volume.data", "--allow-data-loss", "web1/volume.old")
    done = shop.run("destroy", *ONE, "--volumes", "--yes", *named)
    assert done.code == 0
    assert "shop on web1 (simulated): no changes" in shop.run("destroy", *ONE, "--volumes", "--check").words


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("-e", "verison=2"), "--extra-vars: nothing uses the variable 'verison'; did you mean 'version'?"),
        (("-e", "{unheard: 1}"), "--extra-vars: nothing uses the variable 'unheard'"),
        (("-e", "version=2"), ""),
        (("-e", "ansible_user=me"), ""),
        (("-e", "@shared.yml"), ""),
    ],
)
def test_an_extra_variable_that_nothing_uses(shop: Shop, given: tuple[str, ...], message: str) -> None:
    shop.edit("nginx:latest", "\"nginx:{{ version | default('latest') }}\"")
    shop.write("shared.yml", "unheard: 1\n")
    found = shop.run("validate", *GIVEN, *given)
    assert found.code == (1 if message else 0)
    assert message in found.err
