"""The values of `-e`: `name=value …`, JSON or YAML text, `@FILE`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from deployer.config.variables.names import check_names, name_fault, warn_of_misspelling
from deployer.config.variables.vars_files import VariableReader
from deployer.config.vault import VaultSecrets
from deployer.config.yaml import load
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Mapping, Node, Scalar

ORIGIN = Origin("--extra-vars")


def parse_extra_vars(given: Sequence[str], problems: Problems, vault: VaultSecrets | None = None) -> dict[str, Node]:
    """All extra variables, later ones replacing earlier ones. `name=value` gives text; every error is reported."""
    reader = VariableReader(problems, vault)
    merged: dict[str, Node] = {}
    for text in given:
        if text.startswith("@"):
            merged.update(reader.file(Path(os.path.expanduser(text[1:]))))  # noqa: PTH111
        elif text.lstrip().startswith(("{", "[")):
            merged.update(_inline(text, problems, vault))
        else:
            merged.update(_pairs(text, problems))
    return merged


def _inline(text: str, problems: Problems, vault: VaultSecrets | None) -> dict[str, Node]:
    tree = load(text, ORIGIN.file, problems, vault, at=ORIGIN)
    if isinstance(tree, Mapping):
        return check_names(tree, problems)
    if tree is not None:
        problems.add(ORIGIN, "extra variables are a mapping: {name: value}")
    return {}


def _pairs(text: str, problems: Problems) -> dict[str, Node]:
    try:
        words = shlex.split(text)
    except ValueError:
        problems.add(ORIGIN, "a quote is not closed")
        return {}
    pairs: dict[str, Node] = {}
    for word in words:
        name, equals, value = word.partition("=")
        fault = _pair_fault(name) if equals else "expected name=value, JSON, YAML or @FILE"
        if fault:
            hint = f"write @{word} for a file of variables" if _looks_like_file(word) else ""
            problems.add(ORIGIN, fault, hint=hint)
        else:
            warn_of_misspelling(ORIGIN, name, problems)
            pairs[name] = Scalar(value, ORIGIN)
    return pairs


def _pair_fault(name: str) -> str:
    return name_fault(name) if name else "expected name=value, JSON, YAML or @FILE"


def _looks_like_file(word: str) -> bool:
    return word.startswith(("/", "./", "../", "~")) or word.endswith((".yml", ".yaml", ".json"))
