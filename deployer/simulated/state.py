"""The state of a simulated host as plain JSON data, with deterministic ids and times. Records have the engine's own
JSON under capitalised keys. Keys of the simulation are lower-case, and `engine_json` drops them. There is no clock:
every write advances a counter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from msgspec import Struct, field
from msgspec.structs import asdict

from deployer.simulated.profile import HostFacts, Profile

Record: TypeAlias = dict[str, Any]

EPOCH: Final = datetime(2024, 1, 1, tzinfo=UTC)
NEVER: Final = "0001-01-01T00:00:00Z"


class State(Struct):
    """Containers, networks and images by id, volumes by name, the registry by complete reference, the host's files by
    path, exit codes of removed containers by id."""

    host: str
    counter: int = 0
    changes: int = 0
    containers: dict[str, Record] = field(default_factory=dict)
    networks: dict[str, Record] = field(default_factory=dict)
    volumes: dict[str, Record] = field(default_factory=dict)
    images: dict[str, Record] = field(default_factory=dict)
    registry: dict[str, Record | None] = field(default_factory=dict)
    files: dict[str, Record] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)

    def new_id(self, kind: str) -> str:
        """The next 64-digit id. It depends only on the host's name and the operations before."""
        self.counter += 1
        return sha256(f"{self.host}/{kind}/{self.counter}")

    def tick(self) -> str:
        """Advances the counter; returns it as a time stamp of the engine."""
        self.counter += 1
        return self.now()

    def now(self) -> str:
        moment = EPOCH + timedelta(seconds=self.counter)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000000000Z")

    def touch(self) -> None:
        """Marks the state as changed since it was stored."""
        self.changes += 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> State:
        return cls(**json.loads(text))

    def copy(self) -> State:
        return State.from_json(self.to_json())


class SimulatedHost(Struct):
    """A machine with its engine. `behaviours` maps image references to what `behaviour.parse_behaviour` reads."""

    profile: Profile
    facts: HostFacts
    behaviours: dict[str, str]
    state: State


def plain_copy(document: Mapping[str, Any]) -> Record:
    """A deep copy."""
    copied: Record = json.loads(json.dumps(dict(document)))
    return copied


def engine_json(record: Record) -> Record:
    """A deep copy of a record without its lower-case keys."""
    return plain_copy({key: value for key, value in record.items() if key[0].isupper()})


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def unix_seconds(stamp: str) -> int:
    """An engine time stamp in whole seconds, as in lists."""
    return int(datetime.fromisoformat(stamp[:19] + "+00:00").timestamp())
