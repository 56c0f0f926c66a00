"""What a Ray worker imports: nothing but this, so that it does not load the orchestrator."""

from collections.abc import Callable
from typing import Any


def apply(function: Callable[[Any], Any], item: Any) -> Any:
    """Return the function's result for an item."""
    return function(item)
