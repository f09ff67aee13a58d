"""Everything templates can call: filters, tests and functions, also by their names in `ansible.builtin`."""

from __future__ import annotations

from deployer.config.templates.environment import SandboxEnvironment
from deployer.config.templates.filter_tests import extra_tests
from deployer.config.templates.filters_data import data_filters
from deployer.config.templates.filters_text import text_filters
from deployer.config.templates.lookups import lookup, query, refused_now, undef
from deployer.config.templates.password_hash import password_hash
from deployer.config.templates.problems import OMIT

_COLLECTION = "ansible.builtin."


def furnish(environment: SandboxEnvironment) -> None:
    """Give an environment its filters, tests and functions; none of them lets two runs differ."""
    environment.filters.update(text_filters())
    environment.filters.update(data_filters())
    environment.filters["password_hash"] = password_hash
    environment.tests.update(extra_tests())
    for table in (environment.filters, environment.tests):
        table.update({_COLLECTION + name: function for name, function in table.items() if name.isidentifier()})
    environment.globals.pop("lipsum")
    environment.globals.update(
        ansible_managed="Managed by deployer",
        lookup=lookup,
        now=refused_now,
        omit=OMIT,
        q=query,
        query=query,
        undef=undef,
    )
