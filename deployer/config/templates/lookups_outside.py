"""Lookups beyond files and variables: programs of this machine, allowed by `--allow-commands`, and passwords kept in
files. Each program runs once in a run. A password without a file is new; the caller writes its file when the plan is
applied. All results are secret."""

from __future__ import annotations

import random
import shlex
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jinja2.exceptions import TemplateRuntimeError

from deployer.config.files import read_file
from deployer.config.vault import VaultError, is_encrypted

if TYPE_CHECKING:
    from deployer.config.templates.templar import Outside

_LENGTH: Final = 20
_CHARACTERS: Final = ("ascii_letters", "digits", ".,:-_")
_OPTIONS: Final = ("length", "chars", "seed")
_SALT: Final = " salt="


def pipe(outside: Outside, base: Path, term: str) -> str:
    """The output of a shell command that runs in the playbook's folder, without the newline at its end."""
    words = ("/bin/sh", "-c", f"cd -- {shlex.quote(str(base))} && {term}")
    return _output(outside, "pipe", words, term)


def command(outside: Outside, _base: Path, term: str) -> str:
    """The output of a program, without a shell."""
    try:
        words = shlex.split(term)
    except ValueError as error:
        raise TemplateRuntimeError(f"lookup 'command': {error}") from error
    if not words:
        raise TemplateRuntimeError("lookup 'command': the command is empty")
    return _output(outside, "command", tuple(words), term)


def _output(outside: Outside, kind: str, words: tuple[str, ...], shown: str) -> str:
    if outside.run is None:
        raise TemplateRuntimeError(
            f"lookup '{kind}' runs a program while planning: {shown}; allow it with --allow-commands, or pass the "
            "value with -e or an environment variable"
        )
    if words not in outside.outputs:
        try:
            result = outside.run(words)
        except OSError as error:
            raise TemplateRuntimeError(f"lookup '{kind}': '{shown}' cannot be run: {error.strerror}") from error
        if result.status:
            said = result.stderr.strip().splitlines()[-1:]
            raise TemplateRuntimeError(
                f"lookup '{kind}': '{shown}' ended with status {result.status}{': ' if said else ''}{''.join(said)}"
            )
        outside.outputs[words] = result.stdout.rstrip("\r\n")
        outside.commands.append(shown)
    return outside.outputs[words]


def password(outside: Outside, base: Path, term: str, options: dict[str, Any]) -> str:
    """The content of the file, or a new password that the file will contain. `term`: `PATH length=… chars=… seed=…`, as
    in Ansible."""
    name, given = _parsed(term, options)
    path = (base / Path(name).expanduser()).absolute()
    if str(path) == "/dev/null":
        raise TemplateRuntimeError("lookup 'password': /dev/null keeps no password, so every run would differ")
    try:
        content = read_file(path)
        text = outside.vault.decrypt(content) if is_encrypted(content) else content.decode()
    except FileNotFoundError:
        if str(path) not in outside.made:
            outside.made[str(path)] = new_password(given)
        return outside.made[str(path)]
    except OSError as error:
        raise TemplateRuntimeError(f"lookup 'password': {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TemplateRuntimeError(f"lookup 'password': {path} is not UTF-8 text") from error
    except VaultError as error:
        raise TemplateRuntimeError(f"lookup 'password': {path}: {error.message}") from error
    if found := text.rstrip("\r\n").partition(_SALT)[0]:
        return found
    raise TemplateRuntimeError(f"lookup 'password': {path} is empty; write a password, or remove it to get a new one")


def new_password(given: dict[str, Any]) -> str:
    """Of `length` characters from `chars`, each a name in the module `string` or the characters themselves; with a
    `seed`, always the same one, which is Ansible's too."""
    try:
        length = int(given.get("length", _LENGTH))
    except (TypeError, ValueError):
        raise TemplateRuntimeError(f"lookup 'password': length is not a number: {given['length']}") from None
    chars = "".join(str(getattr(string, part, part)) for part in given.get("chars", _CHARACTERS))
    chars = chars.replace('"', "").replace("'", "")
    if length < 1 or not chars:
        raise TemplateRuntimeError("lookup 'password': length and chars must not be empty")
    source = random.Random(given["seed"]) if given.get("seed") else random.SystemRandom()
    return "".join(source.choice(chars) for _ in range(length))


def _parsed(term: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    name, *words = term.split(" ")
    given: dict[str, Any] = dict(options)
    for word in filter(None, words):
        key, equals, value = word.partition("=")
        if equals and key in (*_OPTIONS, "encrypt", "ident"):
            given[key] = value
        elif not equals and not given:
            name = f"{name} {word}"
        else:
            raise TemplateRuntimeError(f"lookup 'password': unknown option '{key}'; known: {', '.join(_OPTIONS)}")
    for key in ("encrypt", "ident"):
        if given.get(key):
            raise TemplateRuntimeError(
                f"lookup 'password': {key} is not available; hash the result with the filter password_hash"
            )
    if isinstance(given.get("chars"), str):
        given["chars"] = _characters(given["chars"])
    return name, given


def _characters(text: str) -> Sequence[str]:
    """Ansible's list: `,,` is a comma."""
    found = ["," if ",," in text else "", *text.replace(",,", ",").split(",")]
    return [part for part in found if part]
