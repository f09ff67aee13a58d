"""Files of variables: group_vars, host_vars and single files; plain, JSON, vaulted, or encrypted with sops."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from deployer.config.files import read_file
from deployer.config.scripts import RunScript
from deployer.config.variables.names import check_names
from deployer.config.vault import VaultSecrets
from deployer.config.yaml import load, load_json
from deployer.diagnostics import Missing, Origin, Problems
from deployer.nodes import Mapping as MappingNode
from deployer.nodes import Node, Scalar, as_secret, secret_texts

_FILES = Origin("files of variables")
_ENDINGS = ("", ".yml", ".yaml", ".json")


class VariableReader:
    """Reads each file once. A file that cannot be read, or is not a mapping, is reported and counts as empty."""

    def __init__(self, problems: Problems, vault: VaultSecrets | None = None, run: RunScript | None = None) -> None:
        """`run` runs sops."""
        self._problems = problems
        self._vault = vault or VaultSecrets()
        self._run = run
        self._read: dict[Path, Mapping[str, Node]] = {}
        self._folders: dict[tuple[Path, str], Mapping[str, Node]] = {}

    def file(self, path: Path, *, is_inventory: bool = False) -> Mapping[str, Node]:
        """The variables of one file. Invalid names are errors, next to an inventory warnings."""
        if path not in self._read:
            with self._problems.reading(Missing.VARIABLE):
                self._read[path] = self._load(path, is_inventory=is_inventory)
        return self._read[path]

    @property
    def paths(self) -> Iterator[str]:
        """Of the files read so far."""
        return map(str, self._read)

    @property
    def values(self) -> Iterator[Node]:
        """One mapping per file read so far."""
        for found in self._read.values():
            yield MappingNode(tuple((Scalar(name, node.origin), node) for name, node in found.items()), _FILES)

    def folder(self, folder: Path, name: str) -> Mapping[str, Node]:
        """The variables of `folder/NAME`: a file with or without an ending, or a folder of files, merged in order."""
        key = (folder, name)
        if key not in self._folders:
            merged: dict[str, Node] = {}
            for path in self._files_for(folder, name):
                merged.update(self.file(path, is_inventory=True))
            self._folders[key] = merged
        return self._folders[key]

    def _load(self, path: Path, *, is_inventory: bool) -> Mapping[str, Node]:
        try:
            content = read_file(path)
        except OSError as error:
            self._problems.add(Origin(str(path)), f"cannot be read: {error.strerror}")
            return {}
        parse = load_json if path.suffix == ".json" else load
        tree = parse(content, str(path), self._problems, self._vault)
        if self._run is not None and _is_sops(tree):
            tree = self._decrypted(self._run, path)
        if tree is None or (isinstance(tree, Scalar) and tree.value is None):
            return {}
        if not isinstance(tree, MappingNode):
            self._problems.add(tree.origin, "a file of variables is a mapping: name: value")
            return {}
        return check_names(tree, self._problems, is_inventory=is_inventory)

    def _decrypted(self, run: RunScript, path: Path) -> Node | None:
        """What sops makes of the file; all values are secret."""
        found = _output_of(run, path, self._problems)
        at = Origin(str(path))
        tree = None if found is None else load(found, str(path), self._problems, self._vault, at=at)
        if tree is None:
            return None
        self._vault.learn(secret_texts(as_secret(tree)))
        return as_secret(tree)

    def _files_for(self, folder: Path, name: str) -> Iterator[Path]:
        if "/" in name or not folder.is_dir():
            return
        found = [path for path in (folder / f"{name}{ending}" for ending in _ENDINGS) if path.exists()]
        for ignored in found[1:]:
            self._problems.warn(Origin(str(ignored)), f"not read, because {found[0]} exists")
        if found and found[0].is_dir():
            yield from _files_in(found[0])
        elif found:
            yield found[0]


def _is_sops(tree: Node | None) -> bool:
    """Whether a file has what sops adds: a mapping `sops` with a checksum."""
    found = tree.get("sops") if isinstance(tree, MappingNode) else None
    return isinstance(found, MappingNode) and found.get("mac") is not None


def _output_of(run: RunScript, path: Path, problems: Problems) -> str | None:
    """The file's values as YAML. An error is reported."""
    origin = Origin(str(path))
    try:
        result = run(["sops", "--decrypt", "--output-type", "yaml", str(path)])
    except FileNotFoundError:
        problems.add(
            origin, "encrypted with sops, and the program sops is not installed", hint="install it, or use a vault"
        )
        return None
    except OSError as error:
        problems.add(origin, f"encrypted with sops, which cannot be run: {error.strerror}")
        return None
    if result.status:
        said = " ".join(result.stderr.split())
        problems.add(origin, f"sops ended with status {result.status}{': ' if said else ''}{said}")
        return None
    return result.stdout


def _files_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir() and not path.suffix:
            yield from _files_in(path)
        elif path.is_file() and path.suffix in _ENDINGS:
            yield path
