"""Moments as `docker logs --since` writes them: `10m` ago, `2026-01-02T15:04:05Z`, `2026-01-02`, seconds since 1970."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from deployer.values import duration

_SECONDS = re.compile(r"\d{9,}(\.\d{1,9})?")


def parse(text: str, now: datetime) -> str:
    """Seconds since the epoch as the engine reads them. A time without an offset is one of `now`'s zone. Raises
    ValueError."""
    if _SECONDS.fullmatch(text):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return f"{(moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)).timestamp():.6f}"
    try:
        ago = timedelta(microseconds=duration.parse(text) / 1000)
        return f"{(now - ago).timestamp():.6f}"
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"'{text}' is neither a duration such as 10m nor a time such as 2026-01-02T15:04:05Z"
        ) from error
