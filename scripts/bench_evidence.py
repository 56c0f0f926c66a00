"""Print how finds are judged: `scripts/bench_evidence.py FOLDER... --templates FOLDER...` (see `ops.overlay.evidence`).

The folders hold videos, with their truth beside them (see `ops.truth.recordings`) or without. Each video is searched
among the library's templates and those of `--templates`, then once more without its own skin, and without all skins of
its family. So every rival that then has enough keypoints is a wrong find. A find is right if it is of the skin that the
truth names and its box overlaps the true one.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
from bench import show
from bench_locate import true_overlays

from models.matchers.choice import choose_matchers
from models.matchers.library import cached_library
from ops.media.readers import sample_frames
from ops.outcomes import BadInputError
from ops.overlay.appearance import drawn_box
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.evidence import weigh
from ops.overlay.frames import SampledFrames
from ops.overlay.index import TemplateIndex
from ops.overlay.locate import search_places
from ops.skins.template import Template
from ops.stages.library import load_index
from ops.stages.steps import probe_video, run_here
from ops.truth.recordings import Recording

CONFIG = LocateConfig()
#: A find is at the true place if its box overlaps the true one by this much.
_RIGHT_IOU = 0.8


def only(index: TemplateIndex, wanted: Callable[[Template], bool]) -> TemplateIndex:
    """Return the index of those templates that are wanted."""
    rows = [row for row, template in enumerate(index.templates) if wanted(template)]
    parts = (tuple(part[row] for row in rows) for part in (index.templates, index.features, index.keys))
    return replace(index, **dict(zip(("templates", "features", "keys"), parts, strict=True)))


def judged(video: Path, truth: Recording | None, indices: Sequence[TemplateIndex]) -> list[dict[str, Any]]:
    """Return a row for each find of a video, right and wrong ones, each once."""
    try:
        height = probe_video(video, run_here).height
        frames = [frame for _, frame in sample_frames(video, CONFIG.num_frames, CONFIG.max_height, CONFIG.reader)]
    except BadInputError:
        return []
    sampled = SampledFrames(frames, CONFIG.frames_per_picture)
    libraries = [list(indices)]
    if truth is not None:
        own = truth.skin.replace(" ", "-")
        libraries.append([only(index, lambda template: template.template_id != own) for index in indices])
        libraries.append([only(index, lambda template: template.family != truth.family) for index in indices])
    rows: dict[str, dict[str, Any]] = {}
    for library in libraries:
        for found in search_places(sampled, library, CONFIG):
            name, evidence = found.template.template_id, weigh(found.template, found.affine, found.inliers, frames)
            box = [value * height / frames[0].shape[0] for value in drawn_box(found.template, found.affine)]
            overlap = box_iou(box, truth.box) if truth and truth.box else 0.0
            right = truth is not None and truth.skin.replace(" ", "-") == name and overlap >= _RIGHT_IOU
            rows.setdefault(
                name,
                {
                    "video": video.stem,
                    "taken for": name,
                    "right": right,
                    "IoU": overlap,
                    "inliers": evidence.inliers,
                    "look": evidence.look,
                    "inside": evidence.inside,
                    "score": evidence.score,
                    "stands": evidence.stands(CONFIG),
                    "correlation": found.score,
                },
            )
    return list(rows.values())


def summary(kind: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is usual of right or of wrong finds."""
    looks, older = ([row[name] for row in rows] for name in ("look", "correlation"))
    return {
        "finds": kind,
        "number": len(rows),
        "inliers": f"{min(row['inliers'] for row in rows)} to {max(row['inliers'] for row in rows)}",
        "correlation with the median": f"{min(older):.2f} to {max(older):.2f}",
        "look": f"{min(looks):.2f} to {max(looks):.2f}",
        "stand": sum(row["stands"] for row in rows),
    }


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--library", default="full")
    parser.add_argument("--templates", nargs="*", type=Path, default=[], help="folders of further templates")
    parser.add_argument("--json", type=Path, help="where to write all rows")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    folders = (cached_library(arguments.library), *arguments.templates)
    indices = [load_index(folders, matcher, CONFIG) for matcher in choose_matchers()]
    rows = []
    for video, truth in [item for folder in arguments.folders for item in true_overlays(folder).items()]:
        for row in judged(video, truth, indices):
            rows.append(row)
            print(json.dumps(row), flush=True)
    parted = {"right": [row for row in rows if row["right"]], "wrong": [row for row in rows if not row["right"]]}
    worst = sorted(parted["right"], key=lambda row: row["look"]) + sorted(parted["wrong"], key=lambda row: -row["look"])
    show("Right finds, the least alike first, then wrong ones, the most alike first", worst)
    show("Finds by their evidence", [summary(kind, found) for kind, found in parted.items() if found])
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
