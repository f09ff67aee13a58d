"""Keys that the engine does not know: desired state, order, and how to update."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from schema import Or

from deployer.fields.leaves import COUNT, DURATION, FLAG, SECONDS, TEXT, choice, flag_of, option, text_value
from deployer.fields.options import Condition, Presence, PullPolicy, Quiet, Recreate, RunState, UpdateOrder
from deployer.fields.probe import PROBE
from deployer.fields.shapes import Constant, Entry, Forms, Keyed, Leaf, ListOf, MapOf, Record, Then, one_or_many
from deployer.values import backup_target, image, requirement, tag

_PULL_POLICIES = (PullPolicy.MISSING, PullPolicy.ALWAYS, PullPolicy.NEVER)


def _pull_policy(written: object) -> PullPolicy:
    """Compose's `if_not_present` and Ansible's `not_present` are `missing`; Ansible's true and Podman's `newer` are
    `always`."""
    text, flag = text_value(written), flag_of(written)
    synonyms = {"if_not_present": "missing", "not_present": "missing", "newer": "always"}
    policy = synonyms.get(text, text) if flag is None else "always" if flag else "missing"
    if policy in ("daily", "weekly") or policy.startswith("every_"):
        raise ValueError(f"'{text}' is not supported: write always, and run `deployer apply` that often")
    if policy not in _PULL_POLICIES:
        raise ValueError(f"'{text}' is not one of {', '.join(_PULL_POLICIES)}")
    return PullPolicy(policy)


def _target(text: str) -> str:
    found = image.parse(text)
    if found.digest:
        raise ValueError(f"'{text}' has a digest: an image is tagged and pushed by a tag")
    return str(found)


def _backup_target(text: str) -> str:
    backup_target.parse(text)
    return text


def _sysctl(name: str) -> str:
    if re.fullmatch(r"[a-z0-9_]+(\.[A-Za-z0-9_-]+)+", name) is None:
        raise ValueError(f"'{name}' is not the name of a kernel setting such as vm.max_map_count")
    return name


def _platform(text: str) -> str:
    parts = text.lower().split("/")
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise ValueError(f"'{text}' is not a platform such as linux/amd64")
    return "/".join(parts)


def _recreate(*options: Recreate) -> Leaf:
    """Ansible's true is `always`, its false is `auto`."""

    def read(written: Any) -> Recreate:
        flag = flag_of(written)
        return Recreate(written) if flag is None else Recreate.ALWAYS if flag else Recreate.AUTO

    known: Any = Or(bool, lambda text: isinstance(text, str) and (text in options or flag_of(text) is not None))
    return Leaf(known, f"one of {', '.join(options)}", read, json={"type": ["string", "boolean"]})


def _state(*options: RunState) -> Leaf:
    """Ansible's `present` is `created`, and its `healthy` is `started`, which always waits for a healthcheck."""
    synonyms = {"present": RunState.CREATED, "healthy": RunState.STARTED}
    words = {**dict(zip(map(str, options), options, strict=True))}
    words |= {word: state for word, state in synonyms.items() if state in options}
    return replace(choice(*options), schema=words.__contains__, convert=words.__getitem__, json={"enum": list(words)})


IMAGE_REF = Leaf(str, "an image such as redis:7", lambda text: str(image.parse(text)))
PULL = Leaf(Or(str, bool), "one of missing, always, newer, never", _pull_policy)
PLATFORM = Leaf(str, "a platform such as linux/amd64", _platform)

PROTECT = Entry(name="protect", shape=FLAG, doc="Refuse to remove or replace it.")
IGNORE = Entry(
    name="ignore_changes",
    shape=one_or_many(TEXT, "a field or a list of fields"),
    doc="Fields whose differences are ignored, such as labels.build_time.",
)


class Existing(Struct, frozen=True):
    """An external object with another name on the host."""

    name: str


EXTERNAL = Entry(
    name="external",
    shape=Forms(
        expects="true or false",
        scalar=FLAG,
        mapping=Record(
            (Entry(name="name", shape=TEXT, doc="Its name on the host.", required=True),),
            lambda found: Existing(found["name"]),
        ),
    ),
    doc="It exists already and is only used, never created or changed. `{name: NAME}` is short for true and `name`.",
)
NAME = Entry(name="name", shape=TEXT, doc="Its name on the host; default: the play's `prefix` and its key.")
CONTAINER_NAME = Entry(
    name="container_name",
    aliases=("name",),
    shape=TEXT,
    doc="Its name on the host; default: the play's `prefix` and its key, which then is an alias on its networks.",
)
PRESENCE = Entry(name="state", shape=option(*Presence), doc="present (default) or absent.")

