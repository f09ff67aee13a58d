"""Which images a project pulled, according to the records of runs; images cannot be labelled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployer.engine import answers
from deployer.engine.answers import ListedImage
from deployer.interfaces import Engine
from deployer.model.history import Record
from deployer.model.observed import PulledImage
from deployer.values import image


def list_images(engine: Engine) -> tuple[ListedImage, ...]:
    """Raises `EngineError`, `UnreachableError`."""
    return answers.read(engine.list_images(), tuple[ListedImage, ...], "/images/json")


def still_there(records: Mapping[str, Record], listed: Iterable[ListedImage]) -> tuple[PulledImage, ...]:
    """`records`: the newest one of each project."""
    names = {entry.id: entry.references for entry in listed}
    return tuple(
        PulledImage(project, reference, key, reference in names[key], names[key])
        for project, record in sorted(records.items())
        for reference, key in record.pulled
        if key in names
    )


def claims(records: Mapping[str, Record]) -> frozenset[tuple[str, str]]:
    """The references and image ids that each project pulled or declares."""
    return frozenset(
        (project, text)
        for project, record in records.items()
        for text in (*record.declared, *(part for pair in record.pulled for part in pair))
    )


def updated(
    before: Iterable[tuple[str, str]], fetched: Iterable[str], listed: Iterable[ListedImage]
) -> tuple[tuple[str, str], ...]:
    """Names and ids to record after a run that pulled some references, without images that no longer exist."""
    wanted, found = set(map(image.pulled_name, fetched)), set(before)
    names = {entry.id: entry.references for entry in listed}
    found |= {(reference, key) for key, known in names.items() for reference in known & wanted}
    return tuple(sorted(pair for pair in found if pair[1] in names))
