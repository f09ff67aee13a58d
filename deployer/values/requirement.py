"""Requirements on a number or text, such as `>=262144`, `65536` or `cubic`."""

from __future__ import annotations

import operator
import re
from typing import Final

_ORDERS: Final = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
_FORM: Final = re.compile(r"(?P<order>>=|<=|>|<|==?|)\s*(?P<value>\S.*)")


def parse(text: str | int) -> str:
    """The requirement without blanks behind its sign; `=` is left out. Raises ValueError."""
    found = _FORM.fullmatch(str(text).strip())
    if found is None:
        raise ValueError(f"'{text}' is not a requirement such as >=262144")
    order = "" if found["order"] in ("=", "==") else found["order"]
    value = " ".join(found["value"].split())
    if order and not _is_number(value):
        raise ValueError(f"'{text}': only a number can be compared with {order}")
    return f"{order}{value}"


def holds(requirement: str, live: str) -> bool:
    """Whether a value, as the kernel writes it, fulfils a parsed requirement."""
    found = _FORM.fullmatch(requirement)
    assert found is not None
    value, live = found["value"], " ".join(live.split())
    if _is_number(value) and _is_number(live):
        return bool(_ORDERS[found["order"] or "="](int(live), int(value)))
    return value == live


def least(requirement: str) -> str:
    """A value that fulfils a parsed requirement."""
    found = _FORM.fullmatch(requirement)
    assert found is not None
    step = {">": 1, "<": -1}.get(found["order"], 0)
    return str(int(found["value"]) + step) if step else found["value"]


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None
