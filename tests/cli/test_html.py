"""`--html FILE` of plan, drift and ps."""

from __future__ import annotations

import stat

from tests.cli.runs import Shop

HOSTS = ("-i", "hosts.yml")
SECRET = "S3ntinel<word>"


def text(shop: Shop, name: str) -> str:
    return (shop.folder / name).read_text()


def test_pages_of_a_plan_of_what_runs_and_of_drift(shop: Shop) -> None:
    """Without secrets, and readable by their owner only."""
    shop.edit("      networks: [front]\n", '      networks: [front]\n      environment: {DB_PASSWORD: "{{ pw }}"}\n')
    pw = ("-e", f"pw={SECRET}")
    planned = shop.run("plan", *HOSTS, "shop.yml", *pw, "--html", "plan.html")
    assert (planned.code, planned.err) == (0, "written: plan.html\n")
    assert "Plan: 6 to create" in planned.out
    page = text(shop, "plan.html")
    for part in (">web1 <", ">web2 <", "environment.DB_PASSWORD", "8080:80", "6 to create"):
        assert part in page, part
    assert stat.S_IMODE((shop.folder / "plan.html").stat().st_mode) == 0o600
    assert shop.run("apply", *HOSTS, "shop.yml", *pw, "--yes").code == 0
    assert shop.run("ps", *HOSTS, "--html", "ps.html").code == 0
    assert "2 containers on 2 hosts" in text(shop, "ps.html")
    assert "<title>network front</title>" in text(shop, "ps.html")
    shop.edit("nginx:latest", "nginx:1.27")
    drifted = shop.run("drift", *HOSTS, "shop.yml", *pw, "--html", "drift.html")
    assert (drifted.code, drifted.err) == (2, "written: drift.html\n")
    assert "you changed the file" in text(shop, "drift.html")
    for name in ("plan.html", "ps.html", "drift.html"):
        assert text(shop, name).count("(simulated)") == 4, name
        assert "S3ntinel" not in text(shop, name)


def test_a_page_overwrites_only_pages(shop: Shop) -> None:
    shop.write("mine.html", "<p>mine</p>\n")
    refused = shop.run("plan", *HOSTS, "shop.yml", "--html", "mine.html")
    assert (refused.out, refused.err) == (
        "",
        "error: mine.html exists, and would be overwritten\n  hint: name another file with --html, or add --force\n",
    )
    for more in (("--force",), ()):
        assert shop.run("plan", *HOSTS, "shop.yml", "--html", "mine.html", *more).code == 0
    assert "--force requires --out or --html" in shop.run("plan", *HOSTS, "shop.yml", "--force").err
    assert "--force requires --html" in shop.run("ps", *HOSTS, "--force").err
