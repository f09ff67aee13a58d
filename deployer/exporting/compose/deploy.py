"""`deploy` of a Compose service: limits, restarts, the order of an update, and the number of containers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, TypeAlias

from deployer import nodes
from deployer.diagnostics import Problems
from deployer.nodes import Node

Report: TypeAlias = Callable[[Node, str, str, str], None]
"""Called with a value that is left out, its path, why, and what to write instead."""
Unknown: TypeAlias = Callable[[Node, str, Collection[str]], None]
"""Called with a value whose path is unknown, that path, and the known ones."""

SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "resources.limits.cpus": ("cpus",),
    "resources.limits.memory": ("mem_limit",),
    "resources.limits.pids": ("pids_limit",),
    "resources.reservations.memory": ("mem_reservation",),
    "resources.reservations.devices": ("gpus",),
    "update_config.order": ("update", "order"),
    "update_config.monitor": ("update", "monitor"),
}
"""Paths below `deploy`, and where their values go."""
_RESTART: Final = ("restart_policy.condition", "restart_policy.max_attempts")
_READ_ELSEWHERE: Final = frozenset({"replicas", "mode", *_RESTART})
DEPLOY_ADVICE: Final[Mapping[str, str]] = {
    "endpoint_mode": "it is for a swarm; put a proxy in front of several containers",
    "labels": "labels of a service are for a swarm; write labels of the container",
    "placement": "select hosts with 'hosts' of the play",
    "resources.reservations.cpus": "write cpu_shares, a weight",
    "resources.reservations.generic_resources": "it is for a swarm; write gpus",
    "restart_policy.delay": "the engine waits 100ms, and twice as long each time",
    "restart_policy.window": "the engine counts a start as successful after 10s",
    "rollback_config": "a failed update is rolled back; write on_failure in the play",
    "update_config.delay": "write pause in the play",
    "update_config.failure_action": "a failed update is rolled back; write on_failure in the play",
    "update_config.max_failure_ratio": "write max_fail_percentage in the play",
    "update_config.parallelism": "write serial in the play: hosts at a time",
}
"""What to write instead of what has no counterpart."""
_DIGITS: Final = 4
"""Of a number of containers."""
_CONDITIONS: Final = {"none": "no", "any": "always", "": "always"}


def deploy_entries(node: nodes.Mapping, left_out: Report, unknown: Unknown) -> Iterator[tuple[str, Node]]:
    """Keys of a container for what is below `deploy`."""
    found: dict[tuple[str, ...], Node] = {}
    for path, value in _leaves(node, ""):
        if path in SAME:
            found[SAME[path]] = value
        elif path == "mode" and nodes.to_plain(value) in ("global", "global-job", "replicated-job"):
            left_out(value, path, "it is for a swarm", "a play has its containers on each of its hosts")
        elif path in DEPLOY_ADVICE:
            left_out(value, path, "it has no counterpart", DEPLOY_ADVICE[path])
        elif path not in _READ_ELSEWHERE:
            unknown(value, path, {*SAME, *DEPLOY_ADVICE, *_READ_ELSEWHERE})
    for keys, value in found.items():
        yield (
            keys[0],
            value if len(keys) == 1 else nodes.Mapping(((nodes.Scalar(keys[1], value.origin), value),), value.origin),
        )
    policy = node.get("restart_policy")
    if isinstance(policy, nodes.Mapping):
        yield "restart", nodes.Scalar(_restart(policy), policy.origin)


def _leaves(node: nodes.Mapping, before: str) -> Iterator[tuple[str, Node]]:
    for key, value in node.items():
        path = f"{before}{key}"
        if isinstance(value, nodes.Scalar) and value.value is None:
            continue
        if isinstance(value, nodes.Mapping) and path not in DEPLOY_ADVICE:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _restart(policy: nodes.Mapping) -> str:
    condition, attempts = policy.get("condition"), policy.get("max_attempts")
    word = str(nodes.to_plain(condition)) if condition is not None else ""
    name = _CONDITIONS.get(word, word)
    return f"{name}:{nodes.to_plain(attempts)}" if attempts is not None and name == "on-failure" else name


def replicas_of(name: str, body: nodes.Mapping, problems: Problems) -> int:
    """How many containers a service has."""
    deploy = body.get("deploy")
    replicas = deploy.get("replicas") if isinstance(deploy, nodes.Mapping) else None
    found = body.get("scale") or replicas
    if found is None:
        return 1
    text = str(nodes.to_plain(found))
    if not text.isdecimal() or len(text) > _DIGITS:
        problems.add(found.origin, f"'{text}' is not a number of containers", address=f"services.{name}")
        return 1
    if int(text) > 1 and (named := body.get("container_name")) is not None:
        summary = f"is the name of one container, and the service has {text}"
        problems.add(named.origin, summary, address=f"services.{name}.container_name", hint="leave it out")
    return int(text)
