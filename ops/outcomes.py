"""What became of one video at one stage: ok, rejected by what the data says, or failed because we could not tell.

The three always add up to the input. `rejected` is a result and is kept; `failed` is tried again on a rerun.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

OutcomeKind = Literal["ok", "rejected", "failed"]


class RejectedError(Exception):
    """The data says no (no overlay found, wrong format): raise it from a stage's work with a short reason."""


class BadInputError(Exception):
    """Input that cannot be read (truncated, not a video): fails with this one-line reason and no traceback."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one video at one stage.

    Attributes:
        kind: `ok`, `rejected` or `failed`.
        reason: one line, empty when ok; its first word(s) before a colon are the class that reports count by.
        error: traceback of an unexpected failure, else empty.
        data: JSON-able facts that later stages and people read; free of wall times, so that reruns give equal bytes.
    """

    kind: OutcomeKind
    reason: str = ""
    error: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def ok(cls, **data: Any) -> Self:
        """Return a success with its facts."""
        return cls("ok", data=data)

    @classmethod
    def rejected(cls, reason: str, **data: Any) -> Self:
        """Return a refusal by the data."""
        return cls("rejected", reason=reason, data=data)

    @classmethod
    def from_exception(cls, error: BaseException) -> Self:
        """Return the outcome that an exception stands for; unexpected ones keep their traceback."""
        message = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, RejectedError):
            return cls("rejected", reason=message)
        if isinstance(error, BadInputError):
            return cls("failed", reason=message)
        trace = "".join(traceback.format_exception(error))
        return cls("failed", reason=f"{type(error).__name__}: {message}", error=trace)


def reason_class(reason: str) -> str:
    """Return the part of a reason that reports count by: what stands before the first colon."""
    return reason.split(":", 1)[0].strip()


def count_outcomes(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many were ok, rejected and failed, all three keys present."""
    counts = Counter(outcome.kind for outcome in outcomes)
    return {kind: counts[kind] for kind in ("ok", "rejected", "failed")}


def count_reasons(outcomes: Iterable[Outcome], kind: OutcomeKind) -> dict[str, int]:
    """Return how many outcomes of a kind there were by class of reason, sorted by name."""
    counts = Counter(reason_class(outcome.reason) for outcome in outcomes if outcome.kind == kind)
    return dict(sorted(counts.items()))
