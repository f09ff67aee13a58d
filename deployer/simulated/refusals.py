"""The engine's refusals as exceptions, one constructor per HTTP status."""

from __future__ import annotations

from deployer.errors import NOT_FOUND, EngineError


def invalid(message: str) -> EngineError:
    """400: the request is invalid."""
    return EngineError(message, status=400)


def forbidden(message: str) -> EngineError:
    """403: the operation is not allowed for this object."""
    return EngineError(message, status=403)


def missing(message: str) -> EngineError:
    """404: an object named in the request does not exist."""
    return EngineError(message, status=NOT_FOUND)


def conflict(message: str) -> EngineError:
    """409: the state of an object does not allow the operation."""
    return EngineError(message, status=409)


def failed(message: str) -> EngineError:
    """500: the operation failed."""
    return EngineError(message, status=500)