_DEPENDENCY = Record(
    (
        Entry(
            name="condition",
            shape=option(*Condition),
            doc="Condition to wait for; default service_started, or service_completed_successfully for a job.",
        ),
        Entry(name="restart", shape=FLAG, doc="Restart this container after the dependency is replaced."),
        Entry(name="required", shape=FLAG, doc="Whether a missing dependency is an error; default true."),
    )
)

DEPENDS_ON = Forms(
    expects="a list of containers, or a map with conditions",
    sequence=Keyed(Leaf(str, "a container's name", lambda name: (name, {}))),
    mapping=MapOf(Forms(expects="a condition", mapping=_DEPENDENCY, null=Constant(dict))),
)

ENV_FILE = Forms(
    expects="a file or a list of files",
    scalar=TEXT,
    sequence=ListOf(
        Forms(
            expects="a file, or path and required",
            scalar=TEXT,
            mapping=Record(
                (
                    Entry(name="path", shape=TEXT, doc="File on this machine.", required=True),
                    Entry(name="required", shape=FLAG, doc="Whether the file must exist; default true."),
                    Entry(name="format", shape=choice("raw"), doc="raw: quotes and escapes are not processed."),
                )
            ),
        )
    ),
)

UPDATE = Record(
    (
        Entry(
            name="order",
            shape=option(*UpdateOrder),
            doc="Whether the old or the new container runs while both exist.",
        ),
        Entry(name="health_timeout", shape=DURATION, doc="Longest time to wait until healthy; default 60s."),
        Entry(
            name="monitor",
            shape=DURATION,
            doc="How long the new one must stay running and healthy; default 5s without a healthcheck, 0s with one.",
        ),
        Entry(
            name="drain",
            shape=DURATION,
            doc="Start-first: how long the old container runs on after the new one got its name; default 2s if other"
            " containers share a network with it, otherwise 0s.",
        ),
        Entry(
            name="stop_grace_period",
            shape=SECONDS,
            doc="Time the old container has to stop when it is replaced; default: its own `stop_grace_period`.",
        ),
        PROBE,
    )
)

REQUIRES = Record(
    (
        Entry(
            name="sysctl",
            shape=MapOf(
                Leaf(Or(str, int), "a value, or a requirement such as >=262144", requirement.parse), check=_sysctl
            ),
            doc="Kernel settings of the host: a value, or >=, <=, > or < and a number.",
        ),
    )
)

IMAGE_OF = Entry(name="image", shape=IMAGE_REF, doc="Image of the container.")
PLATFORM_OF = Entry(name="platform", shape=PLATFORM, doc="Platform of the image: os/architecture[/variant].")
PULL_OF = Entry(name="pull_policy", aliases=("pull",), shape=PULL, doc="missing (default), always (or newer) or never.")
NEEDED = Entry(
    name="depends_on",
    shape=DEPENDS_ON,
    doc="Containers that must be started, healthy or completed first, and jobs that must have completed.",
)
ENV_FILES = Entry(
    name="env_file",
    shape=ENV_FILE,
    doc="Files of KEY=value on this machine, with quotes and `${KEY}` as in Compose. `environment` overrides them.",
)

EXTENDS = Entry(
    name="extends",
    shape=Forms(
        expects="a name, or file and service",
        scalar=TEXT,
        mapping=Record(
            (
                Entry(name="file", shape=TEXT, doc="A file with containers, or a Compose file; default: this one."),
                Entry(name="service", aliases=("container",), shape=TEXT, doc="The container.", required=True),
            )
        ),
    ),
    doc="Another container or job, of the play or a file, whose keys it inherits. Its own keys override them; maps are "
    "merged, lists joined.",
)

CONTAINER = (
    IMAGE_OF,
    Entry(
        name="state",
        shape=_state(*RunState),
        doc="started (default), stopped, created or absent. Ansible's healthy is started, and present is created.",
    ),
    PLATFORM_OF,
    PULL_OF,
    NEEDED,
    ENV_FILES,
    Entry(
        name="restart_retries",
        shape=COUNT,
        doc="Ansible's key for the number in restart: on-failure:3.",
    ),
    PROTECT,
    Entry(
        name="recreate",
        shape=_recreate(*Recreate),
        doc="Replace if a change requires it (auto, default), at every run (always), or never.",
    ),
    IGNORE,
    Entry(name="update", shape=UPDATE, doc="How the container is replaced."),
    EXTENDS,
    CONTAINER_NAME,
    Entry(name="requires", shape=REQUIRES, doc="What the host must have before the container is created or started."),
    Entry(
        name="keep_previous",
        shape=COUNT,
        doc="Number of replaced containers to keep, stopped, for `deployer rollback`; default 1.",
    ),
)

