"""`deployer init`."""

from __future__ import annotations

import pytest

from tests.cli.runs import Shop


def test_a_new_project_can_be_planned_and_applied_at_once(shop: Shop) -> None:
    made = shop.run("init", "new/shop")
    assert (made.code, made.out, made.err) == (
        0,
        "Created new/shop/inventory/hosts.yml\nCreated new/shop/site.yml\n",
        "Next: cd new/shop; deployer plan site.yml\n",
    )
    words = ("-i", "new/shop/inventory/hosts.yml", "new/shop/site.yml")
    planned = shop.run("plan", *words)
    assert planned.out.splitlines()[-1] == (
        "Plan: 4 to create, 0 to update, 0 to replace, 0 to remove on 1 host (simulated)."
    )
    assert planned.err == ""
    assert shop.run("apply", *words, "--yes").code == 0
    assert "no changes" in shop.run("plan", *words).out
    assert shop.run("destroy", *words, "--yes").code == 0


@pytest.mark.parametrize("name", ["site.yml", "inventory/hosts.yml"])
def test_nothing_is_overwritten(shop: Shop, name: str) -> None:
    (shop.folder / name).parent.mkdir(exist_ok=True)
    shop.write(name, "mine\n")
    refused = shop.run("init")
    assert refused.err == f"error: {name} exists; nothing was written\n  hint: name another folder\n"
    assert (shop.folder / name).read_text() == "mine\n"
    assert not {"site.yml", "inventory/hosts.yml"} - {name} & {
        str(path.relative_to(shop.folder)) for path in shop.folder.rglob("*.yml")
    }
