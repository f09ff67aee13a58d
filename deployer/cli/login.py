"""`deployer login REGISTRY`: keep credentials of a registry on this machine."""

from __future__ import annotations

import sys

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import RefusedError

EXAMPLES = """\
deployer login reg.example.com -u ci
pass show registry | deployer login reg.example.com -u ci --password-stdin
"""


class RegistryName(click.types.StringParamType):
    """`https://reg.example.com:5000/` is `reg.example.com:5000`."""

    name = "registry"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from deployer.values import image

        try:
            return image.parse_registry(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def registry() -> click.Parameter:
    return click.Argument(["registry"], type=RegistryName(), default="docker.io")


def _run(call: Call) -> int:
    from deployer.reporting.lines import line
    from deployer.usecases.registry_login import login

    name, user = call.params["registry"], call.params["username"]
    password = _password(call)
    call.console.learn((password,))
    kept = login(name, user, password, insecure=call.params["insecure"])
    call.console.result([line(f"Logged in to {name} as {user}. Credentials are kept in {kept}.")])
    return 0


def _password(call: Call) -> str:
    """Raises `RefusedError` if there is none."""
    from deployer.usecases.system import prompt

    if not call.params["password_stdin"]:
        return prompt(f"Password of {call.params['username']} at {call.params['registry']}")
    found = sys.stdin.read().rstrip("\r\n")
    if not found:
        raise RefusedError("--password-stdin: standard input is empty", hint="write the password to it")
    return found


COMMAND = Command(
    "login",
    run=_run,
    examples=EXAMPLES,
    help="Keep credentials of a registry on this machine, where the docker command keeps them.",
    params=[
        registry(),
        options.Option(
            ["-u", "--username"], section="Credentials", required=True, metavar="NAME", help="User at the registry."
        ),
        options.Option(
            ["--password-stdin"],
            section="Credentials",
            is_flag=True,
            help="Read the password from standard input instead of the terminal.",
        ),
        options.Option(
            ["--insecure"],
            section="Safety",
            is_flag=True,
            allow_from_autoenv=False,
            help="Do not check the registry's certificate, and send the credentials without TLS if it has none.",
        ),
        *options.global_options(),
    ],
    suggestion=Suggestion("keeps credentials of a registry", ("registry-login",)),
)
