"""Which resources `--tags` and `--skip-tags` select."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class TagFilter(Struct, frozen=True):
    """`--tags` and `--skip-tags`, with Ansible's words: all, tagged, untagged; resources tagged always or never."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()

    def selects(self, tags: Iterable[str]) -> bool:
        own = set(tags) or {"untagged"}
        return self._wants(own) and not self._skips(own)

    def _wants(self, own: set[str]) -> bool:
        only = set(self.only) or {"all"}
        if "always" in own or own & only:
            return True
        return "never" not in own and ("all" in only or ("tagged" in only and own != {"untagged"}))

    def _skips(self, own: set[str]) -> bool:
        """A resource tagged `always` is skipped only if `always` itself is skipped."""
        if "all" in self.skip:
            return "always" not in own or "always" in self.skip
        return bool(own & set(self.skip)) or ("tagged" in self.skip and own != {"untagged"})
