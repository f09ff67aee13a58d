"""`lookup('…')` and `query('…')`: environment, files next to the playbook, variables, lists, and those of
`lookups_outside`. Lookups whose result varies between runs are refused. Results of vaulted files, and of environment
variables with a secret's name, are secret."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from jinja2 import pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Context, Undefined
from jinja2.utils import missing

from deployer.config.files import read_file
from deployer.config.templates import lookups_outside
from deployer.config.templates.environment import UndefinedValue, lookup_variable, scope_of
from deployer.config.templates.filters_data import flatten, subelements
from deployer.config.templates.values import Scope, Text
from deployer.config.vault import VaultError, is_encrypted
from deployer.diagnostics import Origin, did_you_mean
from deployer.model.credentials import is_sensitive_name
from deployer.nodes import Node, from_plain

if TYPE_CHECKING:
    from deployer.config.templates.templar import Outside

_REFUSED = {
    "random_choice": "every run would differ; use random(seed=…)",
    "url": "it reads the network while planning; pass the value with -e",
}

# From the scope, the terms and the options to the results, usually one per term.
Lookup = Callable[[Scope, Sequence[Any], dict[str, Any]], list[Any]]


@pass_context
def lookup(context: Context, name: str, *terms: Any, **options: Any) -> Any:
    """A single result, or several texts joined by commas; with `wantlist=true` always the list."""
    want_list = options.pop("wantlist", False)
    found = _run(context, name, terms, options)
    if want_list or found is None:
        return found
    if len(found) == 1:
        return found[0]
    if found and all(isinstance(item, str) for item in found):
        return ",".join(found)
    return found or None


@pass_context
def query(context: Context, name: str, *terms: Any, **options: Any) -> Any:
    """The results as a list."""
    options.pop("wantlist", None)
    found = _run(context, name, terms, options)
    return [] if found is None else found


def refused_now(*_args: Any, **_options: Any) -> NoReturn:
    """`now()` in a template."""
    raise TemplateRuntimeError("now() is not available: every run would create a different plan; pass the time with -e")


def undef(hint: str | None = None) -> UndefinedValue:
    """A value that must be overridden: using it raises an error with `hint`."""
    return UndefinedValue(hint=hint or "a required value is undefined")


def _run(context: Context, name: str, terms: Sequence[Any], options: dict[str, Any]) -> list[Any] | None:
    short = name.removeprefix("ansible.builtin.")
    if short in _REFUSED:
        raise TemplateRuntimeError(f"lookup '{short}' is not available: {_REFUSED[short]}")
    known = _lookups()
    if short not in known:
        hint = did_you_mean(short, known)
        raise TemplateRuntimeError(f"there is no lookup '{name}'{'; ' + hint if hint else ''}")
    errors = options.pop("errors", "strict")
    for term in terms:
        if isinstance(term, Undefined):
            str(term)
    try:
        return known[short](scope_of(context), terms, options)
    except TemplateRuntimeError:
        if errors == "ignore":
            return None
        raise


def _env(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    found = []
    for name in map(str, terms):
        value: Any = scope.templates.environ.get(name)
        if value is None:
            value = options.get("default", "")
            if isinstance(value, Undefined):
                value = UndefinedValue(hint=f"the environment variable {name} is not set")
        elif is_sensitive_name(name):
            value = _secret(scope, value)
        found.append(value)
    return found


def _secret(scope: Scope, text: str) -> Text:
    scope.session.frames[-1].secret = True
    scope.session.secrets.add(text)
    scope.templates.vault.learn((text,))
    return Text.at(text, None, secret=True)


def _password(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    found = scope.templates.outside
    return [_secret(scope, lookups_outside.password(found, scope.session.base, str(term), options)) for term in terms]


def _program(run: Callable[[Outside, Path, str], str]) -> Lookup:
    def lookup(scope: Scope, terms: Sequence[Any], _options: dict[str, Any]) -> list[Any]:
        found = scope.templates.outside
        return [_secret(scope, run(found, scope.session.base, str(term))) for term in terms]

    return lookup


def _lines(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    texts = _program(lookups_outside.pipe)(scope, terms, options)
    return [_secret(scope, line) for text in texts for line in text.splitlines()]


def _find(scope: Scope, kind: str, name: str, folders: Sequence[str]) -> Path:
    path = Path(os.path.expanduser(name))  # noqa: PTH111
    choices = [scope.session.base / folder / path for folder in folders]
    found = next((choice for choice in choices if choice.is_file()), None)
    if found is None:
        places = " or ".join(str(choice) for choice in dict.fromkeys(choices))
        raise TemplateRuntimeError(f"lookup '{kind}': there is no file {places}")
    return found


def _content(scope: Scope, kind: str, path: Path) -> str:
    scope.templates.files.add(str(path))
    try:
        content = read_file(path)
        if is_encrypted(content):
            return _secret(scope, scope.templates.vault.decrypt(content))
        return content.decode("utf-8")
    except OSError as error:
        raise TemplateRuntimeError(f"lookup '{kind}': {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TemplateRuntimeError(f"lookup '{kind}': {path} is not UTF-8 text") from error
    except VaultError as error:
        raise TemplateRuntimeError(f"lookup '{kind}': {path}: {error.message}") from error


def _file(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    found = []
    for name in map(str, terms):
        text = _content(scope, "file", _find(scope, "file", name, ("files", "")))
        text = text.lstrip() if options.get("lstrip", False) else text
        found.append(text.rstrip() if options.get("rstrip", True) else text)
    return found


def _template(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    extra: dict[str, Node] = {
        name: from_plain(value, Origin("template_vars")) for name, value in (options.get("template_vars") or {}).items()
    }
    inner = Scope(scope.templates, scope.session, extra, scope)
    found = []
    for name in map(str, terms):
        path = _find(scope, "template", name, ("templates", ""))
        text = _content(scope, "template", path)
        found.append(scope.templates.evaluate_file(text, str(path), inner, address=name))
    return found


def _vars(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    found = []
    for name in map(str, terms):
        value = lookup_variable(scope, name)
        if value is missing or isinstance(value, Undefined):
            value = options.get("default", UndefinedValue(name=name) if value is missing else value)
        found.append(value)
    return found


def _first_found(scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    names: list[str] = []
    skip = options.get("skip", False)
    for term in flatten([*terms, *options.get("files", [])]):
        if isinstance(term, dict):
            skip = term.get("skip", skip)
            folders = flatten([term.get("paths") or [""]])
            files = flatten([term.get("files") or []])
            names.extend(str(Path(folder) / str(file)) for folder in folders for file in files)
        else:
            names.extend(str(Path(folder) / str(term)) for folder in flatten([options.get("paths") or [""]]))
    for name in names:
        for folder in ("files", "templates", "vars", ""):
            path = scope.session.base / folder / Path(os.path.expanduser(name))  # noqa: PTH111
            if path.is_file():
                return [str(path.absolute())]
    if skip:
        return []
    raise TemplateRuntimeError(f"lookup 'first_found': none of these exists: {', '.join(names)}")


def _fileglob(scope: Scope, terms: Sequence[Any], _options: dict[str, Any]) -> list[Any]:
    found: list[str] = []
    for pattern in map(str, terms):
        path = Path(os.path.expanduser(pattern))  # noqa: PTH111
        for folder in (scope.session.base / "files" / path.parent, scope.session.base / path.parent):
            files = sorted(str(file.absolute()) for file in folder.glob(path.name) if file.is_file())
            if files:
                found.extend(files)
                break
    return found


def _dict(_scope: Scope, terms: Sequence[Any], _options: dict[str, Any]) -> list[Any]:
    return [{"key": key, "value": value} for term in terms for key, value in term.items()]


def _sequence(_scope: Scope, terms: Sequence[Any], options: dict[str, Any]) -> list[Any]:
    """`start=1 end=5 stride=2 format=web%02d`, or `1-5`, `5`."""
    given = dict(options)
    for term in map(str, terms):
        short = re.fullmatch(r"(?:(\d+)-)?(\d+)", term)
        words = [f"start={short[1] or 1}", f"end={short[2]}"] if short else term.split()
        given.update((word.partition("=")[0], word.partition("=")[2]) for word in words)
    start, stride = int(given.get("start", 1)), int(given.get("stride", 1))
    end = int(given["end"]) if "end" in given else start + (int(given.get("count", 0)) - 1) * stride
    form = str(given.get("format", "%d"))
    return [form % number for number in range(start, end + (1 if stride > 0 else -1), stride)]


def _varnames(scope: Scope, terms: Sequence[Any], _options: dict[str, Any]) -> list[Any]:
    names = sorted(set(scope.names()))
    return [name for term in terms for name in names if re.search(str(term), name)]


def _subelements(_scope: Scope, terms: Sequence[Any], _options: dict[str, Any]) -> list[Any]:
    given = terms[0] if len(terms) == 1 and isinstance(terms[0], list) else list(terms)
    options = given[2] if len(given) > 2 else {}
    return subelements(given[0], given[1], skip_missing=bool(options.get("skip_missing", False)))


def _pairs(made: Iterable[tuple[Any, ...]]) -> list[Any]:
    return [list(part) for part in made]


def _lookups() -> dict[str, Lookup]:
    return {
        "command": _program(lookups_outside.command),
        "dict": _dict,
        "env": _env,
        "file": _file,
        "fileglob": _fileglob,
        "first_found": _first_found,
        "items": lambda _scope, terms, _options: flatten(terms, 1),
        "lines": _lines,
        "nested": lambda _scope, terms, _options: _pairs(itertools.product(*terms)),
        "password": _password,
        "pipe": _program(lookups_outside.pipe),
        "sequence": _sequence,
        "subelements": _subelements,
        "template": _template,
        "together": lambda _scope, terms, _options: _pairs(itertools.zip_longest(*terms)),
        "unvault": _file,
        "varnames": _varnames,
        "vars": _vars,
    }
