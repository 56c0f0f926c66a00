"""Print which overlays are found in whole videos, by matcher: `scripts/bench_locate.py FOLDER... --matcher sift both`.

The folders hold videos, with their truth beside them (see `ops.truth.recordings`) or without any overlay. Every overlay
is looked for among the library's templates and those of `--templates`, as `overplay label` does it. CPU seconds are of
one thread each, wall seconds of two.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
from bench import show

from models.matchers import MatcherKind
from models.matchers.choice import choose_matchers
from models.matchers.library import cached_library
from ops.outcomes import BadInputError, RejectedError
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.features import Matcher
from ops.overlay.tracks import Track
from ops.stages.library import load_index
from ops.stages.steps import find_overlays, probe_video, run_here
from ops.truth.recordings import Recording, list_recordings
from ops.truth.scores import BoxSpan, score_spans

CONFIG = LocateConfig()
#: A find is right if its box overlaps the true one by this much.
_RIGHT_IOU = 0.5
#: It is exact from here on.
_EXACT_IOU = 0.95


def true_overlays(folder: Path) -> dict[Path, Recording | None]:
    """Return the videos of a folder, with what is known of the overlay that each shows; None if it shows none."""
    try:
        known = {recording.video: recording for recording in list_recordings(folder) if recording.box}
    except FileNotFoundError:
        known = {}
    return {video: known.get(video) for video in sorted(folder.glob("*.mp4"))}


def find(video: Path, folders: tuple[Path, ...], matchers: tuple[Matcher, ...]) -> list[Track] | None:
    """Return the overlays of a video, None if it cannot be read."""
    try:
        return find_overlays(video, probe_video(video, run_here), folders, matchers, CONFIG, run_here)
    except RejectedError:
        return []
    except BadInputError:
        return None


def row_of(
    video: Path, truth: Recording | None, folders: tuple[Path, ...], matchers: tuple[Matcher, ...]
) -> dict[str, Any] | None:
    """Return what came of one video, None if it cannot be read."""
    cpu_s, wall_s = time.process_time(), time.monotonic()
    tracks = find(video, folders, matchers)
    if tracks is None:
        return None
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    overlap = max((box_iou(track.box, truth.box) for track in tracks), default=0.0) if truth and truth.box else None
    first = tracks[0] if tracks else None
    return {
        "video": video.stem,
        "overlay": truth is not None,
        "tracks": len(tracks),
        "template": first.template_id if first else "none",
        "inliers": first.inliers if first else 0,
        "IoU": overlap,
        "CPU s": cpu_s,
        "wall s": wall_s,
    } | (_span_figures(tracks, truth) if truth and truth.spans else {})


def _span_figures(tracks: list[Track], truth: Recording) -> dict[str, Any]:
    found = [BoxSpan(track.start_s, track.stop_s, track.box) for track in tracks]
    scores, num_false = score_spans(found, truth.spans)
    right = [score for score in scores if score.iou > 0]
    errors = [abs(error) for score in right for error in (score.start_error_s, score.stop_error_s)]
    return {
        "spans found": f"{len(right)} of {len(scores)}",
        "others": num_false,
        "worst time error, s": max(errors, default=float("nan")),
        "least IoU of a span": min((score.iou for score in right), default=float("nan")),
    }


def summary(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a matcher's row: what it found over all videos, and what that took."""
    shown = [row for row in rows if row["overlay"]]
    right = [row for row in shown if row["IoU"] > _RIGHT_IOU]
    plain = [row for row in rows if not row["overlay"]]
    return {
        "matcher": name,
        "found": f"{len(right)} of {len(shown)}",
        "least IoU": min((row["IoU"] for row in right), default=float("nan")),
        "IoU >= .95": sum(row["IoU"] >= _EXACT_IOU for row in right),
        "false finds": f"{sum(row['tracks'] > 0 for row in plain)} of {len(plain)}",
        "CPU s with overlay": sum(row["CPU s"] for row in shown) / max(1, len(shown)),
        "without": sum(row["CPU s"] for row in plain) / max(1, len(plain)),
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--matcher", nargs="+", default=list(MatcherKind), type=MatcherKind)
    parser.add_argument("--library", default="full")
    parser.add_argument("--templates", nargs="*", type=Path, default=[], help="folders of further templates")
    parser.add_argument("--json", type=Path, help="where to write all rows")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    tables = {}
    for name in arguments.matcher:
        matchers = choose_matchers(name)
        folders = (cached_library(arguments.library), *arguments.templates)
        for matcher in matchers:
            load_index(folders, matcher, CONFIG).words  # noqa: B018 - made once, not per video
        rows = []
        for video, truth in [item for folder in arguments.folders for item in true_overlays(folder).items()]:
            if row := row_of(video, truth, folders, matchers):
                rows.append(row)
                print(name, json.dumps(row), flush=True)
        show(f"{name}: {len(load_index(folders, matchers[0], CONFIG).templates)} templates", rows)
        tables[name] = rows
    show("Overlays found in whole videos", [summary(name, rows) for name, rows in tables.items()])
    if arguments.json:
        arguments.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
