"""The image table. An image is pulled or removed; only its presence and digest are compared."""

from __future__ import annotations

from deployer.fields import settings
from deployer.fields.table import Table

IMAGE = Table(
    kind="image",
    doc="An image by its reference, pulled if it is missing. Images of containers do not have to be listed.",
    fields=(),
    settings=settings.IMAGE,
)
