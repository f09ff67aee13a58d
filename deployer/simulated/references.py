"""Image references as the engine's endpoints take them; what they mean is `values.image`'s business."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.simulated.refusals import invalid
from deployer.values import image
from deployer.values.image import ImageRef


def parse_reference(text: str) -> ImageRef:
    """Refused with 400 when it is none. Where there is a tag and a digest, the digest wins."""
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
