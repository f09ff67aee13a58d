"""The lab of real hosts, and `--update-golden`, which takes over what tests found instead of comparing."""

import signal

import hypothesis
import pytest

from tests.fleets import fleet as fleet
from tests.lab.fixtures import exclusive_lab as exclusive_lab
from tests.lab.fixtures import first_hosts as first_hosts
from tests.lab.fixtures import host as host
from tests.lab.fixtures import host_20 as host_20
from tests.lab.fixtures import host_26 as host_26
from tests.lab.fixtures import host_28 as host_28
from tests.lab.fixtures import host_containerd as host_containerd
from tests.lab.fixtures import lab as lab
from tests.lab.fixtures import lab_hosts as lab_hosts
from tests.lab.fixtures import lab_marker as lab_marker
from tests.lab.fixtures import pytest_terminal_summary as pytest_terminal_summary
from tests.lab.fixtures import repaired as repaired
from tests.lab.fixtures import reserved_hosts as reserved_hosts
from tests.lab.fixtures import ten_hosts as ten_hosts
from tests.lab.fixtures import ten_started as ten_started
from tests.lab.scheduling import pytest_collection_modifyitems as pytest_collection_modifyitems
from tests.lab.scheduling import pytest_xdist_make_scheduler as pytest_xdist_make_scheduler


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files, and outputs shown in docs")


def pytest_configure() -> None:
    """Tests run beside others: how long an example of Hypothesis takes says nothing. A test run in the background of a
    shell ignores SIGINT, and so would the programs that the tests interrupt."""
    hypothesis.settings.register_profile("beside others", deadline=None)
    hypothesis.settings.load_profile("beside others")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))
