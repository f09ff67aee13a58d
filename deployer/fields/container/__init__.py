"""The container table, one file for each group of fields."""

from typing import Final

from deployer.fields import advice, settings
from deployer.fields.build import BUILD
from deployer.fields.container import (
    devices,
    files,
    isolation,
    limits,
    network,
    on_change,
    process,
    resources,
    starting,
    storage,
)
from deployer.fields.container.rules import NOTICES, RULES
from deployer.fields.table import Table

GROUPS: Final = {
    "What runs": process.FIELDS,
    "Networks, addresses and ports": network.FIELDS,
    "Mounts and the root file system": storage.FIELDS,
    "Configs and secrets": files.FIELDS,
    "Privileges, namespaces, logging and restarts": isolation.FIELDS,
    "Memory and CPU": resources.FIELDS,
    "Devices, block I/O and process limits": (*limits.FIELDS, *devices.FIELDS),
}
"""All fields, under the headings of the reference."""

CONTAINER = Table(
    kind="container",
    doc="A container: created if it is missing, changed in place where the engine supports it, otherwise replaced.",
    fields=tuple(row for rows in GROUPS.values() for row in rows),
    settings=(*settings.CONTAINER, BUILD),
    rules=(*RULES, *starting.RULES, files.owners, on_change.reactions),
    notices=NOTICES,
    nested={
        "log_driver": ("logging", "driver"),
        "log_options": ("logging", "options"),
        "blkio_weight": ("blkio_config", "weight"),
        "device_read_bps": ("blkio_config", "device_read_bps"),
        "device_write_bps": ("blkio_config", "device_write_bps"),
        "device_read_iops": ("blkio_config", "device_read_iops"),
        "device_write_iops": ("blkio_config", "device_write_iops"),
    },
    appended={"mounts": "volumes"},
    advice=advice.CONTAINER,
    groups=GROUPS,
)

__all__ = ["CONTAINER", "GROUPS"]
