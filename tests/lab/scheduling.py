"""How tests on real hosts are shared among pytest's processes (`-n 4 --dist loadscope`)."""

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByEngine | None:
    """Files go in the order of the command line: the slow ones first, so that none is left for one process alone."""
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False
    return ByEngine(config, log)
