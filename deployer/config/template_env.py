"""The Jinja environment of a run: an immutable sandbox with strict undefined values, reading variables from scopes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from deployer.config.template_undefined import UndefinedValue
from deployer.config.template_values import LazyDict, Scope, entry_of, to_plain_value

SCOPE = "\0scope"


class ScopeContext(Context):
    """Looks names up in a scope, below the names the template itself has set."""

    def resolve_or_missing(self, key: str) -> Any:
        if key in self.vars:
            return self.vars[key]
        parent = self.parent
        if key in parent and key not in self.environment.globals:
            return parent[key]
        scope = parent.get(SCOPE)
        found = scope.lookup(key) if scope is not None else missing
        return parent.get(key, missing) if found is missing else found


def scope_of(context: Context) -> Scope:
    """The scope a function called from a template runs in."""
    scope: Scope | None = context.parent.get(SCOPE)
    if scope is None:
        raise jinja2.TemplateRuntimeError("variables are not visible here; import the template 'with context'")
    return scope


class SandboxEnvironment(ImmutableSandboxedEnvironment):
    """Reads leaves of variables through their entries; a leaf whose template lacks a variable is itself undefined."""

    context_class = ScopeContext

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
        return self.undefined(obj=lazy, name=key) if entry is None else entry.scope.read(entry, key)

    def join_path(self, template: str, parent: str) -> str:
        """Included templates are named relative to the including one."""
        return str(Path(parent).parent / template)


def finalize(value: Any) -> Any:
    """What stands in the text for a value: null is empty, collections are written as Python would."""
    if value is None:
        return ""
    return to_plain_value(value) if isinstance(value, dict | list | tuple) else value


def new_environment(load: Callable[[str], str | None]) -> SandboxEnvironment:
    """`load` reads an included template by its path; None when there is none."""
    return SandboxEnvironment(
        undefined=UndefinedValue,
        finalize=finalize,
        trim_blocks=True,
        keep_trailing_newline=True,
        loader=jinja2.FunctionLoader(load),
        cache_size=-1,
        auto_reload=False,
    )
