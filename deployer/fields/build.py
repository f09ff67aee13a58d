"""The keys of `build`, under an image as under a container, in Compose's words."""

from __future__ import annotations

from typing import Any, Final

from deployer.fields import advice
from deployer.fields.container.resolving import HOSTS
from deployer.fields.leaves import ENVIRONMENT, FLAG, LABELS, SIZE, TEXT
from deployer.fields.settings import PLATFORM
from deployer.fields.shapes import Entry, Forms, Keyed, Leaf, MapOf, Record, one_or_many

_SOURCES: Final = ("file", "environment", "value")
_FLAGS: Final = {"src": "file", "source": "file", "file": "file", "env": "environment"}


def _one_source(found: dict[str, Any]) -> dict[str, Any]:
    if len(found) > 1:
        raise ValueError(f"expected one of {', '.join(_SOURCES)}")
    return found


def _secret_words(text: str) -> tuple[str, dict[str, str]]:
    """As the CLI's --secret: `id=npm,src=.npmrc`, `id=npm,env=NPM_TOKEN`."""
    words = dict(word.partition("=")[::2] for word in text.split(","))
    name, kind = words.pop("id", ""), words.pop("type", "")
    if kind == "env" and "src" in words:
        words = {"env": words["src"]}
    sources = {_FLAGS.get(word, word): value for word, value in words.items()}
    if not name or len(sources) != 1 or not sources.keys() < {*_SOURCES}:
        raise ValueError(
            f"'{text}' does not say where the secret comes from: write "
            "secrets: {NAME: {file: PATH}}, or environment or value instead of file"
        )
    return name, sources


_SECRETS: Final = Forms(
    expects="a map of secrets",
    mapping=MapOf(
        Record(
            (
                Entry(name="file", shape=TEXT, doc="A file on this machine; relative to the playbook."),
                Entry(name="environment", shape=TEXT, doc="A variable of deployer's environment."),
                Entry(name="value", shape=TEXT, doc="The value itself: a variable from a vault."),
            ),
            _one_source,
        )
    ),
    sequence=Keyed(Leaf(str, "id=NAME,src=PATH", _secret_words)),
)


def _one_dockerfile(found: dict[str, Any]) -> dict[str, Any]:
    if "dockerfile" in found and "dockerfile_inline" in found:
        raise ValueError("'dockerfile' and 'dockerfile_inline' exclude each other")
    return {"context": ".", **found}


_RECORD: Final = Record(
    (
        Entry(name="context", shape=TEXT, doc="Folder on this machine, relative to the playbook; default: its folder."),
        Entry(name="dockerfile", shape=TEXT, doc="File, relative to the context; default Dockerfile."),
        Entry(name="dockerfile_inline", shape=TEXT, doc="The text of the Dockerfile instead of a file."),
        Entry(name="args", shape=ENVIRONMENT, doc="Build arguments. The image's history shows them."),
        Entry(name="target", shape=TEXT, doc="Stage to build; default: the last one."),
        Entry(name="labels", shape=LABELS, doc="Labels of the image."),
        Entry(name="platform", shape=PLATFORM, doc="Platform to build for: os/architecture[/variant]."),
        Entry(
            name="platforms",
            shape=one_or_many(PLATFORM, "a platform or a list of platforms"),
            doc="Platforms to build for with docker buildx of this machine (on: controller), which pushes the image.",
        ),
        Entry(
            name="cache_from",
            shape=one_or_many(TEXT, "an image or a list of images"),
            doc="Images to take layers from.",
        ),
        Entry(name="no_cache", shape=FLAG, doc="Execute every instruction again when the image is built."),
        Entry(name="pull", shape=FLAG, doc="Build again when a base image has changed in its registry."),
        Entry(name="network", shape=TEXT, doc="Network of RUN instructions: default, host or none."),
        Entry(name="extra_hosts", shape=HOSTS, doc="Names and addresses that RUN instructions know."),
        Entry(name="shm_size", shape=SIZE, doc="Size of /dev/shm for RUN instructions."),
        Entry(name="secrets", shape=_SECRETS, doc="Secrets for RUN --mount=type=secret,id=NAME; in no layer or label."),
        Entry(
            name="on",
            shape=TEXT,
            doc="Where to build: on a host of the inventory by its name or on this machine (controller), from which "
            "the hosts get the image; or on each host (each). Default: on the first host of the run that needs it.",
        ),
    ),
    _one_dockerfile,
    advice=advice.BUILD,
)

BUILD: Final = Entry(
    name="build",
    shape=Forms(
        expects="a folder, or a map of build's keys",
        scalar=Leaf(str, "a folder", lambda path: {"context": path}),
        mapping=_RECORD,
    ),
    doc="Build the image instead of pulling it: the folder with its Dockerfile, or a map.",
)
