"""How tests on real hosts are shared among pytest's processes (`-n 5 --dist loadscope`)."""

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

_ENGINE = re.compile(r"\bdocker[-_]\d[\w.]*(?:-containerd)?")


class ByEngine(LoadScopeScheduling):  # type: ignore[misc]
    """The tests of one file on one engine run in one process: what they set up for the file is set up once."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        engine = _ENGINE.search(test)
        return f"{file}:{engine.group()}" if engine else file


def _turn(item: pytest.Item) -> int:
    if not item.get_closest_marker("lab"):
        return 2
    return int("/contract/" in item.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First what waits for real hosts, the many short tests of `tests/contract` after the rest of these; then what
    only computes: so nothing long is left for the end, and no process without work."""
    items.sort(key=_turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByEngine | None:
    """Files go in the order of the items."""
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return ByEngine(config, log)
