"""The keys of a play, and of every resource in it besides the resource's own."""

from __future__ import annotations

from typing import Final

from schema import Or

from deployer.config import reuse
from deployer.config.policies import POLICY
from deployer.fields.container.files import CONFIGS, SECRETS, definitions
from deployer.fields.leaves import ANYTHING, COUNT, DURATION, FLAG, TEXT, TEXTS, choice
from deployer.fields.settings import UPDATE
from deployer.fields.shapes import Entry, Forms, Leaf, ListOf, MapOf, Record, one_or_many
from deployer.model.desired import OnFailure


def _batch(text: str) -> int | str:
    """A number may be text: `-e` gives text."""
    number = text.strip().removesuffix("%")
    if not number.isdecimal() or (number != text.strip() and not 1 <= int(number) <= 100):
        raise ValueError(f"'{text}' is not a number of hosts or a percentage such as 30%")
    return text.strip() if number != text.strip() else _hosts_count(int(number))


def _hosts_count(count: int) -> int:
    if count < 1:
        raise ValueError(f"{count} is not a number of hosts")
    return count


def _is_share(number: object) -> bool:
    """A number may be text: `-e` gives text."""
    if isinstance(number, str):
        return number.isdecimal() and int(number) <= 100
    return isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number <= 100


BATCH: Final = Forms(
    expects="a number of hosts, a percentage, or a list of them",
    scalar=Leaf(
        lambda size: isinstance(size, int | str) and not isinstance(size, bool),
        "a number of hosts or a percentage such as 30%",
        lambda size: _hosts_count(size) if isinstance(size, int) else _batch(size),
        json={"type": ["integer", "string"]},
    ),
)

SERIAL: Final = Forms(expects=BATCH.expects, scalar=BATCH.scalar, sequence=ListOf(BATCH))

PERCENT: Final = Leaf(
    _is_share,
    "a percentage from 0 to 100",
    float,
    json={"type": "number", "minimum": 0, "maximum": 100},
)

ON_FAILURE: Final = choice(*OnFailure)

TAGS: Final = Forms(
    expects="a tag or a list of tags",
    scalar=Leaf(str, "a tag", lambda text: [tag.strip() for tag in text.split(",") if tag.strip()]),
    sequence=ListOf(TEXT),
)

REGISTRIES: Final = MapOf(
    Record(
        (
            Entry(name="username", shape=TEXT, doc="User name.", required=True),
            Entry(name="password", shape=TEXT, doc="Password or token.", required=True),
        )
    )
)

VARS: Final = Forms(
    expects="a map: name: value",
    mapping=MapOf(ANYTHING),
    sequence=ListOf(Forms(expects="a map", mapping=MapOf(ANYTHING))),
)

MOVE: Final = Forms(
    expects="true, false, or a map of from, exact and image",
    scalar=FLAG,
    mapping=Record(
        (
            Entry(
                name="from",
                shape=one_or_many(TEXT, "a host, a group or a pattern"),
                doc="Hosts from which containers may come; default: all of the inventory.",
            ),
            Entry(name="exact", shape=FLAG, doc="Copy volumes with GNU tar, first while they are in use."),
            Entry(name="image", shape=TEXT, doc="As exact, with this image of the hosts."),
        )
    ),
)

CONDITION: Final = Leaf(Or(str, bool), "an expression, true or false")

NO_CONDITION: Final = "a condition is an expression, true or false"

NO_LIST: Final = "expected a list to loop over"

