"""The image table. An image is pulled, built or removed; its presence, its digest and what it was built from are
compared."""

from __future__ import annotations

from deployer.fields import settings
from deployer.fields.build import BUILD
from deployer.fields.table import Table

IMAGE = Table(
    kind="image",
    doc="An image by its reference, pulled or built if it is missing. Images of containers do not have to be listed.",
    fields=(),
    settings=(*settings.IMAGE, BUILD),
)
