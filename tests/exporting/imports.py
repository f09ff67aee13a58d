"""Hosts read back as playbooks: what `import` writes, planned on the same host and made again on an empty one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml as plain_yaml

from deployer.config import yaml
from deployer.config.playbook import Play
from deployer.config.resolve import Inputs, join_plays, resolve
from deployer.config.templates.templar import Templar
from deployer.diagnostics import Origin, Problems
from deployer.exporting.playbook import host_playbook
from deployer.model.desired import Desired
from deployer.nodes import Mapping as MappingNode
from deployer.nodes import Scalar, Sequence
from deployer.simulated import SimulatedEngine
from deployer.usecases.observe_whole import observe_whole
from tests.planning.build import HOST
from tests.planning.hosts import Host


class _Loader(plain_yaml.SafeLoader):
    """Knows `!unsafe`."""


_Loader.add_constructor("!unsafe", lambda _loader, node: node.value)


def imported(engine: SimulatedEngine, *names: str, **more: Any) -> str:
    return host_playbook(observe_whole(engine, HOST), engine.info(), names, **more).text


def plays(text: str) -> list[dict[str, Any]]:
    """Plain values; `!unsafe` text as it is."""
    found = plain_yaml.load(text, _Loader)
    assert isinstance(found, list)
    return found


def container(engine: SimulatedEngine, name: str) -> dict[str, Any]:
    """As it is imported."""
    (play,) = plays(imported(engine, name))
    return dict(play["containers"][name])


def desired(text: str, variables: Mapping[str, str]) -> tuple[Desired, ...]:
    """The playbook, read as any other. Fails with its errors."""
    problems = Problems()
    tree = yaml.load(text, "imported.yml", problems)
    assert isinstance(tree, Sequence)
    templar = Templar({name: Scalar(value, Origin("vault.yml"), secret=True) for name, value in variables.items()})
    found = []
    for item in tree.items:
        assert isinstance(item, MappingNode)
        play = Play("imported.yml", item.origin, dict(item.items()))
        found.append(resolve(play, HOST, templar, Inputs(problems)))
    joined = join_plays(found, problems)
    problems.raise_if_any()
    return joined


def check_unchanged(engine: SimulatedEngine, text: str, variables: Mapping[str, str] | None = None) -> None:
    """Applying the playbook to the host it was read from changes nothing and is refused nothing."""
    for wish in desired(text, variables or {}):
        plan = Host(engine).plan(wish)
        assert (plan.changes, plan.refusals, plan.steps) == ((), (), ()), f"{plan.changes} {plan.refusals}\n{text}"


def made_again(engine: SimulatedEngine, text: str, variables: Mapping[str, str] | None = None) -> SimulatedEngine:
    """Another host with what the playbook declares. Images are the same under the same names."""
    other = SimulatedEngine(engine.describe().version.rpartition(".")[0])
    for wish in desired(text, variables or {}):
        Host(other).converge(wish)
    return other


def values(engine: SimulatedEngine, name: str) -> dict[str, Any]:
    """Live values of a container, other containers by their names, addresses that an engine picks left out."""
    seen = observe_whole(engine, HOST)
    found = seen.container(name)
    assert found is not None
    names = {key: other for other, key in seen.ids.items()}
    live = {key: _named(value, names) for key, value in found.values.items()}
    if str(live["network_mode"]).startswith("container:"):
        del live["hostname"]  # the other one's
    for endpoint in live["networks"].values():
        endpoint.pop("mac_address", None)
    return live


def _named(value: Any, names: Mapping[str, str]) -> Any:
    kind, _, key = str(value).partition(":")
    return f"container:{names[key]}" if kind == "container" and key in names else value
