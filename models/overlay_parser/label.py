"""Label one video file end to end: probe, locate, crop, read, refine, write. What `overplay label` calls per video."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.matchers.library import with_controls
from models.matchers.sift import SiftMatcher
from ops.chunks import ChunkConfig, chunk_spans
from ops.crop import GAME_CLIP, GAMEPAD_CLIP, CropConfig, CropReport, crop_video
from ops.delay import DelayConfig, estimate_delay, measure_motion
from ops.features import Matcher
from ops.gamepad import STICKS, PadTrace
from ops.locate import LocateConfig, Track
from ops.nitrogen_layout import ChunkSource, write_chunk
from ops.outcomes import Outcome
from ops.parse import Predictor, read_clip
from ops.preview import write_preview
from ops.probe import VideoProbe, probe
from ops.refine import RefineConfig, refine
from ops.sandbox import Limits, call
from ops.skins.template import Template
from ops.storage import to_json
from ops.video_stages import LOCATE_LIMITS, crop_limits, locate_in

REPORT, PREVIEW, ERROR = "report.json", "preview.mp4", "error.txt"
#: Of the report, what is null until it is known. The offset is how many frames after the overlay the game answers.
_FACTS = (
    "box", "template", "family", "inliers", "score", "fps_mean", "num_frames",
    "offset_frames", "offset_interval", "offset_reason",
)  # fmt: skip
#: Called with what is being done now.
Say = Callable[[str], None]


@dataclass(frozen=True)
class LabelJob:
    """How videos are labelled.

    Attributes:
        libraries: folders of templates, each searched in full.
        predict: the parser.
        preview: also write `preview.mp4`.
        matcher: finds local features.
        locate: see `LocateConfig`.
        crop: see `CropConfig`.
        refine: see `RefineConfig`.
        delay: see `DelayConfig`.
    """

    libraries: tuple[Path, ...]
    predict: Predictor
    preview: bool = False
    matcher: Matcher = field(default_factory=SiftMatcher)
    locate: LocateConfig = field(default_factory=LocateConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)
    delay: DelayConfig = field(default_factory=DelayConfig)

    def run(self, video: Path, out: Path, say: Say = lambda _: None) -> dict[str, Any]:
        """Label a video into `out/<stem>/`; return what `report.json` there holds. Never raises for a bad video."""
        started = time.monotonic()
        folder = out / video.stem
        folder.mkdir(parents=True, exist_ok=True)
        facts: dict[str, Any] = dict.fromkeys(_FACTS)
        try:
            self._label(video, folder, facts, say)
            outcome = Outcome.ok()
        except Exception as error:  # whatever goes wrong with one video is that video's outcome
            outcome = Outcome.from_exception(error)
        report = {"video_id": video.stem, "outcome": outcome.kind, "reason": outcome.reason, **facts}
        report["wall_s"] = round(time.monotonic() - started, 3)
        if outcome.error:
            (folder / ERROR).write_text(outcome.error)
        (folder / REPORT).write_bytes(to_json(report))
        return report

    def _label(self, video: Path, folder: Path, facts: dict[str, Any], say: Say) -> None:
        _remove_labels(folder)  # until the new report is written, the folder is not done
        say("probing")
        probed = call(probe, video)
        facts |= {"fps_mean": round(probed.fps_mean, 4), "num_frames": probed.num_frames}
        say("looking for the overlay")
        track = self._locate(video, probed)
        facts |= {"box": list(track.box), "template": track.template_id, "family": track.family}
        facts |= {"inliers": track.inliers, "score": track.score}
        template = self._template(track.template_id)
        with tempfile.TemporaryDirectory(prefix="overplay-label-") as scratch:
            say("cropping")
            limits = crop_limits(probed.duration_s)
            report: CropReport = call(crop_video, video, Path(scratch), track, template, self.crop, limits=limits)
            facts["num_frames"] = report.num_frames
            say("reading")
            affine = np.array(report.affine)
            raw = read_clip(Path(scratch) / GAMEPAD_CLIP, report.pts_s, template, affine, self.predict)
            known_travel = all(template.controls[stick].travel > 0 for stick in STICKS if stick in template.controls)
            processed = refine(raw, known_travel, self.refine)
            say("looking for the game's answer")
            facts |= self._delay(Path(scratch) / GAME_CLIP, processed)
        self._write(video, folder, probed, track, raw, processed)
        if self.preview:
            say("drawing the preview")
            limits = Limits(wall_s=300 + 60 * probed.duration_s, cpu_s=120 + 30 * probed.duration_s)
            call(write_preview, video, folder / PREVIEW, track.box, processed, limits=limits)

    def _delay(self, game: Path, processed: PadTrace) -> dict[str, Any]:
        """Return what the report says of the frames between the overlay and the game's answer."""
        delay = estimate_delay(processed, call(measure_motion, game), self.delay)
        interval = None if delay.frames is None else [delay.low, delay.high]
        return {"offset_frames": delay.frames, "offset_interval": interval, "offset_reason": delay.reason or None}

    def _locate(self, video: Path, probed: VideoProbe) -> Track:
        tracks: Sequence[Track] = call(
            locate_in, video, self.libraries, self.matcher, self.locate, probed.duration_s, probed.height,
            limits=LOCATE_LIMITS,
        )  # fmt: skip
        return tracks[0]

    def _template(self, template_id: str) -> Template:
        """Return a template of the libraries."""
        files = [folder / f"{template_id}.png" for folder in self.libraries]
        return with_controls(Template.load(next(file for file in files if file.exists())))

    def _write(
        self, video: Path, folder: Path, probed: VideoProbe, track: Track, raw: PadTrace, processed: PadTrace
    ) -> None:
        source = ChunkSource(
            video.stem, probed.width, probed.height, "", "local", "other", track.family, tuple(track.box)
        )
        clipped = PadTrace(raw.pts_s, raw.buttons, np.clip(raw.sticks, -1, 1), raw.confidence)
        for span in chunk_spans(raw.pts_s, ChunkConfig().chunk_s):
            write_chunk(folder, source, span, clipped, processed)


def _remove_labels(folder: Path) -> None:
    """Remove what labelling wrote before, the report first; other files stay."""
    for name in (REPORT, PREVIEW, ERROR):
        (folder / name).unlink(missing_ok=True)
    for chunk in folder.iterdir():
        if chunk.is_dir() and chunk.name.startswith(f"{folder.name}_chunk_"):
            shutil.rmtree(chunk)
