"""The engine's refusals as exceptions: one short constructor for each HTTP status the engine answers with."""

from __future__ import annotations

from deployer.errors import NOT_FOUND, EngineError


def invalid(message: str) -> EngineError:
    """400: the request itself is wrong."""
    return EngineError(message, status=400)


def forbidden(message: str) -> EngineError:
    """403: the engine does not do this to this object."""
    return EngineError(message, status=403)


def missing(message: str) -> EngineError:
    """404: something named in the request does not exist."""
    return EngineError(message, status=NOT_FOUND)


def conflict(message: str) -> EngineError:
    """409: the state of an object does not allow it."""
    return EngineError(message, status=409)


def failed(message: str) -> EngineError:
    """500: the engine tried and could not."""
    return EngineError(message, status=500)
