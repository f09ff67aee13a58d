"""`python -m tests.lab`: up, down, status and check.

Exit codes: 0 done, 1 something went wrong, 69 this machine cannot run the lab (the reason is on standard output as
`lab unavailable: REASON`, with `--json` as a document).
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from tests.lab import lab, machine
from tests.lab.settings import DEFAULT_HOSTS
from tests.lab.shell import LabError, LabUnavailableError

UNAVAILABLE = 69


def main(words: Sequence[str]) -> int:
    """Do what the command line says and return the exit code."""
    options = _parser().parse_args(words)
    try:
        return int(options.action(options))
    except LabUnavailableError as error:
        _say_unavailable(str(error), options.json)
        return UNAVAILABLE
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab", description="Real SSH and Docker hosts on this machine."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    up = commands.add_parser("up", help="start the lab, or what is missing of it")
    up.add_argument("--hosts", type=int, default=DEFAULT_HOSTS, metavar="N", help="how many hosts at least")
    up.set_defaults(action=_up)
    commands.add_parser("down", help="remove the lab, keep its cache").set_defaults(action=_down)
    commands.add_parser("status", help="list the hosts that run").set_defaults(action=_status)
    commands.add_parser("check", help="say whether this machine can run the lab").set_defaults(action=_check)
    return parser


def _up(options: argparse.Namespace) -> int:
    started = time.monotonic()
    _show(lab.up(options.hosts), options.json)
    print(f"lab: up after {time.monotonic() - started:.1f} s", file=sys.stderr)
    return 0


def _down(_: argparse.Namespace) -> int:
    if machine.refusal():
        raise LabUnavailableError(str(machine.refusal()))
    lab.down()
    return 0


def _status(options: argparse.Namespace) -> int:
    _show(lab.running(), options.json)
    return 0


def _check(options: argparse.Namespace) -> int:
    reason = machine.refusal()
    if reason:
        raise LabUnavailableError(reason)
    print(json.dumps({"available": True}) if options.json else "lab available")
    return 0


def _show(found: lab.Lab | None, as_json: bool) -> None:
    hosts = found.hosts if found else ()
    if as_json:
        print(json.dumps({"hosts": [asdict(host) for host in hosts]}, default=str, indent=2))
        return
    for host in hosts:
        print(
            f"{host.name}  {host.address}  Docker {host.engine_version}  API {host.api_version}  {host.plan.kind.group}"
        )


def _say_unavailable(reason: str, as_json: bool) -> None:
    print(json.dumps({"available": False, "reason": reason}) if as_json else f"lab unavailable: {reason}")
