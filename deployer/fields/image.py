"""The image table: an image is pulled or removed; the engine has nothing to compare but its presence and digest."""

from __future__ import annotations

from deployer.fields import settings
from deployer.fields.table import Table

IMAGE = Table(
    kind="image",
    doc="An image by its reference, pulled when it is missing. Those of containers need not be listed.",
    fields=(),
    settings=settings.IMAGE,
)
