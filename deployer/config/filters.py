"""x"""

from typing import Any

FILTERS: dict[str, Any] = {}
TESTS: dict[str, Any] = {}
