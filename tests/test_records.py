"""A record is what the standard library's dataclass would be, and cheaper."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, asdict, field, fields, is_dataclass, replace
from typing import Any, ClassVar

import pytest

import deployer
from deployer import records


@records.dataclass(frozen=True, slots=True)
class Point:
    """Has everything that a record may have."""

    x: int
    y: int = 0
    tags: list[str] = field(default_factory=list, compare=False)
    secret: str = field(default="", repr=False)
    fixed: int = field(default=7, init=False)

    @property
    def sum(self) -> int:
        """Of both."""
        return self.x + self.y


def classes() -> Iterator[type]:
    """Every dataclass of the package."""
    for module in pkgutil.walk_packages(deployer.__path__, "deployer."):
        if module.name.endswith("__main__"):
            continue
        for found in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(found) and is_dataclass(found) and found.__module__ == module.name:
                yield found


CLASSES = sorted(set(classes()), key=lambda found: (found.__module__, found.__qualname__))
RECORDS = [found for found in CLASSES if vars(found).get("__setattr__") is records._refuse_assignment]


def twin(record: Any) -> Any:
    """The same fields, made into a class by the standard library."""
    described = [
        (
            found.name,
            Any,
            field(
                default=found.default,
                default_factory=found.default_factory,
                init=found.init,
                repr=found.repr,
                compare=found.compare,
                kw_only=found.kw_only,
            )
            if found.default_factory is dataclasses.MISSING or found.default is dataclasses.MISSING
            else field(),
        )
        for found in fields(record)
    ]
    return dataclasses.make_dataclass(record.__name__, described, frozen=True, slots=True)


class Value:
    """Stands for any value of a field."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"<{self.number}>"


def given(record: Any) -> dict[str, Value]:
    return {found.name: Value(number) for number, found in enumerate(fields(record)) if found.init}


def renewed(record: Any) -> None:
    """As if none had been made yet."""
    record.__init__ = records._first_init(record, record.__dataclass_fields__)


def compiled(record: Any) -> None:
    with pytest.raises(TypeError):
        record(no_field_has_this_name=1)


@pytest.mark.parametrize("record", RECORDS, ids=lambda found: f"{found.__module__}.{found.__qualname__}")
@pytest.mark.parametrize("prepare", [renewed, compiled])
def test_every_record_of_the_package_is_as_the_standard_library_makes_it(
    record: Any, prepare: Callable[[Any], None]
) -> None:
    prepare(record)
    other, values = twin(record), given(record)
    one, two = record(**values), other(**values)
    assert [getattr(one, name) for name in values] == [getattr(two, name) for name in values]
    assert record.__match_args__ == other.__match_args__
    if prepare is compiled:
        assert list(inspect.signature(record).parameters) == list(inspect.signature(other).parameters)
    assert one == record(**values)
    assert hash(one) == hash(record(**values))
    assert replace(one) == one
    if record.__repr__ is records._repr:
        assert repr(one).partition("(")[2] == repr(two).partition("(")[2]


def test_those_made_before_and_after_compiling_are_alike() -> None:
    renewed(Point)
    made = [Point(1, y=2) for _ in range(records._FEW * 2)]
    assert vars(Point)["__init__"].__code__.co_filename == records.FILE
    assert set(made) == {Point(1, 2)}
    assert {repr(point) for point in made} == {"Point(x=1, y=2, tags=[], fixed=7)"}


@pytest.mark.parametrize("prepare", [renewed, compiled])
def test_defaults_and_factories(prepare: Callable[[Any], None]) -> None:
    prepare(Point)
    one, two = Point(1), Point(1)
    assert (one.y, one.tags, one.secret, one.fixed, one.sum) == (0, [], "", 7, 1)
    assert one.tags is not two.tags


def test_comparing_looks_at_fields_that_compare_and_at_the_class() -> None:
    assert Point(1, tags=["a"]) == Point(1, tags=["b"])
    assert hash(Point(1, tags=["a"])) == hash(Point(1, tags=["b"]))
    assert Point(1) != Point(2)
    other: Any = (1, 0, "", 7)
    assert Point(1) != other


def test_what_is_not_to_be_shown_is_not() -> None:
    assert repr(Point(1, secret="hunter2")) == "Point(x=1, y=0, tags=[], fixed=7)"


def test_a_record_is_frozen_and_has_slots() -> None:
    point: Any = Point(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert not hasattr(point, "__dict__")


def test_functions_of_the_standard_library_work() -> None:
    point = Point(1, tags=["a"])
    assert replace(point, x=5) == Point(5)
    assert asdict(point) == {"x": 1, "y": 0, "tags": ["a"], "secret": "", "fixed": 7}
    assert [found.name for found in fields(point)] == ["x", "y", "tags", "secret", "fixed"]
    assert copy.deepcopy(point) == point
    assert pickle.loads(pickle.dumps(point)) == point
    match point:
        case Point(x, y):
            assert (x, y) == (1, 0)


@pytest.mark.parametrize("prepare", [renewed, compiled])
def test_missing_and_unknown_arguments_are_refused(prepare: Callable[[Any], None]) -> None:
    prepare(Point)
    make: Callable[..., object] = Point
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required positional argument: 'x'"):
        make()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        make(1, z=2)
    wrong: list[tuple[tuple[object, ...], dict[str, object]]] = [
        ((1,), {"x": 1}),
        ((1, 2, [], "", 7), {}),
        ((1,), {"fixed": 8}),
    ]
    for values, named in wrong:
        renewed(Point)
        with pytest.raises(TypeError):
            make(*values, **named)


def test_keyword_only() -> None:
    @records.dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        a: int = 1
        b: int

    make: Callable[..., object] = Named
    assert make(b=2) == Named(a=1, b=2)
    with pytest.raises(TypeError):
        make(1, 2)


def test_whatever_is_not_plain_is_left_to_the_standard_library() -> None:
    @records.dataclass(slots=True)
    class Changing:
        x: int

    @records.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        x: int

    @records.dataclass(frozen=True, slots=True)
    class Odd:
        x: int
        count: ClassVar[int] = 0

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError

    changing = Changing(1)
    changing.x = 2
    assert Ordered(1) < Ordered(2)
    assert [found.name for found in fields(Odd)] == ["x"]
    with pytest.raises(ValueError):
        Odd(-1)


def test_a_mutable_default_is_refused() -> None:
    def define() -> None:
        @records.dataclass(frozen=True, slots=True)
        class Broken:
            x: list[int] = []  # noqa: RUF012

    with pytest.raises(ValueError, match="mutable default"):
        define()
