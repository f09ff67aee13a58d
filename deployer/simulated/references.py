"""Image references in requests to the engine."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.simulated.refusals import invalid
from deployer.values import image
from deployer.values.image import ImageRef


def parse_reference(text: str) -> ImageRef:
    """Refuses an invalid reference with 400. A digest takes precedence over a tag."""
    try:
        ref = image.parse(text)
    except ValueError as exc:
        case = ": repository name must be lowercase" if "lower case" in str(exc) else ""
        raise invalid(f"invalid reference format{case}") from exc
    return replace(ref, tag="") if ref.digest else ref


def familiar_repository(ref: ImageRef) -> str:
    return ref.familiar.removesuffix(ref.suffix)


def with_digest(ref: ImageRef, digest: str) -> ImageRef:
    return replace(ref, tag="", digest=digest)
