"""Reads everything that import may write; only GETs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from deployer.engine.observe import WIDTH, Needs, observe
from deployer.exporting.playbook import image_references
from deployer.interfaces import Engine
from deployer.model.container_names import FILES
from deployer.model.observed import Observed


def observe_whole(engine: Engine, host: str) -> Observed:
    """Every container, and in `tags` the current image of each image name. Raises the errors of `observe`."""
    listed = observe(engine, host, Needs())
    seen = observe(
        engine, host, Needs(frozenset(stub.name for stub in listed.others if not stub.name.startswith(FILES)))
    )
    pairs = ((found, seen.images.get(found.image_id)) for found in seen.containers)
    references = sorted({reference for found, own in pairs for reference in image_references(found, own)})
    with ThreadPoolExecutor(max_workers=WIDTH, thread_name_prefix=f"read-{host}") as pool:
        answers = list(pool.map(engine.inspect_image, references))
    tags = {name: str(answer["Id"]) for name, answer in zip(references, answers, strict=True) if answer is not None}
    return replace(seen, tags=tags)