PLAY: Final = (
    Entry(name="name", shape=TEXT, doc="Name of the play, shown in output."),
    Entry(
        name="hosts",
        shape=Forms(expects="a host, a group or a pattern", scalar=TEXT, sequence=ListOf(TEXT)),
        doc="Pattern of hosts, as in Ansible: `web:&production`, `all`, `web*`.",
        required=True,
    ),
    Entry(
        name="project",
        shape=TEXT,
        doc="Owner of the resources; default: the playbook's file name without extension.",
    ),
    Entry(
        name="prefix",
        shape=TEXT,
        doc="Prefix of names on the host: of containers, jobs, networks and volumes without a `name` of their own.",
    ),
    Entry(name="vars", shape=VARS, doc="Variables."),
    Entry(
        name="vars_files",
        shape=Forms(
            expects="a file or a list of files",
            scalar=TEXT,
            sequence=ListOf(
                Forms(expects="a file, or several of which the first is read", scalar=TEXT, sequence=TEXTS)
            ),
        ),
        doc="Files of variables, encrypted or plain; of a nested list, the first file that exists.",
    ),
    Entry(name="serial", shape=SERIAL, doc="Batch size: a number of hosts, a percentage, or a list of them."),
    Entry(
        name="max_fail_percentage",
        shape=PERCENT,
        doc="Stop if more than this percentage of a batch failed; default: stop if a whole batch failed.",
    ),
    Entry(name="any_errors_fatal", shape=FLAG, doc="Stop after a batch with any failed host."),
    Entry(
        name="order",
        shape=choice("inventory", "reverse_inventory", "sorted", "reverse_sorted"),
        doc="Order of hosts: inventory (default), reverse_inventory, sorted or reverse_sorted.",
    ),
    Entry(name="pause", shape=DURATION, doc="Pause between two batches."),
    Entry(
        name="on_failure",
        shape=ON_FAILURE,
        doc="What a failure rolls back: the whole host (rollback_host, default), all hosts of the play if the failure "
        "ends it (rollback_all), or only the failed replacement (stop).",
    ),
    Entry(name="keep_previous", shape=COUNT, doc="Default of the containers' `keep_previous`."),
    Entry(name="update", shape=UPDATE, doc="Default of the containers' `update`, key by key."),
    Entry(
        name="move",
        shape=MOVE,
        doc="Containers that the play declares and that another host of the inventory has come from there, with their "
        "volumes.",
    ),
    Entry(
        name="prune",
        shape=FLAG,
        doc="Remove resources of the project that no play declares any more; volumes are kept.",
    ),
    Entry(
        name="interpolation",
        shape=choice("compose"),
        doc="compose: `${NAME}` in resources, vars and registries is the caller's environment variable and `$$` a `$`, "
        "as in Compose; without it both are errors in resources and registries.",
    ),
    Entry(name="registries", shape=REGISTRIES, doc="Credentials by registry."),
    Entry(
        name=reuse.POLICY,
        shape=one_or_many(Forms(expects="a policy, or a file", scalar=TEXT, mapping=POLICY), "a policy, or a file"),
        doc="What the resources must comply with: a policy, a file with one, or a list of them.",
    ),
    Entry(
        name=CONFIGS.name,
        shape=definitions(),
        doc="Files for containers, by name: `file`, `content` or `environment`.",
    ),
    Entry(
        name=SECRETS.name,
        shape=definitions(),
        doc="The same for secret files, which are never shown.",
    ),
    Entry(name="tags", shape=TAGS, doc="Tags of everything in the play."),
    Entry(
        name=reuse.INCLUDE,
        shape=one_or_many(TEXT, "a file or a list of files"),
        doc="Files with resources that the play declares too: maps of containers, networks, volumes, ….",
    ),
)
"""Keys of a play besides its sections."""

CONTAINER_DEFAULTS: Final = ("keep_previous", "update")
"""Keys of a play that are defaults for its containers."""

META: Final = (
    Entry(
        name="when",
        shape=Forms(expects=CONDITION.expects, scalar=CONDITION, sequence=ListOf(CONDITION)),
        doc="Skip the resource if this expression, or one of a list, is not true.",
    ),
    Entry(
        name="loop",
        shape=Forms(expects="a list, or an expression", scalar=TEXT, sequence=ListOf(ANYTHING)),
        doc="Declare it once for each item, with `item` in templates.",
    ),
    Entry(name="tags", shape=TAGS, doc="Tags, for --tags and --skip-tags."),
)
"""Keys of a resource that resolving removes."""
