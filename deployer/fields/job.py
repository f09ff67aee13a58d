"""The job table: the fields of a container that runs once, to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.fields import advice, settings
from deployer.fields.build import BUILD
from deployer.fields.container import CONTAINER
from deployer.fields.container.on_change import no_reactions, reactions
from deployer.fields.table import Table, Violation


def ends_and_stays(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A job is not restarted, and its container is kept as the record that it ran."""
    if values.get("restart", "no") not in ("", "no"):
        yield "restart", "a job is not restarted: one that failed is run again by the next apply"
    if values.get("auto_remove"):
        yield "auto_remove", "a job's container is kept as the record that it ran"


JOB: Final = Table(
    kind="job",
    doc="A container that runs to completion once. It runs again if its declaration changed, or if it failed.",
    fields=CONTAINER.fields,
    settings=(*settings.JOB, BUILD),
    rules=(*(rule for rule in CONTAINER.rules if rule is not reactions), no_reactions, ends_and_stays),
    notices=CONTAINER.notices,
    nested=CONTAINER.nested,
    appended=CONTAINER.appended,
    advice=advice.JOB,
    fields_of=CONTAINER.kind,
)
