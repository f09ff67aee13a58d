"""Fixtures for all tests: the lab of real hosts."""

from tests.lab.fixtures import exclusive_lab as exclusive_lab
from tests.lab.fixtures import host as host
from tests.lab.fixtures import host_20 as host_20
from tests.lab.fixtures import host_26 as host_26
from tests.lab.fixtures import lab as lab
from tests.lab.fixtures import lab_hosts as lab_hosts
from tests.lab.fixtures import lab_marker as lab_marker
from tests.lab.fixtures import pytest_terminal_summary as pytest_terminal_summary
from tests.lab.fixtures import reserved_hosts as reserved_hosts
