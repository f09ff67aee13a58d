"""`python -m tests.bench`: measure and print. Exit codes: 0 measured; 1 it could not be, or with `--check` a budget
was exceeded; 69 this machine cannot run the lab."""

import argparse
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import report
from tests.bench.measure import BenchError, compile_bytecode
from tests.bench.scenarios import Bench, all_sections
from tests.lab import lab as the_lab
from tests.lab.cli import UNAVAILABLE
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.settings import CHECKOUT
from tests.lab.shell import LabError, LabUnavailableError, lock


def main(words: Sequence[str]) -> int:
    """Do what the command line says and return the exit code."""
    options = _parser().parse_args(words)
    if options.against and not (options.against / "deployer" / "cli").is_dir():
        print(f"bench: {options.against} is no checkout: it has no deployer/cli", file=sys.stderr)
        return 1
    count = max(3, *options.hosts)
    try:
        return _bench(options, the_lab.up(count), count)
    except LabUnavailableError as error:
        print(f"bench: lab unavailable: {error}", file=sys.stderr)
        return UNAVAILABLE
    except (LabError, BenchError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="measured runs of each (default 5)")
    parser.add_argument(
        "--hosts", type=_numbers, default=(1, 3), metavar="N,N,…", help="how many hosts for the fleet (default 1,3)"
    )
    parser.add_argument("--without-ansible", action="store_true", help="leave Ansible out: it takes longest")
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="another checkout whose program is measured beside this one's"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 when a budget is exceeded")
    return parser


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


def _bench(options: argparse.Namespace, lab: Lab, count: int) -> int:
    against = options.against.resolve() if options.against else None
    programs = [checkout / "deployer" for checkout in (CHECKOUT, against) if checkout]
    compile_bytecode(*programs, CHECKOUT / "tests" / "bench", Path(sysconfig.get_path("purelib")))
    with _reserved(lab, count) as hosts, tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder:
        print(_machine(hosts, options.rounds), flush=True)
        with_ansible = not options.without_ansible
        bench = Bench(hosts, Path(folder), options.rounds, options.hosts, with_ansible, against)
        sections = all_sections(bench)
    print(report.text(sections))
    print(f"\nload now {os.getloadavg()[0]:.1f}")
    missed = report.missed(sections)
    return 1 if options.check and missed else 0


@contextmanager
def _reserved(lab: Lab, count: int) -> Iterator[tuple[Host, ...]]:
    """Hosts nobody else works on meanwhile; the first has Docker 26, as Compose was measured with."""
    newest_first = sorted(lab.hosts, key=lambda host: (host.suite != "trixie", -host.plan.number))
    hosts = (newest_first[0], *(host for host in lab.hosts[::-1] if host != newest_first[0]))[:count]
    with ExitStack() as stack:
        for host in sorted(hosts, key=lambda host: host.plan.number):
            stack.enter_context(lock(host.name))
        yield hosts


def _machine(hosts: Sequence[Host], rounds: int) -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    engines = ", ".join(f"{host.name} Docker {host.engine_version}" for host in hosts[:4])
    more = f" and {len(hosts) - 4} more" if len(hosts) > 4 else ""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} CPUs, load {load:.1f}, Python {python}; {engines}{more}; medians of {rounds} rounds\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
