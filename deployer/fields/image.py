"""The image table. An image is pulled, built or removed; its presence, its digest and what it was built from are
compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.fields import advice, settings
from deployer.fields.build import BUILD
from deployer.fields.options import PullPolicy
from deployer.fields.table import Table, Violation


def _one_way(_values: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Violation]:
    """An image comes to a host in one way."""
    if not settings.get("source"):
        return
    if settings.get("build") is not None:
        yield "source", "an image that is built has no source"
    if settings.get("pull") is PullPolicy.ALWAYS:
        yield "source", "an image with a source is not pulled; give a new image a new tag"


IMAGE = Table(
    kind="image",
    doc="An image by its reference, pulled or built if it is missing. Images of containers do not have to be listed.",
    fields=(),
    settings=(*settings.IMAGE, BUILD),
    rules=(_one_way,),
    advice=advice.IMAGE,
)
