"""`dataclass`, as the standard library's, but several times quicker to define a class that is frozen and has slots.

The standard library generates and compiles six functions for every class. That was a third of the time of a run that
changes nothing: it defines more than a hundred classes and makes a few objects of most of them. Here only `__init__` is
compiled, and only for a class of which many are made; the other methods are shared or closures. Whatever is not such a
plain record is left to the standard library, and `fields`, `replace`, `asdict` and pattern matching work alike;
`tests/test_records.py` holds every class to that.
"""

from __future__ import annotations

import dataclasses
import inspect
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    # Type checkers know what this one means.
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, **options):
        """See the module."""
        kw_only = options.get("kw_only", False)
        plain = {**options, "kw_only": False} == {"frozen": True, "slots": True, "kw_only": False}

        def make(found):
            if plain and _is_plain(found):
                return _make(found, kw_only=kw_only)
            return dataclasses.dataclass(found, **options)

        return make if cls is None else make(cls)


FILE = "<record>"
"""What tracebacks name as the place of a generated `__init__`."""

Fields: TypeAlias = "dict[str, dataclasses.Field[Any]]"

_FEW = 50
"""Objects of a class whose making takes no longer than compiling a function that makes them."""
_OWN = ("__eq__", "__hash__", "__setattr__", "__delattr__", "__post_init__", "__slots__", "__getstate__")
_SPECIAL = ("ClassVar", "InitVar", "KW_ONLY", "typing.", "dataclasses.")


@dataclasses.dataclass(frozen=True, slots=True)
class _Sample:
    """Made by the standard library, to take from it what only it knows how to make."""

    field: int


def _is_plain(cls: type) -> bool:
    """Whether the class has no bases, no methods of its own in place of generated ones, and no special fields."""
    names = inspect.get_annotations(cls)
    texts = [str(annotation) for annotation in names.values()]
    return (
        cls.__bases__ == (object,)
        and not any(name in cls.__dict__ for name in _OWN)
        and not any(text.startswith(_SPECIAL) for text in texts)
        and not any(_is_special(cls.__dict__.get(name)) for name in names)
    )


def _is_special(default: object) -> bool:
    """A field that is hashed otherwise than it is compared, or a default that the standard library refuses."""
    if isinstance(default, dataclasses.Field):
        return default.hash is not None or _is_special(default.default)
    return default.__class__.__hash__ is None


def _make(cls: type, *, kw_only: bool) -> type:
    """The class again, with slots and methods."""
    fields = {
        name: _field(cls.__dict__.get(name, dataclasses.MISSING), name, annotation, kw_only=kw_only)
        for name, annotation in inspect.get_annotations(cls).items()
    }
    content = {name: part for name, part in cls.__dict__.items() if name not in (*fields, "__dict__", "__weakref__")}
    content |= _shared(fields) | _comparing([name for name, field in fields.items() if field.compare])
    content.setdefault("__repr__", _repr)
    made = type(cls)(cls.__name__, cls.__bases__, content)
    made.__qualname__ = cls.__qualname__
    made.__init__ = _first_init(made, fields)  # type: ignore[misc]  # as a generated one
    return made


def _first_init(cls: type, fields: Fields) -> Any:
    """An `__init__` that gives way to a compiled one after a while, and at once to have it refuse a wrong call."""
    positional = [name for name, field in fields.items() if field.init and not field.kw_only]
    left = _FEW

    def __init__(self: object, *values: object, **named: object) -> None:  # noqa: N807
        nonlocal left
        left -= 1
        given = dict(zip(positional, values, strict=False)) | named
        if left < 0 or len(given) < len(values) + len(named) or not _fill(self, fields, given):
            compiled = _init(cls, fields)
            cls.__init__ = compiled  # type: ignore[misc]  # likewise
            compiled(self, *values, **named)

    return __init__


def _fill(record: object, fields: Fields, given: dict[str, object]) -> bool:
    """Whether the values given, and defaults, are all that it needs."""
    for name, field in fields.items():
        if field.init and name in given:
            value = given.pop(name)
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        elif field.default is not dataclasses.MISSING:
            value = field.default
        else:
            return False
        object.__setattr__(record, name, value)
    return not given


def _field(default: Any, name: str, annotation: Any, *, kw_only: bool) -> dataclasses.Field[Any]:
    if isinstance(default, dataclasses.Field):
        field = default
    elif default is dataclasses.MISSING:
        field = dataclasses.field()
    else:
        field = dataclasses.field(default=default)
    field.name, field.type = name, annotation
    if field.kw_only is dataclasses.MISSING:
        field.kw_only = kw_only
    setattr(field, "_field_type", _FIELD)  # noqa: B010  # not declared for type checkers
    return field


def _init(cls: type, fields: Fields) -> Any:
    known: dict[str, Any] = {"_set": object.__setattr__, "_made": _MADE}
    positional: list[str] = ["self"]
    named: list[str] = []
    body: list[str] = []
    for name, field in fields.items():
        value = name
        if field.default_factory is not dataclasses.MISSING:
            known[f"_factory_{name}"] = field.default_factory
            parameter, value = f"{name}=_made", f"_factory_{name}() if {name} is _made else {name}"
        elif field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
        else:
            parameter = name
        if field.init:
            (named if field.kw_only else positional).append(parameter)
        else:
            value = f"_factory_{name}()" if f"_factory_{name}" in known else f"_default_{name}"
        body.append(f"    _set(self, {name!r}, {value})")
    parameters = ", ".join([*positional, *(["*", *named] if named else [])])
    text = "\n".join([f"def __init__({parameters}):", *body, "    return None"])
    exec(compile(text, FILE, "exec"), known)
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _shared(fields: Fields) -> dict[str, object]:
    return {
        "__slots__": tuple(fields),
        "__match_args__": tuple(name for name, field in fields.items() if field.init and not field.kw_only),
        "__dataclass_fields__": fields,
        "__dataclass_params__": _PARAMS,
        "__setattr__": _refuse_assignment,
        "__delattr__": _refuse_deletion,
        "__getstate__": _state,
        "__setstate__": _restore,
    }


def _comparing(names: list[str]) -> dict[str, object]:
    values = attrgetter(*names) if names else lambda _record: ()

    def __eq__(self: object, other: object) -> bool:  # noqa: N807
        if other.__class__ is self.__class__:
            return bool(values(self) == values(other))
        return NotImplemented

    def __hash__(self: object) -> int:  # noqa: N807
        return hash(values(self))

    return {"__eq__": __eq__, "__hash__": __hash__}


def _repr(self: object) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in _fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _state(self: object) -> list[object]:
    return [getattr(self, field.name) for field in _fields(self)]


def _restore(self: object, state: list[object]) -> None:
    for field, value in zip(_fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


def _fields(record: object) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(type(record).__dataclass_fields__.values())  # type: ignore[attr-defined]  # every record has them


def _refuse_assignment(_self: object, name: str, _value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_deletion(_self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_MADE = object()
_FIELD = getattr(dataclasses.fields(_Sample)[0], "_field_type")  # noqa: B009  # not declared for type checkers
_PARAMS = getattr(_Sample, "__dataclass_params__")  # noqa: B009  # likewise
