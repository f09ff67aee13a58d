"""Which images a project pulled, according to the records of runs; images cannot be labelled. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployer.interfaces import Json
from deployer.model.history import Record
from deployer.model.observed import PulledImage
from deployer.values import image


def names_of(entry: Json) -> frozenset[str]:
    """Complete references of an entry of `GET /images/json`, by tag and by digest, without `<none>`."""
    found = (*(entry.get("RepoTags") or ()), *(entry.get("RepoDigests") or ()))
    return frozenset(image.canonical(str(name)) for name in found if not str(name).startswith("<none>"))


def still_there(records: Mapping[str, Record], listed: Iterable[Json]) -> tuple[PulledImage, ...]:
    """`records`: the newest one of each project."""
    names = {str(entry["Id"]): names_of(entry) for entry in listed}
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
    before: Iterable[tuple[str, str]], fetched: Iterable[str], listed: Iterable[Json]
) -> tuple[tuple[str, str], ...]:
    """Names and ids to record after a run that pulled some references, without images that no longer exist."""
    wanted, found = set(map(image.pulled_name, fetched)), set(before)
    names = {str(entry["Id"]): names_of(entry) for entry in listed}
    found |= {(reference, key) for key, known in names.items() for reference in known & wanted}
    return tuple(sorted(pair for pair in found if pair[1] in names))
