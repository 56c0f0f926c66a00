"""The tables of the dataset card and of `overplay dataset stats`, as pandas frames of the statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ops.dataset.statistics import STAGES, Statistics
from ops.gamepad import DATASET_BUTTONS, STICKS

if TYPE_CHECKING:
    import pandas as pd

#: Seconds of an hour.
S_PER_HOUR: Final = 3600.0
#: Upper bounds, in hours, of the classes of games by their hours, as in the paper's figure.
_HOUR_CLASSES: Final = (
    (1, "under 1 h"),
    (10, "1 to 10 h"),
    (100, "10 to 100 h"),
    (1000, "100 to 1,000 h"),
)
_MOST_HOURS: Final = "1,000 h and more"


def funnel_table(statistics: Statistics) -> pd.DataFrame:
    """Return a row per stage: `videos` and `hours` left after it, and what was `lost to` which reason."""
    import pandas as pd

    rows = []
    for stage in STAGES:
        amount = statistics.funnel[stage]
        lost = sorted(statistics.lost[stage].items(), key=lambda item: (-item[1].seconds, item[0]))
        reasons = (f"{reason} ({part.videos}, {part.seconds / S_PER_HOUR:,.2f} h)" for reason, part in lost)
        rows.append((stage, amount.videos, amount.seconds / S_PER_HOUR, "; ".join(reasons)))
    return pd.DataFrame(rows, columns=["stage", "videos", "hours", "lost to"])


def hours_table(seconds: Mapping[str, float], name: str, most: int | None = None) -> pd.DataFrame:
    """Return kept hours by value, the largest first; what is beyond the most rows is one row in the end.

    Args:
        seconds: kept source time by value (`Statistics.kept_seconds`).
        name: what the values are: head of the first column.
        most: rows that are shown; None for all.
    """
    import pandas as pd

    frame = pd.DataFrame({name: list(seconds), "kept hours": list(seconds.values())})
    frame = frame.sort_values(["kept hours", name], ascending=[False, True], ignore_index=True)
    if most is not None and len(frame) > most:
        rest = frame["kept hours"].iloc[most:].sum()
        more = pd.DataFrame({name: [f"{len(frame) - most} more"], "kept hours": [rest]})
        frame = pd.concat([frame.iloc[:most], more], ignore_index=True)
    return frame.assign(**{"kept hours": frame["kept hours"] / S_PER_HOUR})


def games_by_hours(statistics: Statistics) -> dict[str, int]:
    """Return how many games have how many kept hours, all classes present."""
    import pandas as pd

    names = [*(name for _, name in _HOUR_CLASSES), _MOST_HOURS]
    bounds = [-float("inf"), *(bound * S_PER_HOUR for bound, _ in _HOUR_CLASSES), float("inf")]
    seconds = pd.Series(statistics.kept_seconds["game"], dtype="float64")
    counts = pd.cut(seconds, bounds, right=False, labels=names).value_counts()
    return {name: int(counts[name]) for name in names}


def control_table(statistics: Statistics) -> pd.DataFrame:
    """Return a row per control: share of frames in which it is `known`, and in which it is `active` where known.

    A share is NaN where no frame tells.
    """
    import pandas as pd

    controls = [*DATASET_BUTTONS, *STICKS]
    known = pd.Series(statistics.known, dtype="float64")[controls]
    active = pd.Series(statistics.active, dtype="float64")[controls]
    shares = {"known": known / statistics.num_frames, "active": active / known}
    return pd.DataFrame(shares).rename_axis("control").reset_index()
