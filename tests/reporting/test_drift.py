"""Drift as text."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.diagnostics import Origin
from deployer.fields.field import Change
from deployer.model.desired import Address, Kind
from deployer.model.drift import Drift, DriftReport, HostDrift, Verdict
from deployer.model.plan import FieldDiff, Unreachable
from deployer.reporting.drift import drift_text

TAG = Origin("shop.yml", 7, 9).using([Origin("group_vars/all.yml", 3, 6), Origin("--extra-vars")])
IMAGE = FieldDiff(("image",), "web:1", "web:2", Change.REPLACE, TAG)


def found_on(host: str, *verdicts: Verdict) -> HostDrift:
    web = Address(host, Kind.CONTAINER, "web")
    found = (Drift(web, each, (IMAGE,) if each is Verdict.IN_FILE else ()) for each in verdicts)
    return HostDrift(host, "shop", tuple(found))


def test_equal_hosts_are_shown_once() -> None:
    hosts = (
        *(found_on(f"web{number}", Verdict.IN_FILE) for number in (1, 2, 10)),
        found_on("db1"),
        found_on("web4", Verdict.GONE),
        found_on("db1"),
        replace(found_on("db2"), project="db"),
    )
    report = DriftReport(hosts, (Unreachable("web9", "no route", "wait"),))
    assert [str(each) for each in drift_text(report)] == [
        "shop on web1, web2, web10",
        "  container web  you changed the file",
        "         image   web:1 → web:2  shop.yml:7 with --extra-vars, group_vars/all.yml:3",
        "shop on db1: as declared",
        "shop on web4",
        "  container web  gone",
        "db on db2: as declared",
        "web9: unreachable: no route",
        "  hint: wait",
        "Drift: 4 findings on 6 hosts.",
    ]
