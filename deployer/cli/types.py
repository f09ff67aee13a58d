"""Types of options, as click reads them."""

from __future__ import annotations

from typing import Any

import click


class Verbatim(click.types.StringParamType):
    """Text for which an environment variable has exactly one value, spaces included."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


class Duration(click.types.FloatParamType):
    """`90`, `5m`, `1h30m`; the value is in seconds. `shortest`: in seconds too."""

    name = "duration"

    def __init__(self, shortest: float = 0.0) -> None:
        self._shortest = shortest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from deployer.values import duration

        if isinstance(value, int | float):
            return float(value)
        try:
            seconds = duration.parse(value) / duration.SECOND
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds < self._shortest:
            self.fail(f"'{value}' is shorter than {self._shortest:g}s", param, ctx)
        return seconds


class Moment(click.types.StringParamType):
    """A duration before now, or a time; the value is in seconds since the epoch, "" without one."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from datetime import datetime

        from deployer.values import moment

        try:
            return moment.parse(value, datetime.now().astimezone()) if value else ""
        except ValueError as error:
            self.fail(str(error), param, ctx)