JOB = (
    IMAGE_OF,
    Entry(
        name="state",
        shape=_state(RunState.STARTED, RunState.ABSENT),
        doc="started (default): it has run; absent: its container is removed.",
    ),
    Entry(name="run_once", shape=FLAG, doc="Run it only on the first host of the play, before any other host starts."),
    Entry(name="timeout", shape=DURATION, doc="Longest time it may take; default: no limit."),
    Entry(
        name="recreate",
        shape=_recreate(Recreate.AUTO, Recreate.ALWAYS),
        doc="Run it if its declaration changed (auto, default), or at every run (always).",
    ),
    PLATFORM_OF,
    PULL_OF,
    NEEDED,
    ENV_FILES,
    EXTENDS,
    CONTAINER_NAME,
    IGNORE,
)

RESOURCE = (NAME, PRESENCE, PROTECT, EXTERNAL, IGNORE)

S3 = Record(
    (
        Entry(name="endpoint_url", shape=TEXT, doc="Address of a service that is not AWS: https://minio.example.com."),
        Entry(name="region", shape=TEXT, doc="Region of the bucket."),
        Entry(name="profile", shape=TEXT, doc="Profile in the AWS configuration of this machine."),
        Entry(name="access_key", shape=TEXT, doc="Access key."),
        Entry(name="secret_key", shape=TEXT, doc="Secret key; vault it."),
        Entry(name="session_token", shape=TEXT, doc="Token of temporary credentials."),
    )
)

BACKUP = Record(
    (
        Entry(
            name="to",
            shape=Leaf(str, "a folder, HOST:/FOLDER or s3://BUCKET/PREFIX", _backup_target),
            doc="Where: a folder of this machine, relative to the file; `host:/FOLDER` on the volume's own host, "
            "`HOST:/FOLDER` on another one, or `s3://BUCKET/PREFIX`.",
            required=True,
        ),
        Entry(name="keep", shape=COUNT, doc="Number of backups of the volume to keep there; default: all."),
        Entry(
            name="containers",
            shape=option(*Quiet),
            doc="What is done meanwhile to running containers that use the volume: stop (default), pause or live.",
        ),
        Entry(name="exact", shape=FLAG, doc="Use GNU tar, in the image of a container that uses the volume."),
        Entry(name="image", shape=TEXT, doc="As exact, in this image."),
        Entry(name="schedule_hint", shape=TEXT, doc="When to run it, for people, such as daily."),
        Entry(name="s3", shape=S3, doc="How a bucket is reached, where the environment does not say."),
    )
)

VOLUME = (*RESOURCE, Entry(name="backup", shape=BACKUP, doc="What `deployer backup run` does with the volume."))

TARGET_REF = Leaf(str, "an image with a tag such as reg.example.com/web:1", _target)

IMAGE = (
    PRESENCE,
    Entry(
        name="allow",
        shape=Leaf(str, "a pattern of versions such as 1.4.x", tag.parse_pattern),
        doc="The tags that `image lock` may update it to: `x` stands for a number.",
    ),
    Entry(
        name="cooldown",
        shape=DURATION,
        doc="How old an image must be before `image lock` takes it.",
    ),
    Entry(
        name="source",
        shape=TEXT,
        doc="Send it where it is missing, without a registry: from this machine's engine (controller) or from a host.",
    ),
    Entry(
        name="tag_as",
        shape=one_or_many(TARGET_REF, "a reference or a list of references"),
        doc="Further references that the image gets on the host.",
    ),
    Entry(
        name="push",
        shape=Forms(
            expects="true, false, or a list of references",
            scalar=Then(FLAG, lambda wanted: [""] if wanted else []),
            sequence=ListOf(TARGET_REF),
        ),
        doc="Push it to its registry (true), or to these references, where a registry does not have it.",
    ),
    Entry(name="pull", aliases=("pull_policy",), shape=PULL, doc="missing (default), always (or newer) or never."),
    Entry(name="platform", shape=PLATFORM, doc="Platform: os/architecture[/variant]."),
)
