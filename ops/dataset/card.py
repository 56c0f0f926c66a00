"""The dataset card: README.md as dataset hubs read it, card.json with all numbers, and pictures.

Everything is written from statistics and from frames, in the form that the store keeps: the same dataset gives the
same bytes. It is for people who decide whether to use the data, so it says what was lost and why.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.dataset.chunks import ChunkConfig
from ops.dataset.figures import S_PER_HOUR, control_table, funnel_table, games_by_hours, hours_table
from ops.dataset.statistics import STAGES, Statistics, collect_statistics
from ops.drawing.charts import bar_chart, line_chart
from ops.drawing.pictures import Picture, caption, draw_box, encode, grid
from ops.gamepad import DATASET_BUTTONS, SCHEMA_VERSION, STICKS
from ops.media.limits import PICTURE_LIMITS
from ops.media.readers import sample_frames
from ops.media.sandbox import call
from ops.outcomes import BadInputError
from ops.store.batch import read_batch
from ops.store.layout import CARD, LOCATIONS, MANIFEST, VIDEOS, manifest_key
from ops.store.storage import Store, fingerprint

if TYPE_CHECKING:
    import pandas as pd

VERSION: Final = "2"
#: Frames on the contact sheet, in how many columns, each how wide in pixels. Chosen by eye, as are the next two.
_NUM_PICTURES: Final = 12
_NUM_COLUMNS: Final = 3
_PICTURE_PX: Final = 400
#: Most rows of a table, and bars of a chart.
_MAX_ROWS: Final = 30
_MAX_BARS: Final = 20
#: Most characters of a video's id below its picture.
_MAX_CAPTION: Final = 60
#: Digits of hours and shares in card.json: a third of a second, and a frame of an hour.
_HOUR_DIGITS: Final = 4
_SHARE_DIGITS: Final = 5
#: Seconds of a sample, for the hubs' size class.
_SAMPLE_S: Final = ChunkConfig().chunk_s
#: Upper bounds of the hubs' size classes, in samples.
_SIZE_CLASSES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
_MOST_SAMPLES: Final = "n>10M"


@dataclass(frozen=True)
class CardReport:
    """What was written.

    Attributes:
        statistics: of all batches.
        readme: text of README.md.
        pictures: PNG bytes by file name.
        content: hash of what the card is made from.
        changed: False when the stored card was current.
    """

    statistics: Statistics
    readme: str
    pictures: dict[str, bytes]
    content: str
    changed: bool


def build_card(store: Store, batches: Sequence[str], name: str = "overplay dataset") -> CardReport:
    """Write the card of the dataset, its manifest last.

    Args:
        store: holds the dataset.
        batches: partition keys, all of them.
        name: how the dataset is called.
    """
    statistics = collect_statistics(store, batches, f"{CARD}/batches")
    located = [store.read_json(key) if store.exists(key) else None for key in _location_manifests(batches)]
    current = fingerprint(VERSION, name, list(batches), statistics.to_record(), located)
    key = f"{CARD}/{MANIFEST}"
    stored = store.read_json(key) if store.exists(key) else {}
    if stored.get("fingerprint") == current:
        pictures = {file: store.read_bytes(f"{CARD}/{file}") for file in stored["files"] if file.endswith(".png")}
        return CardReport(statistics, store.read_bytes(f"{CARD}/README.md").decode(), pictures, current, False)
    pictures = _draw(statistics)
    sheet = contact_sheet(store, batches)
    if sheet is not None:
        pictures["located.png"] = encode(sheet)
    readme = write_readme(statistics, name, tuple(pictures))
    for file, data in pictures.items():
        store.write_bytes(f"{CARD}/{file}", data)
    store.write_json(f"{CARD}/card.json", describe(statistics))
    store.write_bytes(f"{CARD}/README.md", readme.encode())
    store.write_json(key, {"fingerprint": current, "files": ["README.md", "card.json", *sorted(pictures)]})
    return CardReport(statistics, readme, pictures, current, True)


def _location_manifests(batches: Sequence[str]) -> list[str]:
    return [manifest_key(LOCATIONS, batch) for batch in batches]


def describe(statistics: Statistics) -> dict[str, Any]:
    """Return all numbers of the card, JSON-able."""
    controls = (*DATASET_BUTTONS, *STICKS)
    return {
        "schema_version": SCHEMA_VERSION,
        "funnel": {stage: _amount(statistics.funnel[stage]) for stage in STAGES},
        "lost": {
            stage: {reason: _amount(amount) for reason, amount in sorted(reasons.items())}
            for stage, reasons in statistics.lost.items()
        },
        "kept_hours": {
            name: {value: _to_hours(seconds) for value, seconds in values.items()}
            for name, values in statistics.kept_seconds.items()
        },
        "games_by_hours": games_by_hours(statistics),
        "num_frames": statistics.num_frames,
        "idle_share": _rounded(statistics.idle_share),
        "confidence_curve": [[threshold, _rounded(share)] for threshold, share in statistics.confidence_curve()],
        "press_share": {control: _rounded(statistics.press_share(control)) for control in controls},
        "known_share": {
            control: _rounded(statistics.known[control] / statistics.num_frames) if statistics.num_frames else None
            for control in controls
        },
    }


def _amount(amount: Any) -> dict[str, Any]:
    return {"videos": amount.videos, "hours": _to_hours(amount.seconds)}


def _to_hours(seconds: float) -> float:
    return round(seconds / S_PER_HOUR, _HOUR_DIGITS)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _SHARE_DIGITS)


def _charted(statistics: Statistics, kind: str) -> dict[str, float]:
    """Return the kept hours of the largest values of a kind."""
    largest = hours_table(statistics.kept_seconds[kind], kind).head(_MAX_BARS)
    return dict(zip(largest[kind], largest["kept hours"], strict=True))


def _draw(statistics: Statistics) -> dict[str, bytes]:
    """Return the card's charts as PNG by file name."""
    hours = {stage: statistics.funnel[stage].seconds / S_PER_HOUR for stage in STAGES}
    controls = (*DATASET_BUTTONS, *STICKS)
    presses = {name: 100 * share for name in controls if (share := statistics.press_share(name)) is not None}
    thresholds, shares = zip(*statistics.confidence_curve(), strict=True)
    return {
        "funnel.png": encode(bar_chart(hours, "Hours left after each stage", "h")),
        "games.png": encode(bar_chart(_charted(statistics, "game"), "Kept hours by game", "h")),
        "genres.png": encode(bar_chart(_charted(statistics, "genre"), "Kept hours by genre", "h")),
        "presses.png": encode(bar_chart(presses, "Frames in which a control is active", "%")),
        "confidence.png": encode(
            line_chart(
                {"frames": (thresholds, shares)},
                "Share of frames at or above a confidence",
                "mean confidence of the drawn controls",
                (0.0, 1.0),
            )
        ),
    }


