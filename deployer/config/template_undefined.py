"""What a template meets where there is no value: undefined variables, `omit`, and the problem that stops it."""

from __future__ import annotations

from typing import Any, NoReturn

from jinja2.exceptions import TemplateRuntimeError, UndefinedError
from jinja2.runtime import Undefined
from jinja2.utils import missing

from deployer.diagnostics import Origin


def kind_of(value: object) -> str:
    """What a user calls a value of this type."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "text"),
        (bool, "true or false"),
        ((int, float), "a number"),
        (dict, "a mapping"),
        ((list, tuple, set), "a list"),
        (type(None), "null"),
    )
    if callable(value):
        return "a function"
    return next((name for kind, name in kinds if isinstance(value, kind)), f"a {type(value).__name__}")


class TemplateProblem(Exception):  # noqa: N818
    """A template cannot be rendered; carries what the diagnostic says. `undefined`: only for want of a variable."""

    def __init__(self, origin: Origin, summary: str, *, hint: str = "", address: str = "", undefined: bool = False):
        super().__init__(summary)
        self.origin = origin
        self.summary = summary
        self.hint = hint
        self.address = address
        self.undefined = undefined


class Omit:
    """The value of `omit`: removes the key or item it is given to; has no text of its own."""

    def __repr__(self) -> str:
        return "omit"

    def __str__(self) -> NoReturn:
        raise TemplateRuntimeError("omit can only be a whole value, not a part of one")


OMIT = Omit()


class UndefinedValue(Undefined):
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


def raise_undefined(value: Undefined) -> NoReturn:
    str(value)
    raise AssertionError("an undefined value has text")
