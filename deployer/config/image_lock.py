"""`images.lock` beside a playbook: the digests that the references in it stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from deployer import nodes
from deployer.config import yaml
from deployer.config.files import read_file
from deployer.diagnostics import Origin, Problems
from deployer.fields.leaves import TEXT
from deployer.fields.reading import INVALID, Reading
from deployer.fields.shapes import Entry, MapOf, Record
from deployer.model.desired import AnyResource, has_settings
from deployer.model.settings import FromImage
from deployer.values import image, yaml_text

NAME: Final = "images.lock"
_HEAD: Final = "# Written by `deployer image lock`; meant for version control.\n"


class Pin(Struct, frozen=True):
    """`digest`: of the image or index; `tag`: where it is that of another tag than the reference's. `platforms`: the
    digests of the images of an index."""

    digest: str
    tag: str = ""
    platforms: Mapping[str, str] = field(default_factory=dict)


_PIN: Final = Record(
    (
        Entry(name="digest", shape=TEXT, doc="Digest of the image or index.", required=True),
        Entry(name="tag", shape=TEXT, doc="Tag that it was found under, if it is not the reference's."),
        Entry(name="platforms", shape=MapOf(TEXT), doc="Digests by platform."),
    ),
    lambda found: Pin(**found),
)
_FILE: Final = MapOf(_PIN)


def path_of(playbook: str) -> str:
    return str(Path(playbook).parent / NAME)


def read(path: str, problems: Problems) -> dict[str, Pin]:
    """Pins by complete reference; {} without a file. Reports errors in it."""
    try:
        tree = yaml.load(read_file(path), path, problems)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.add(Origin(path), f"cannot be read: {error.strerror}")
        return {}
    if tree is None or (isinstance(tree, nodes.Scalar) and tree.value is None):
        return {}
    found = _FILE.read(tree, Reading(problems, NAME))
    pins: dict[str, Pin] = {}
    for name, pin in (found if found is not INVALID else {}).items():
        try:
            image.parse(f"a@{pin.digest}")
            pins[str(image.parse(name))] = pin
        except ValueError as error:
            problems.add(tree.origin, str(error), address=name, hint="deployer image lock writes the file")
    return pins


def emit(pins: Mapping[str, Pin]) -> str:
    """The text of the file, sorted."""
    entries = {}
    for reference, pin in sorted(pins.items()):
        entry: dict[str, object] = {"digest": pin.digest}
        entry |= {"tag": pin.tag} if pin.tag else {}
        entry |= {"platforms": dict(sorted(pin.platforms.items()))} if pin.platforms else {}
        entries[image.familiar(reference)] = entry
    return _HEAD + yaml_text.emit(entries)


def pinned(resource: AnyResource, pins: Mapping[str, Pin]) -> AnyResource:
    """The resource with the digest of its image."""
    if not has_settings(resource, FromImage) or resource.absent or resource.settings.build is not None:
        return resource
    pin = pins.get(resource.settings.image)
    if pin is None:
        return resource
    return replace(resource, settings=replace(resource.settings, image=f"{resource.settings.image}@{pin.digest}"))
