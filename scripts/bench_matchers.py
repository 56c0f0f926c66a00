"""Print how well SIFT, XFeat and both find overlays of a known template: `scripts/bench_matchers.py` (half an hour).

Clips are drawn with skins that no training saw: procedural variants below 100, or imported ones (`--skins`). They are
of several widths and opacities, on drawn scenes or game videos (`--footage`), through H.264. A find is a place that 20
keypoints or more agree on, with a box that overlaps the true one by half. False finds are of the same templates where
there is no overlay.
"""

from __future__ import annotations

import argparse
import itertools
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from bench import show

from models.matchers.sift import SiftMatcher
from models.matchers.xfeat import SHIPPED, XFeatMatcher
from ops.overlay.appearance import drawn_box
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.features import Features, Matcher, pooled_matches
from ops.overlay.fit import fit_place
from ops.overlay.index import TemplateIndex
from ops.skins.families import FAMILIES
from ops.skins.files import load_skin
from ops.skins.form import Skin, SkinRenderer
from ops.skins.procedural import STYLES, make_skin
from ops.skins.template import Pixels
from ops.truth.degradation import through_h264
from ops.truth.synthesize import Background, footage_background, make_pad_trace, procedural_background
from training.parser.data import load_footage

#: Widths of overlays in pixels.
WIDTHS = (150, 200, 280, 400)
#: Opacities of overlays.
OPACITIES = (1.0, 0.75, 0.5)
#: Height and width of frames.
_SIZE = (720, 1280)
#: Frames of a clip, all of which are looked at.
_NUM_FRAMES = 4
#: Frames of each game video that are kept as scenes.
_MAX_FOOTAGE = 60
#: Least distance of an overlay from the edges, in pixels.
_RIM_PX = 10
#: Rate factors of H.264, the last one left out.
_CRF = (20, 31)
#: A find is right if its box overlaps the true one by this much.
_RIGHT_IOU = 0.5
CONFIG = LocateConfig()
_WAYS = ("SIFT", "XFeat", "both")


def draw_frames(rng: np.random.Generator, skin: Skin | None, width: int, opacity: float, scene: Background) -> Any:
    """Return (frames after H.264, box or None)."""
    frames = scene(rng, _NUM_FRAMES, *_SIZE)
    box = None
    if skin is not None:
        x = float(rng.uniform(_RIM_PX, _SIZE[1] - width - _RIM_PX))
        y = float(rng.uniform(_RIM_PX, max(_RIM_PX + 1, _SIZE[0] - skin.height * width / skin.width - _RIM_PX)))
        renderer = SkinRenderer(skin, width, x, y, opacity)
        for frame, *pad in zip(frames, *make_pad_trace(rng, _NUM_FRAMES), strict=True):
            renderer.draw(frame, *pad)
        box = renderer.box
    return through_h264(frames, int(rng.integers(*_CRF))), box


def describe(frames: Pixels, matchers: dict[str, Matcher]) -> dict[str, list[Features]]:
    """Return the features of each frame by matcher."""
    grays = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in frames]
    return {name: [matcher.describe(gray) for gray in grays] for name, matcher in matchers.items()}


def find(index: dict[str, TemplateIndex], number: int, described: dict[str, list[Features]]) -> dict[str, Any]:
    """Return, by way, (inliers, box) of a template in frames, matches of all frames pooled."""
    matches = {
        name: pooled_matches(index[name].features[number], features, CONFIG.ratio)
        for name, features in described.items()
    }
    matches["both"] = tuple(np.concatenate(parts) for parts in zip(*matches.values(), strict=True))
    found: dict[str, Any] = {}
    for way, (source, target) in matches.items():
        place = fit_place(source, target, CONFIG)
        found[way] = (place[1], drawn_box(index["SIFT"].templates[number], place[0])) if place else (0, None)
    return found


class Bench:
    """Skins, scenes and matchers of a run."""

    def __init__(self, skins: list[Skin], scenes: list[Background], weights: Path) -> None:
        self.skins, self.scenes = skins, scenes
        self.matchers: dict[str, Matcher] = {"SIFT": SiftMatcher(), "XFeat": XFeatMatcher(weights)}
        templates = [skin.template() for skin in skins]
        self.index = {name: TemplateIndex.build(templates, matcher, CONFIG) for name, matcher in self.matchers.items()}
        self.rng = np.random.default_rng(0)

    def recall(self, num_clips: int) -> None:
        """Print recall by width and opacity."""
        hits: dict[tuple[int, float, str], list[bool]] = defaultdict(list)
        inliers: dict[tuple[int, float, str], list[int]] = defaultdict(list)
        for number, width, opacity in itertools.product(range(num_clips), WIDTHS, OPACITIES):
            chosen = int(self.rng.integers(len(self.skins)))
            scene = self.scenes[number % len(self.scenes)]
            frames, box = draw_frames(self.rng, self.skins[chosen], width, opacity, scene)
            for way, (count, place) in find(self.index, chosen, describe(frames, self.matchers)).items():
                sure = count >= CONFIG.min_inliers and place is not None and box_iou(place, box) > _RIGHT_IOU
                hits[width, opacity, way].append(sure)
                inliers[width, opacity, way].append(count)
        rows: list[dict[str, Any]] = []
        for width, opacity in itertools.product(WIDTHS, OPACITIES):
            row: dict[str, Any] = {"width": width, "opacity": opacity}
            for way in _WAYS:
                row[way] = f"{np.mean(hits[width, opacity, way]):.2f}"
                row[f"{way}: inliers"] = int(np.median(inliers[width, opacity, way]))
            rows.append(row)
        whole = {
            way: f"{np.mean([hit for key, found in hits.items() if key[2] == way for hit in found]):.2f}"
            for way in _WAYS
        }
        rows.append(dict.fromkeys(rows[0], "") | {"width": "all"} | whole)
        title = f"Recall at {CONFIG.min_inliers} inliers, {_NUM_FRAMES} frames pooled, {num_clips} clips a row"
        show(f"{title}, {len(self.skins)} skins", rows)

    def false_finds(self, num_clips: int) -> None:
        """Print how often a template is found where there is none."""
        false: dict[str, list[bool]] = defaultdict(list)
        for number in range(num_clips):
            frames, _ = draw_frames(self.rng, None, 0, 1.0, self.scenes[number % len(self.scenes)])
            described = describe(frames, self.matchers)
            for chosen in range(len(self.skins)):
                for way, (count, _) in find(self.index, chosen, described).items():
                    false[way].append(count >= CONFIG.min_inliers)
        show("False finds without an overlay", [{way: f"{sum(false[way])} of {len(false[way])}" for way in _WAYS}])


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--skins", type=Path, help="imported skins in place of procedural ones")
    parser.add_argument("--names", nargs="*", help="of imported skins")
    parser.add_argument("--footage", type=Path, help="game videos for half of the clips")
    parser.add_argument("--clips", type=int, default=8, help="per width and opacity")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if arguments.skins:
        skins = [load_skin(arguments.skins / name) for name in arguments.names]
    else:
        skins = [make_skin(f"{family}-{style}-01") for family in FAMILIES for style in STYLES]
    scenes: list[Background] = [procedural_background]
    if arguments.footage:
        scenes.append(footage_background(load_footage(arguments.footage, max_height=_SIZE[0], max_frames=_MAX_FOOTAGE)))
    bench = Bench(skins, scenes, arguments.weights)
    bench.recall(arguments.clips)
    bench.false_finds(2 * arguments.clips)


if __name__ == "__main__":
    main()
