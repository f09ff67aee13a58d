"""Reads inventory sources into one `Inventory`: INI, YAML, JSON, TOML, directories, executables and `host,` lists."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from deployer.config.files import read_file
from deployer.config.inventory.draft import Draft
from deployer.config.inventory.ini import read_ini
from deployer.config.inventory.script import read_script
from deployer.config.inventory.types import ALL, LOCAL_NAMES, UNGROUPED, Group, Host, Inventory
from deployer.config.inventory.yaml_groups import read_yaml_tree
from deployer.config.scripts import RunScript
from deployer.config.vault import VaultError, VaultSecrets, is_encrypted
from deployer.config.yaml import load, load_json
from deployer.diagnostics import Missing, Origin, Problems
from deployer.nodes import from_plain

__all__ = ["ALL", "LOCAL_NAMES", "UNGROUPED", "Group", "Host", "Inventory", "load_inventory"]

_SKIPPED_FOLDERS = ("host_vars", "group_vars", "vars_plugins")
_SKIPPED_ENDINGS = (*(".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"),)
_YAML_ENDINGS = (".yml", ".yaml")
_YAML_START = re.compile(r"(?:---|[\w.*-]+:(?:\s|$)|\{|\"[^\"]*\"\s*:|'[^']*'\s*:)")


def load_inventory(
    sources: Sequence[str],
    problems: Problems,
    *,
    run: RunScript | None = None,
    vault: VaultSecrets | None = None,
) -> Inventory:
    """Reads all sources; later ones override earlier ones. Errors go to `problems`. `run` starts executable sources;
    without it they are reported. Without sources there are no hosts except the implicit `localhost`."""
    reader = _Reader(Draft(problems), run, vault or VaultSecrets())
    for source in sources:
        reader.read_source(source)
    return reader.draft.finish(reader.folders)


class _Reader:
    def __init__(self, draft: Draft, run: RunScript | None, vault: VaultSecrets) -> None:
        self.draft = draft
        self.folders: list[Path] = []
        self._problems = draft.problems
        self._run = run
        self._vault = vault

    def read_source(self, source: str) -> None:
        """A source with an error and without hosts may have had any."""
        known = self.draft.host_names
        with self._problems.reading(*Missing, unless=lambda: self.draft.host_names != known):
            self._read_source(source)

    def _read_source(self, source: str) -> None:
        if "," in source:
            self._read_host_list(source)
            return
        path = Path(source)
        if path.is_dir():
            self.folders.append(path)
            self._read_folder(path)
        elif path.exists():
            self.folders.append(path.parent)
            self._read_file(path)
        else:
            hint = f"a list of hosts ends with a comma: -i {source}," if "/" not in source else ""
            self._problems.add(Origin(source), "there is no such inventory file or directory", hint=hint)

    def _read_host_list(self, source: str) -> None:
        self.draft.file = None
        origin = Origin(f"-i {source}")
        for name in filter(None, (part.strip() for part in source.split(","))):
            self.draft.add_named(name, UNGROUPED, origin)

    def _read_folder(self, folder: Path) -> None:
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.name.endswith(_SKIPPED_ENDINGS):
                continue
            if not path.is_dir():
                self._read_file(path)
            elif path.name not in _SKIPPED_FOLDERS:
                self._read_folder(path)

    def _read_file(self, path: Path) -> None:
        self.draft.file = path
        try:
            content = read_file(path)
        except OSError as error:
            self._problems.add(Origin(str(path)), f"cannot be read: {error.strerror}")
            return
        if self._is_script(path, content):
            self._read_script(path)
        elif path.suffix in (*_YAML_ENDINGS, ".json"):
            self._read_yaml(path, content)
        elif path.suffix == ".toml":
            self._read_toml(path, content)
        else:
            self._read_text(path, content)

    def _is_script(self, path: Path, content: bytes) -> bool:
        """A file that begins with `#!`, or is executable and does not end like a data file."""
        if content.startswith(b"#!"):
            return True
        return os.access(path, os.X_OK) and path.suffix not in (*_YAML_ENDINGS, ".json", ".toml", ".ini")

    def _read_script(self, path: Path) -> None:
        if not os.access(path, os.X_OK):
            self._problems.add(Origin(str(path)), "an inventory script that is not executable", hint=f"chmod +x {path}")
        elif self._run is None:
            self._problems.add(Origin(str(path)), "inventory scripts are not supported here")
        else:
            command = str(path) if path.parent != Path() else f"./{path}"
            read_script(command, self._run, self.draft)

    def _read_yaml(self, path: Path, content: bytes) -> None:
        parse = load_json if path.suffix == ".json" else load
        tree = parse(content, str(path), self._problems, self._vault)
        if tree is not None:
            read_yaml_tree(tree, self.draft)

    def _read_toml(self, path: Path, content: bytes) -> None:
        import tomllib

        try:
            tree = tomllib.loads(content.decode("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self._problems.add(Origin(str(path)), f"not valid TOML: {error}")
            return
        for group in tree.values():
            if isinstance(group, dict) and isinstance(group.get("children"), list):
                group["children"] = dict.fromkeys(group["children"])
        read_yaml_tree(from_plain(tree, Origin(str(path))), self.draft)

    def _read_text(self, path: Path, content: bytes) -> None:
        """Without a known ending: YAML if the first line looks like it, otherwise INI."""
        try:
            text = self._vault.decrypt(content) if is_encrypted(content) else content.decode("utf-8-sig")
        except VaultError as error:
            self._problems.add(Origin(str(path), 1, 1), error.message, hint=error.hint)
            return
        except UnicodeDecodeError:
            self._problems.add(Origin(str(path)), "the file is not UTF-8 text")
            return
        if path.suffix != ".ini" and _looks_like_yaml(text.splitlines()):
            self._read_yaml(path, content)
        else:
            read_ini(text, str(path), self.draft, secret=is_encrypted(content))


def _looks_like_yaml(lines: Iterable[str]) -> bool:
    first = next((line for line in lines if line.strip() and line.lstrip()[0] not in "#;"), "")
    return _YAML_START.match(first) is not None
