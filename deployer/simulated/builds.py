"""Builds on a simulated host: nothing is executed; the image gets the configuration that the last stage describes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from deployer.errors import EngineError
from deployer.model.build import Build
from deployer.simulated.catalog import registry_entry
from deployer.simulated.images import find_image, load_image
from deployer.simulated.merge import blank_config
from deployer.simulated.references import parse_reference
from deployer.simulated.state import Record, SimulatedHost, sha256
from deployer.values import dockerfile

_EXPOSED, _WORDS = "ExposedPorts", {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint"}


def build(
    host: SimulatedHost, ref: str, made: Build, labels: Mapping[str, str], progress: Callable[[Record], None]
) -> None:
    config = blank_config()
    steps = list(dockerfile.instructions(made.dockerfile))
    for base in made.bases:
        base_config = _base(host, base)
        config = blank_config() | base_config
    for number, step in enumerate(steps, 1):
        progress({"step": f"[{number}/{len(steps)}] {step}"})
        _apply(config, step)
    config["Labels"] = {**(config["Labels"] or {}), **made.labels, **labels} or None
    content = [made.dockerfile, made.context_digest, sorted(made.args.items()), config]
    key = "sha256:" + sha256(json.dumps(content, sort_keys=True))
    size = sum(found.size for found in made.files)
    system, _, arch = (made.platform or f"linux/{host.facts.arch}").partition("/")
    image = {"config": config, "architecture": arch, "os": system}
    load_image(host, key, image, {"Size": size}, [parse_reference(ref).familiar])


def _base(host: SimulatedHost, ref: str) -> Record:
    found = find_image(host, ref) or registry_entry(host.state.registry, parse_reference(ref))
    if found is None:
        name = parse_reference(ref)
        raise EngineError(f"{name}: failed to resolve source metadata for {name}: {name}: not found", status=0)
    config: Record = found["Config"]
    return config


def _apply(config: dict[str, Any], step: dockerfile.Instruction) -> None:
    match step.keyword:
        case "ENV" | "LABEL":
            pairs = dict(word.partition("=")[::2] for word in shlex.split(step.rest))
            if step.keyword == "LABEL":
                config["Labels"] = {**(config["Labels"] or {}), **pairs}
            else:
                others = [each for each in config["Env"] or () if each.partition("=")[0] not in pairs]
                config["Env"] = [*others, *(f"{name}={value}" for name, value in pairs.items())]
        case "CMD" | "ENTRYPOINT":
            words = json.loads(step.rest) if step.rest.startswith("[") else ["/bin/sh", "-c", step.rest]
            config[_WORDS[step.keyword]] = words
        case "EXPOSE":
            ports: Record = {port if "/" in port else f"{port}/tcp": {} for port in step.rest.split()}
            config[_EXPOSED] = {**(config.get(_EXPOSED) or {}), **ports}
        case "USER":
            config["User"] = step.rest
        case "WORKDIR":
            config["WorkingDir"] = step.rest
