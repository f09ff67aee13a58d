"""Builds for several platforms by `docker buildx` of this machine, which pushes the image to its registry."""

from __future__ import annotations

import atexit
import base64
import json
import os
import re
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from deployer.engine.buildkit.files import changed, context_files
from deployer.engine.buildkit.session import Job
from deployer.engine.registry_auth import TOKEN_USER
from deployer.errors import EngineError, ResourceError
from deployer.interfaces import RegistryAuth
from deployer.model.build import Build
from deployer.model.registry import remedy
from deployer.values import image

_STEP: Final = re.compile(r"#\d+ (\[.*\d+/\d+\] .*)")
"""The line with which buildx begins an instruction: `#7 [linux/arm64 2/3] COPY page /page`."""

_FAILED: Final = re.compile(r"^(?:ERROR|error): (?:failed to build: )?(?:failed to solve: )?", re.MULTILINE)
_LINES: Final = 15
_INSTALL: Final = "install the docker command with its plugin buildx (docker-buildx-plugin, or docker-buildx of Debian)"
_HINTS: Final = (
    ("unknown command: docker buildx", _INSTALL),
    ("'buildx' is not a docker command", _INSTALL),
    ("unknown flag: --progress", _INSTALL),
    ("unknown flag", "update the plugin buildx of the docker command"),
    (
        "not supported for the docker driver",
        "docker buildx create --use makes a builder that can; so does the engine of this machine with containerd's "
        'image store ({"features": {"containerd-snapshotter": true}} in its daemon.json)',
    ),
    (
        "exec format error",
        "RUN for a platform that this machine is not needs its emulation (docker run --privileged --rm "
        "tonistiigi/binfmt --install all), or a stage FROM --platform=$BUILDPLATFORM that compiles for $TARGETPLATFORM",
    ),
    ("Cannot connect to the Docker daemon", "start the engine of this machine, or choose a builder: docker buildx use"),
)
"""What to do, by what docker says."""


def publish(job: Job) -> None:
    """Build for all platforms and push. Raises `EngineError`, `ResourceError`."""
    _check_unchanged(job.build)
    with tempfile.TemporaryDirectory(prefix="deployer-build-") as folder:
        words = ["docker", "buildx", "build", *_options(job, Path(folder)), job.build.context]
        _run(words, {**os.environ, **_credentials(job, Path(folder))}, job)


def _check_unchanged(build: Build) -> None:
    """buildx reads the context by itself: it must be what the plan was made from."""
    for found in context_files(build):
        if found.file.is_file:
            for _ in found.content():
                """Raises for another content."""


def _options(job: Job, folder: Path) -> Iterator[str]:
    build, file = job.build, Path(job.build.context) / job.build.name
    if build.is_inline:
        file = folder / "Dockerfile"
        file.write_text(build.dockerfile)
    elif file.read_text() != build.dockerfile:
        raise changed(build.name)
    yield from ("--progress=plain", "--provenance=false", "--push", f"--platform={','.join(build.platforms)}")
    yield from (f"--tag={job.ref}", f"--file={file}")
    yield from _each("--build-arg", (f"{name}={value}" for name, value in build.args.items()))
    yield from _each("--label", (f"{name}={value}" for name, value in {**build.labels, **job.labels}.items()))
    yield from _each("--cache-from", build.cache_from)
    yield from _each("--add-host", build.extra_hosts)
    named = {"target": build.target, "network": build.network, "shm-size": build.shm_size}
    yield from (f"--{name}={value}" for name, value in named.items() if value)
    yield from (f"--{name}" for name, wanted in {"no-cache": build.no_cache, "pull": build.pull}.items() if wanted)
    for number, (name, value) in enumerate(sorted(build.secrets.items())):
        (folder / f"secret-{number}").write_bytes(value)
        yield from ("--secret", f"id={name},src={folder / f'secret-{number}'}")


def _each(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def _credentials(job: Job, folder: Path) -> dict[str, str]:
    """The environment with which docker finds the credentials of the play: a configuration with these, for as long as
    the build takes, beside everything else of the user's own. Only the user may read the folder."""
    found = {each.server: each for each in map(job.auth, (job.ref, *job.build.bases)) if each is not None}
    if not found:
        return {}
    own, made = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"), folder / "config"
    made.mkdir()
    for each in own.iterdir() if own.is_dir() else ():
        if each.name != "config.json":
            (made / each.name).symlink_to(each.absolute())
    known = _read(own / "config.json")
    others = {key: value for key, value in known.items() if key not in ("credsStore", "credHelpers")}
    auths = {**(known.get("auths") or {}), **{server: _entry(auth) for server, auth in found.items()}}
    (made / "config.json").write_text(json.dumps({**others, "auths": auths}))
    return {"DOCKER_CONFIG": str(made)}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _entry(auth: RegistryAuth) -> dict[str, str]:
    if auth.username == TOKEN_USER:
        return {"identitytoken": auth.password}
    return {"auth": base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()}


def _run(words: list[str], environment: Mapping[str, str], job: Job) -> None:
    none, pipe, said = subprocess.DEVNULL, subprocess.PIPE, deque[str](maxlen=_LINES)
    try:
        running = subprocess.Popen(words, env=environment, stdin=none, stdout=none, stderr=pipe)
    except FileNotFoundError as error:
        raise ResourceError("this machine has no docker command", hint=_INSTALL) from error
    # A run that is stopped leaves this thread alone: what it started ends with the program.
    atexit.register(running.terminate)
    with running:
        assert running.stderr is not None
        for raw in running.stderr:
            text = raw.decode(errors="replace").rstrip()
            if text:
                said.append(text)
            if begun := _STEP.fullmatch(text):
                job.progress({"step": begun[1]})
    atexit.unregister(running.terminate)
    if running.returncode != 0:
        raise _error(job, "\n".join(said))


def _error(job: Job, said: str) -> EngineError:
    """Its last error, and what to do; or the output before it, of an instruction that failed."""
    at = max((found.start() for found in _FAILED.finditer(said)), default=0)
    message, domain = _FAILED.sub("", said[at:]).strip(), image.parse(job.ref).domain
    known = next((hint for words, hint in _HINTS if words in said), "")
    known = known or remedy(domain, message, authenticated=job.auth(job.ref) is not None)
    first = message.partition("\n")[0] or "docker buildx failed and said nothing"
    where = "docker buildx" if known else job.build.name
    return EngineError(f"{where}: {first}", status=0, hint=known or said[:at].strip())
