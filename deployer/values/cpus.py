"""CPU counts and CPU sets."""

from __future__ import annotations

NANO = 10**9
SMALLEST = NANO // 100
"""Below it engines set no limit, or fail at the start (measured on 20.10, 26.1 and 28.5)."""


def parse(value: int | float | str) -> int:
    """Billionths of a CPU, the engine's `NanoCpus`. Raises ValueError."""
    from decimal import Decimal, InvalidOperation

    try:
        count = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"'{value}' is not a number of CPUs such as 0.5 or 2") from None
    if not count.is_finite() or count < 0:
        raise ValueError(f"'{value}' is not a number of CPUs such as 0.5 or 2")
    nano = round(count * NANO)
    if count and nano < SMALLEST:
        raise ValueError(f"'{value}' is less than {show(SMALLEST)}, the smallest limit the kernel supports")
    return nano


def show(nano: int) -> str:
    from decimal import Decimal

    return f"{Decimal(nano) / NANO:f}"


def spell(nano: int) -> int | float | str:
    """As a number if that is exact."""
    text = show(nano)
    number = float(text)
    return int(text) if text.isdigit() else number if str(number) == text else text


def parse_set(value: int | str) -> str:
    """A CPU or memory-node set in one spelling: `0,1,2-3` and `3,0-2` both become `0-3`. Raises ValueError."""
    text = str(value).strip()
    if not text:
        return ""
    members: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise ValueError(f"'{value}' is not a set such as 0-2,4")
        members.update(range(int(first), int(last or first) + 1))
    return _ranges(sorted(members))


def _ranges(members: list[int]) -> str:
    runs: list[tuple[int, int]] = []
    for member in members:
        if runs and member == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], member)
        else:
            runs.append((member, member))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
