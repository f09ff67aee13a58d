"""The facts about this machine that connections depend on; `usecases.system` provides them."""

from __future__ import annotations

import os
from collections.abc import Callable

from msgspec import Struct


class Machine(Struct, frozen=True):
    """`user`: "" for a uid without an account. `home`: "" where there is no home directory. `succeeds` runs a shell
    command and says whether it ended with status 0."""

    user: str
    home: str
    uid: int
    host_name: str
    succeeds: Callable[[str], bool]

    def absolute(self, path: str) -> str:
        """A file name of the user's with `~` expanded; "" stays empty, and is also the answer for a `~` where there is
        no home directory."""
        if path == "~" or path.startswith("~/"):
            if not self.home:
                return ""
            path = self.home + path[1:]
        return os.path.abspath(os.path.expanduser(path)) if path else ""  # noqa: PTH100, PTH111
