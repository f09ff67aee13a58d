"""Builds on an engine without BuildKit: the context goes as a tar archive in the body of `POST /build`."""

from __future__ import annotations

import stat
import tarfile
from collections.abc import Iterator
from typing import Final

from deployer.engine.buildkit.files import Sent, context_files
from deployer.engine.buildkit.session import Job, query_of
from deployer.engine.http import EngineHttp, json_stream
from deployer.errors import EngineError
from deployer.model.build import Build

_DOCKERFILE: Final = ".deployer.Dockerfile"
"""Its name in the archive; the engine removes it from the context because `.dockerignore` names it."""

_IGNORE: Final = ".dockerignore"
_SILENCE: Final = 3600.0
_LINES: Final = 15
_BLOCK: Final = 512


def build_image(http: EngineHttp, job: Job) -> None:
    """Raises `EngineError`, `UnreachableError`, `ResourceError`."""
    if job.build.secrets:
        raise EngineError("the engine has no BuildKit, which build secrets require", status=0)
    query = [(key, _DOCKERFILE if key == "dockerfile" else value) for key, value in query_of(job)]
    headers = {"Content-Type": "application/x-tar"}
    output: list[str] = []
    with http.stream("POST", "/build", query, body=archive(job.build), headers=headers, timeout=_SILENCE) as answer:
        for message in json_stream(answer):
            if "error" in message or "errorDetail" in message:
                detail = message.get("errorDetail") or {}
                said = str(detail.get("message") or message.get("error"))
                raise EngineError(f"{job.build.name}: {said}", status=0, hint="".join(output[-_LINES:]).strip())
            text = str(message.get("stream") or "")
            output.append(text)
            if text.startswith("Step "):
                job.progress({"step": text.strip()})


def archive(build: Build) -> Iterator[bytes]:
    """A tar archive in pieces as they are read; never whole in memory."""
    ignored = f"{_DOCKERFILE}\n"
    for found in context_files(build):
        if found.file.path == _IGNORE:
            ignored = b"".join(found.content()).decode(errors="surrogateescape") + f"\n{ignored}"
        else:
            yield from _member(found)
    if not any(found.path == _IGNORE for found in build.files):
        ignored = f"{ignored}{_IGNORE}\n"
    yield from _text(_IGNORE, ignored.encode(errors="surrogateescape"))
    yield from _text(_DOCKERFILE, build.dockerfile.encode())
    yield bytes(2 * _BLOCK)


def _member(found: Sent) -> Iterator[bytes]:
    file, info = found.file, tarfile.TarInfo(found.file.path)
    info.mode, info.mtime = stat.S_IMODE(file.mode), found.modified // 10**9
    if stat.S_ISDIR(file.mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(file.mode):
        info.type, info.linkname = tarfile.SYMTYPE, file.digest
    else:
        info.size = file.size
    yield info.tobuf(tarfile.PAX_FORMAT)
    if file.is_file:
        yield from found.content()
        yield bytes(-file.size % _BLOCK)


def _text(name: str, data: bytes) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    yield info.tobuf(tarfile.PAX_FORMAT) + data + bytes(-len(data) % _BLOCK)
