"""The hosts of a play, in the order they are worked on."""

from __future__ import annotations


def in_order(hosts: tuple[str, ...], order: str) -> tuple[str, ...]:
    """Ansible's `order` except shuffle: all runs use the same order."""
    found = sorted(hosts) if order in ("sorted", "reverse_sorted") else list(hosts)
    return tuple(reversed(found)) if order in ("reverse_inventory", "reverse_sorted") else tuple(found)


def batches(hosts: tuple[str, ...], sizes: list[int | str]) -> tuple[tuple[str, ...], ...]:
    """Ansible's `serial`: sizes in turn, the last one repeated; percentages of all hosts, at least one host."""
    if not sizes:
        return (hosts,)
    found: list[tuple[str, ...]] = []
    rest = hosts
    while rest:
        size = sizes[min(len(found), len(sizes) - 1)]
        count = size if isinstance(size, int) else max(1, len(hosts) * int(size.removesuffix("%")) // 100)
        found.append(rest[:count])
        rest = rest[count:]
    return tuple(found)
