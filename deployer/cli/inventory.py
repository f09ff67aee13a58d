"""`deployer inventory list|graph|host`: the inventory as deployer reads it, in the formats of `ansible-inventory`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group

if TYPE_CHECKING:
    from deployer.config.inventory.types import Inventory
    from deployer.nodes import Node

LIST_EXAMPLES: Final = """\
deployer inventory list -i inventory
deployer inventory list -i inventory --limit web --yaml
"""
GRAPH_EXAMPLES: Final = "deployer inventory graph -i inventory\n"
HOST_EXAMPLES: Final = "deployer inventory host web1 -i inventory\n"


class _Loaded(Struct, frozen=True):
    """The inventory, the selected hosts, and the variables of every host."""

    inventory: Inventory
    hosts: tuple[str, ...]
    variables: Mapping[str, Mapping[str, Node]]


def _load(call: Call, name: str = "") -> _Loaded:
    """Raises `InputError`. `name` is a host that must exist."""
    from deployer.config.inventory.patterns import select_limit
    from deployer.config.variables.variables import Variables
    from deployer.diagnostics import Origin, Problems, did_you_mean
    from deployer.nodes import secret_texts
    from deployer.usecases.load import open_sources
    from deployer.usecases.system import this_system

    request, problems = options.request(call.params), Problems()
    sources = open_sources(request, this_system(call.console.learn).asking, problems)
    inventory = sources.inventory
    hosts = select_limit(request.limit, inventory, problems) if request.limit else tuple(inventory.hosts)
    if name and inventory.find(name) is None:
        problems.add(Origin("inventory host"), f"there is no host '{name}'", hint=did_you_mean(name, inventory.hosts))
    reader = sources.reader(problems)
    merged = Variables(inventory, reader, sources.templates(), extra=sources.extra)
    variables = {host: merged.of_host(host).variables for host in ((name,) if name else hosts)}
    for known in variables.values():
        call.console.learn(text for node in known.values() for text in secret_texts(node))
    problems.raise_if_any()
    call.console.warn(problems.warnings)
    return _Loaded(inventory, hosts, variables)


def _list(call: Call) -> int:
    from deployer.reporting.inventory import list_document

    known = _load(call)
    document = list_document(known.inventory, known.hosts, known.variables)
    if not call.params["yaml"]:
        call.console.document(document)
        return 0
    import yaml

    clean = call.console.redactor.document(document)
    call.console.text(yaml.safe_dump(clean, sort_keys=False, allow_unicode=True))
    return 0


def _graph(call: Call) -> int:
    from deployer.reporting.inventory import graph_lines

    known = _load(call)
    call.console.result(graph_lines(known.inventory, known.hosts))
    return 0


def _host(call: Call) -> int:
    from deployer.reporting.inventory import variables_document

    name = call.params["name"]
    call.console.document(variables_document(_load(call, name).variables[name]))
    return 0


def _params() -> list[click.Parameter]:
    wanted = {"inventory", "limit", "extra_vars"}
    return [
        *(param for param in options.hosts() if param.name in wanted),
        *options.secrets(),
        *options.global_options(),
    ]


COMMAND: Final = Group(
    name="inventory",
    help="Show the inventory as deployer reads it. Secrets are masked.",
    examples=LIST_EXAMPLES + GRAPH_EXAMPLES + HOST_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "list",
            run=_list,
            examples=LIST_EXAMPLES,
            help="Print hosts, groups and variables in the JSON of ansible-inventory --list.",
            params=[
                *_params(),
                options.Option(["--yaml"], is_flag=True, help="Print the same document as YAML."),
                options.json_option("The default."),
            ],
        ),
        Command(
            "graph", run=_graph, examples=GRAPH_EXAMPLES, help="Print groups and hosts as a tree.", params=_params()
        ),
        Command(
            "host",
            run=_host,
            examples=HOST_EXAMPLES,
            help="Print the merged variables of one host.",
            params=[click.Argument(["name"], metavar="HOST"), *_params()],
        ),
    ],
)
