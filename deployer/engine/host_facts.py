"""Reads the requested facts of a host: one or two requests, and one script if the host allows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from msgspec.structs import replace

from deployer.engine import answers, shell_facts
from deployer.engine.answers import ListedContainer, ListedImage
from deployer.engine.observe import held_ports
from deployer.engine.pulled_images import list_images
from deployer.engine.registries import ask
from deployer.engine.remote_images import RemoteImages, local_contents, mirrors
from deployer.engine.shell_facts import ShellFacts
from deployer.errors import ResourceError, UnreachableError
from deployer.interfaces import Engine, Host, Json, RegistryAuth
from deployer.model.observed import Observed
from deployer.model.preflight import Facts, Listener, Process, Questions, Route
from deployer.model.registry import Contents
from deployer.values import image

Shell = Callable[[str], "str | None"]
"""Runs a script on the host and returns its output; None where that is not possible."""

_ROOT: Final = "/var/lib/docker"


def _pools(info: Json) -> Iterator[tuple[str, int]]:
    for pool in info.get("DefaultAddressPools") or ():
        if ":" not in str(pool["Base"]):
            yield str(pool["Base"]), int(pool["Size"])


def output_of(host: Host, script: str) -> str | None:
    """What a script prints on a host; None where none can be run."""
    try:
        return host.shell().run(script).output
    except (ResourceError, UnreachableError):
        return None


def free_space(host: Host, folder: str) -> int | None:
    """Bytes; None where a host cannot be asked."""
    room = shell_facts.read_room(output_of(host, shell_facts.room_script(folder)) or "", folder)
    return room.free if room is not None else None


def gather(
    engine: Engine,
    observed: Observed,
    questions: Questions,
    *,
    auth: Callable[[str], RegistryAuth | None],
    shell: Shell,
    taken: Callable[[Questions, Iterable[Listener]], tuple[Listener, ...]],
    remote: RemoteImages,
) -> Facts:
    """`taken` says which listeners need a closer look. Raises `UnreachableError`, and `EngineError` where the engine
    refuses a read."""
    info = engine.info()
    facts = Facts(
        mirrored=bool(mirrors(info)),
        pools=tuple(_pools(info)),
        registry={reference: ask(engine, reference, auth(reference)) for reference in sorted(questions.pulls)},
    )
    if observed.engine.simulated:
        return facts
    if questions.fetched:
        facts = replace(facts, contents=dict(_contents(engine, _with_digests(questions, facts), auth, remote, info)))
    root = str(info.get("DockerRootDir") or _ROOT)
    said = shell(shell_facts.script(questions, root))
    seen = shell_facts.read(said or "", root, observed.engine.arch)
    if seen is None or seen.name != info.get("Name"):
        return facts
    facts = replace(facts, missing=seen.missing if seen.has_root else frozenset(), room=seen.room, sysctls=seen.sysctls)
    if facts.room is not None and questions.room:
        facts = replace(facts, sizes=_sizes(list_images(engine)))
    if not _is_engines_network(seen, observed):
        return facts
    return _with_network(
        replace(facts, routes=_routes(seen, observed)), engine, shell, taken(questions, seen.listeners)
    )


def _with_digests(questions: Questions, facts: Facts) -> Iterator[tuple[str, str, str]]:
    """What is pulled and where a registry told which image that is."""
    for reference, known, platform in sorted(questions.fetched):
        answer = facts.registry.get(reference)
        if digest := known or (answer.digest if answer is not None else ""):
            yield reference, digest, platform


def _contents(
    engine: Engine,
    fetched: Iterable[tuple[str, str, str]],
    auth: Callable[[str], RegistryAuth | None],
    remote: RemoteImages,
    info: Json,
) -> Iterator[tuple[str, tuple[Contents | None, Contents]]]:
    for reference, digest, platform in fetched:
        there = remote.contents(reference, digest, platform, auth(reference), info)
        if there is not None:
            here = engine.inspect_image(reference)
            yield reference, (local_contents(here) if here is not None else None, there)


def _is_engines_network(seen: ShellFacts, observed: Observed) -> bool:
    """Whether the shell sees the engine's network namespace, and not that of a surrounding machine or of a rootless
    engine's user."""
    return bool(seen.interfaces & _bridges(observed))


def _bridges(observed: Observed) -> frozenset[str]:
    own = {f"br-{found.id[:12]}" for found in observed.networks if found.name != "bridge"}
    named = (found.values.get("driver_opts") for found in observed.networks)
    given = {opts.get("com.docker.network.bridge.name") for opts in named if isinstance(opts, dict)}
    return frozenset({"docker0", *own, *filter(None, given)})


def _routes(seen: ShellFacts, observed: Observed) -> tuple[Route, ...]:
    """Without routes to the engine's own networks."""
    bridges = _bridges(observed)
    return tuple(route for route in seen.routes if route.interface not in bridges)


def _with_network(facts: Facts, engine: Engine, shell: Shell, taken: tuple[Listener, ...]) -> Facts:
    """Owners are only read for wanted ports."""
    if not taken:
        return facts
    owners: dict[int, Process] = shell_facts.read_owners(
        shell(shell_facts.owners_script({found.inode for found in taken})) or ""
    )
    listed = answers.read(engine.list_containers(), tuple[ListedContainer, ...], "/containers/json")
    held = frozenset(port for entry in listed for port in held_ports(entry))
    return replace(facts, listeners=taken, processes=owners, published=held)


def _sizes(listed: Iterable[ListedImage]) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in listed:
        for tag in entry.repo_tags or ():
            name = image.canonical(tag).rpartition(":")[0]
            found[name] = max(found.get(name, 0), entry.size)
    return found
