"""The plan as a document."""

import json

from msgspec.structs import replace

from deployer.diagnostics import Diagnostic, Origin, Severity
from deployer.reporting.json_plan import plan_document
from tests.reporting import samples
from tests.reporting.golden import Golden
from tests.reporting.samples import plan


def test_a_whole_plan(golden: Golden) -> None:
    found = plan(samples.host_plan(), samples.refusing("web2"), unreachable=(samples.LOST,))
    warning = Diagnostic(Origin("hosts.ini", 4), "odd", "web1", "drop it", Severity.WARNING)
    document = plan_document(found, (warning,))
    golden.check("plan.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def test_nothing_to_do() -> None:
    document = plan_document(plan(samples.unchanged("web1")))
    assert document["changes_pending"] is False
    assert document["counts"] == {"create": 0, "update": 0, "replace": 0, "remove": 0, "run": 0, "refused": 0}


def test_the_same_plan_gives_the_same_document() -> None:
    found = plan(samples.host_plan())
    assert plan_document(found) == plan_document(replace(found))
