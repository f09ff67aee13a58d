"""Declare what Docker hosts should run, see the plan, apply it over SSH."""

from typing import Final

__version__: Final = "0.1.0"
