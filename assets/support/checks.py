"""Checks that several assets report, each built in one place."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import dagster as dg

#: Problems that one event carries; the rest follows when these are mended.
_MAX_PROBLEMS: Final = 100


def check_no_problems(
    name: str, batches: Sequence[str], **problems: Sequence[str] | Mapping[str, Any]
) -> dg.AssetCheckResult:
    """Return a check that passes where nothing is wrong.

    Args:
        name: of the check.
        batches: that were looked at.
        **problems: by what they are called in the UI; a list of them, or lists by batch.
    """
    found = any(any(value.values()) if isinstance(value, Mapping) else value for value in problems.values())
    shown = {
        title: value if isinstance(value, Mapping) else list(value)[:_MAX_PROBLEMS] for title, value in problems.items()
    }
    return dg.AssetCheckResult(
        check_name=name,
        passed=not found,
        metadata={
            "batches": ", ".join(batches),
            **{title: dg.MetadataValue.json(value) for title, value in shown.items()},
        },
    )


def check_range(name: str, batches: Sequence[str], value: float, limits: tuple[float, float]) -> dg.AssetCheckResult:
    """Return a check that warns where a figure is outside limits (low, high)."""
    low, high = limits
    metadata = {"value": value, "expected": f"{low} to {high}"}
    return check_warning(name, low <= value <= high, metadata | {"batches": ", ".join(batches)})


def check_warning(name: str, passed: bool, metadata: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Return a check that blocks nothing: whoever looks at it decides."""
    return dg.AssetCheckResult(
        check_name=name, passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=dict(metadata)
    )
