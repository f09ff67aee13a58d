"""Connection settings of a run's hosts, from their connection variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from deployer import nodes
from deployer.config.templates.templar import Templar
from deployer.diagnostics import Diagnostic, Problems
from deployer.errors import InputError
from deployer.reach.connection import CliConnectionOptions, ConnectionSpec
from deployer.reach.resolve import connection_spec

if TYPE_CHECKING:
    from deployer.usecases.load import Sources


def connect_host(
    host: str, known: Mapping[str, nodes.Node], templar: Templar, sources: Sources
) -> ConnectionSpec | None:
    """How to reach a host; None after reporting errors in its connection variables."""
    request, problems = sources.request, sources.problems
    options = CliConnectionOptions(
        request.user, request.private_key, timeout=request.connect_timeout, become_password=sources.become_password
    )
    plain = PlainVariables(known, templar, problems)
    try:
        return connection_spec(host, plain, options, sources.asking.ssh_config())
    except InputError as error:
        problems.extend(_placed(found, known) for found in error.diagnostics)
        return None


def _placed(found: Diagnostic, variables: Mapping[str, nodes.Node]) -> Diagnostic:
    """The error at the position of its variable."""
    node = variables.get(found.address)
    return found if node is None else replace(found, origin=nodes.place(node))


class PlainVariables(Mapping[str, object]):
    """A host's variables as plain values, each rendered when it is read."""

    def __init__(self, variables: Mapping[str, nodes.Node], templar: Templar, problems: Problems) -> None:
        self._variables = variables
        self._templar = templar
        self._problems = problems

    def __getitem__(self, name: str) -> object:
        return nodes.to_plain(self._templar.render(self._variables[name], self._problems, name))

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
