"""Undefined variables while Jinja runs: they raise where they are used, with what the diagnostic needs."""

from __future__ import annotations

from typing import Any, NoReturn

from jinja2.exceptions import UndefinedError
from jinja2.runtime import Undefined
from jinja2.utils import missing

from deployer.config.templates.problems import Absent, TemplateProblem, kind_of


class UndefinedValue(Undefined, Absent):
    """Raises whenever it is used, except by `default`, `is defined` and reading further into it."""

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
    """A variable that does not exist, or a key of a mapping: then `keys` are those that do. `name` None: neither."""

    def __init__(self, message: str, name: str | None = None, keys: tuple[str, ...] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.keys = keys
