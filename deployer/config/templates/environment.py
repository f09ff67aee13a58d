"""The Jinja environment of a run: an immutable sandbox that reads variables from scopes. An undefined variable raises
where it is used, with the data for the diagnostic."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from deployer.config.templates.problems import Absent, TemplateProblem, kind_of
from deployer.config.templates.values import Entry, LazyDict, Scope, entry_of, finalize


class UndefinedValue(Undefined, Absent):
    """Raises when used, except by `default`, `is defined` and access to its attributes and items."""

    __slots__ = ("_undefined_cause",)

    def __init__(
        self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError
    ) -> None:
        super().__init__(hint, obj, name, exc)
        if exc is UndefinedError:
            self._undefined_exception = self._error  # type: ignore[assignment]
        self._undefined_cause: TemplateProblem | None = None

    @staticmethod
    def because(problem: TemplateProblem, name: object) -> UndefinedValue:
        made = UndefinedValue(name=str(name))
        made._undefined_cause = problem
        return made

    def _error(self, message: str) -> Exception:
        if self._undefined_cause is not None:
            return self._undefined_cause
        holder, name = self._undefined_obj, self._undefined_name
        if self._undefined_hint:
            return MissingValueError(message.rstrip("."))
        if not (holder is missing or isinstance(holder, dict)):
            return MissingValueError(f"there is no '{name}' in {kind_of(holder)}")
        keys = tuple(str(key) for key in holder) if isinstance(holder, dict) else None
        return MissingValueError(message, str(name), keys)

    def _fail(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise self._undefined_exception(self._undefined_message)

    def __getattr__(self, name: str) -> Any:
        if name[:2] == "__":
            raise AttributeError(name)
        return self

    def __getitem__(self, key: object) -> Any:
        return self

    __iter__ = __str__ = __len__ = __eq__ = __ne__ = __bool__ = __contains__ = __hash__ = _fail


class MissingValueError(UndefinedError):
    """A variable that does not exist, or a missing key of a mapping with the existing `keys`. `name` None: neither."""

    def __init__(self, message: str, name: str | None = None, keys: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.keys = keys


SCOPE = "\0scope"
_DECIMAL = re.compile(r"-?[0-9]{1,40}\.[0-9]{1,40}", re.ASCII)


class ScopeContext(Context):
    """Looks up names in a scope, after the names that the template sets itself."""

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        parent = self.parent
        if key in parent and key not in self.environment.globals:
            return parent[key]
        scope = parent.get(SCOPE)
        found = lookup_variable(scope, key) if scope is not None else missing
        return parent.get(key, missing) if found is missing else found


def context_of(scope: Scope, environment: jinja2.Environment) -> dict[str, Any]:
    """The names that all templates have; the scope has the others."""
    if scope.context is None:
        scope.context = {**environment.globals, SCOPE: scope}
    return scope.context


def scope_of(context: Context) -> Scope:
    """The scope that a function is called from."""
    scope: Scope | None = context.parent.get(SCOPE)
    if scope is None:
        raise jinja2.TemplateRuntimeError("variables are not visible here; import the template 'with context'")
    return scope


def lookup_variable(scope: Scope, name: str) -> Any:
    """The value of a variable, `missing`, or an undefined value if it refers to a missing variable."""
    entry = scope.entry(name)
    return missing if entry is None else _read(entry, name)


def _read(entry: Entry, name: str) -> Any:
    try:
        return entry.read()
    except TemplateProblem as problem:
        if problem.undefined:
            return UndefinedValue.because(problem, name)
        raise


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else value


class SandboxEnvironment(ImmutableSandboxedEnvironment):
    """Reads leaves of variables through their entries. A leaf whose template refers to a missing variable is
    undefined."""

    context_class = ScopeContext
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`0.50` in YAML is text, so that its spelling is kept. Next to a number it is read as a number."""
        if isinstance(left, int | float):
            right = _number(right)
        elif isinstance(right, int | float):
            left = _number(left)
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LazyDict) and not hasattr(dict, attribute):
            return self._leaf(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, LazyDict) and isinstance(argument, str) and argument in obj:
            return self._leaf(obj, argument)
        return super().getitem(obj, argument)

    def _leaf(self, lazy: LazyDict, key: str) -> Any:
        entry = entry_of(lazy, key)
        return self.undefined(obj=lazy, name=key) if entry is None else _read(entry, key)

    def join_path(self, template: str, parent: str) -> str:
        """Included templates are relative to the template that includes them."""
        return str(Path(parent).parent / template)


def new_environment(load: Callable[[str], str | None]) -> SandboxEnvironment:
    """`load` reads an included template by its path; None if it does not exist."""
    return SandboxEnvironment(
        undefined=UndefinedValue,
        finalize=finalize,
        trim_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.FunctionLoader(load),
        cache_size=-1,
        auto_reload=False,
    )