def contact_sheet(store: Store, batches: Sequence[str], count: int = _NUM_PICTURES) -> Picture | None:
    """Return a frame of some located videos with the box that was found; None where no raw file is left.

    Args:
        store: holds videos and locations.
        batches: looked through in order until there are enough.
        count: most frames.
    """
    tiles: list[Picture] = []
    for batch in batches:
        try:
            videos = {unit.video_id: unit for unit in read_batch(store, VIDEOS, batch)}
            located = read_batch(store, LOCATIONS, batch)
        except FileNotFoundError:
            continue
        for unit in located:
            if len(tiles) == count:
                return grid(tiles, _NUM_COLUMNS)
            if unit.outcome.kind != "ok" or unit.video_id not in videos:
                continue
            track = unit.outcome.data["tracks"][0]
            key = f"{VIDEOS}/{batch}/{unit.video_id}/{videos[unit.video_id].outcome.data['path']}"
            frame = _middle_frame(store, key)
            if frame is not None:
                label = f"{track['template_id']} {track['score']:.2f}"
                tiles.append(caption(draw_box(frame, track["box"], label, _PICTURE_PX), unit.video_id[:_MAX_CAPTION]))
    return grid(tiles, _NUM_COLUMNS) if tiles else None


def _middle_frame(store: Store, key: str) -> Picture | None:
    """Return a frame from the middle of a video, or None where the file is gone or cannot be read any more."""
    if not store.exists(key):
        return None
    try:
        with store.reading(key) as path:
            return call(sample_frames, path, 1, limits=PICTURE_LIMITS)[0][1]
    except BadInputError:
        return None


def write_readme(statistics: Statistics, name: str, pictures: Sequence[str]) -> str:
    """Return the text of README.md: front matter, then what a reader wants to know first."""
    found, kept = statistics.funnel["found"], statistics.funnel["kept"]
    shown = {picture: f"![{picture.removesuffix('.png')}]({picture})" for picture in pictures}
    idle = statistics.idle_share
    sections = [
        _front_matter(statistics, name),
        f"# {name}",
        f"{kept.seconds / S_PER_HOUR:,.2f} hours of game video with the state of the gamepad for each frame, read from "
        f"the gamepad overlays that players show. {found.videos:,} videos were found, {kept.videos:,} are in it.",
        "## What a sample is",
        "WebDataset tars; a sample is 20 s of source time: `.mp4` (256x256, the overlay masked), `.actions.parquet` "
        "(one row per frame) and `.json` (video, channel, game, times, masks). The label columns are the 17 buttons "
        "(int32; null where the overlay does not show the button), `j_left` and `j_right` (x right, y down, in "
        "[-1, 1]), `pts_s` (presentation time in seconds) and `confidence` (one float per control).",
        "## Where the hours went",
        _table(funnel_table(statistics)),
        shown.get("funnel.png", ""),
        "## What is in it",
        _hours(statistics, "game", "game"),
        _class_table(statistics),
        _hours(statistics, "genre", "genre"),
        shown.get("genres.png", ""),
        _hours(statistics, "family", "controller"),
        _hours(statistics, "split", "split"),
        shown.get("games.png", ""),
        "## The labels",
        f"{statistics.num_frames:,} labelled frames, {_percent(idle)} of them without any action.",
        _table(_control_texts(statistics)),
        shown.get("presses.png", ""),
        shown.get("confidence.png", ""),
        shown.get("located.png", ""),
        "## Limits",
        "Labels are read from pictures: a control that an overlay does not draw is null and not released; presses "
        "shorter than a frame are missed; an overlay may lag behind the game by frames. Streams hide menus, private "
        "moments and mistakes unevenly, so games, genres and controllers are not balanced.",
        "## Licences and opt-out",
        "The videos belong to their creators; the licence that each source states is in the catalog.",
        _hours(statistics, "licence", "licence as stated"),
        "A creator who does not want a video used is marked in the catalog, and the video leaves all batches.",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _hours(statistics: Statistics, kind: str, name: str) -> str:
    return _table(hours_table(statistics.kept_seconds[kind], name, _MAX_ROWS))


def _class_table(statistics: Statistics) -> str:
    import pandas as pd

    rows = list(games_by_hours(statistics).items())
    return _table(pd.DataFrame(rows, columns=["games with", "how many"]))


def _control_texts(statistics: Statistics) -> pd.DataFrame:
    import pandas as pd

    shares = control_table(statistics)
    return pd.DataFrame(
        {
            "control": shares["control"],
            "known in": shares["known"].map(_percent),
            "active in, where known": shares["active"].map(_percent),
        }
    )


def _front_matter(statistics: Statistics, name: str) -> str:
    samples = round(statistics.funnel["kept"].seconds / _SAMPLE_S)
    size = next((label for bound, label in _SIZE_CLASSES if samples < bound), _MOST_SAMPLES)
    lines = [
        "---",
        f"pretty_name: {name}",
        "license: other",
        "license_name: see-card",
        "task_categories:",
        "- robotics",
        "- reinforcement-learning",
        "tags:",
        "- webdataset",
        "- video-games",
        "- behaviour-cloning",
        "- gamepad",
        "size_categories:",
        f"- {size}",
        "---",
    ]
    return "\n".join(lines)


def _percent(share: float | None) -> str:
    return "-" if share is None or math.isnan(share) else f"{100 * share:.1f} %"


def _table(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table; names come from strangers, so what would break a cell is escaped."""
    if frame.empty:
        return ""
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (list(frame), ["---"] * len(frame.columns), *rows))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return _escape(value)
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _escape(text: str) -> str:
    for character in "\\|<>[]`*_":
        text = text.replace(character, f"&#{ord(character)};" if character in "<>" else f"\\{character}")
    return " ".join(text.split())
