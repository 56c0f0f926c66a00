"""Label one video file end to end: probe, locate, crop, read, refine, write. What `overplay label` calls per video."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.matchers.choice import choose_matchers
from models.matchers.library import with_controls
from ops.dataset.chunks import ChunkConfig, chunk_spans
from ops.drawing.preview import write_preview
from ops.gamepad import PadTrace
from ops.labels.delay import DelayConfig, delay_facts
from ops.labels.parse import read_spans
from ops.labels.reading import PredictorFor
from ops.labels.refine import RefineConfig, refine_spans
from ops.media.probe import VideoProbe, probe
from ops.media.sandbox import Limits, call
from ops.nitrogen.layout import ChunkSource, write_chunk
from ops.outcomes import Outcome
from ops.overlay.config import LocateConfig
from ops.overlay.crop import CropConfig, CropReport, crop_video
from ops.overlay.features import Matcher
from ops.overlay.tracks import Track, longest_within
from ops.skins.template import Template
from ops.stages.labels import LOCATE_LIMITS, crop_limits, locate_in, refine_span
from ops.store.layout import GAME_CLIP, GAMEPAD_CLIP
from ops.store.storage import to_json

REPORT, PREVIEW, ERROR = "report.json", "preview.mp4", "error.txt"
#: Of the report, what is null until it is known. The offset is how many frames after the overlay the game answers.
_FACTS = (
    "box", "template", "family", "inliers", "score", "tracks", "fps_mean", "num_frames",
    "offset_frames", "offset_interval", "offset_reason", "repeated_share",
)  # fmt: skip
#: Called with what is being done now.
Say = Callable[[str], None]


@dataclass(frozen=True)
class LabelJob:
    """How videos are labelled.

    Attributes:
        libraries: folders of templates, each searched in full.
        parser: gives the predictor for a template.
        preview: also write `preview.mp4`.
        matchers: find local features; their matches are pooled.
        locate: see `LocateConfig`.
        crop: see `CropConfig`.
        refine: see `RefineConfig`.
        delay: see `DelayConfig`.
    """

    libraries: tuple[Path, ...]
    parser: PredictorFor
    preview: bool = False
    matchers: tuple[Matcher, ...] = field(default_factory=choose_matchers)
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
        written = to_json(report)
        (folder / REPORT).write_bytes(written)
        return dict(json.loads(written))

    def _label(self, video: Path, folder: Path, facts: dict[str, Any], say: Say) -> None:
        _remove_labels(folder)  # until the new report is written, the folder is not done
        say("probing")
        probed = call(probe, video)
        facts |= {"fps_mean": round(probed.fps_mean, 4), "num_frames": probed.num_frames}
        say("looking for the overlay")
        tracks = self._locate(video, probed)
        main = max((track for track in tracks if track.overlay == 0), key=lambda track: track.stop_s - track.start_s)
        facts |= {"box": list(main.box), "template": main.template_id, "family": main.family}
        facts |= {"inliers": main.inliers, "score": main.score, "tracks": [asdict(track) for track in tracks]}
        templates = {track.template_id: self._template(track.template_id) for track in tracks}
        with tempfile.TemporaryDirectory(prefix="overplay-label-") as scratch:
            say("cropping")
            limits = crop_limits(probed.duration_s)
            report: CropReport = call(crop_video, video, Path(scratch), tracks, templates, self.crop, limits=limits)
            facts["num_frames"] = report.num_frames
            say("reading")
            raw = read_spans(Path(scratch) / GAMEPAD_CLIP, report.pts_s, report.spans, templates, self.parser)
            processed = refine_spans(raw, [refine_span(span, templates) for span in report.spans], self.refine)
            say("looking for the game's answer")
            facts |= call(delay_facts, Path(scratch) / GAME_CLIP, processed, self.delay)
        read = [track for track in tracks if track.overlay == 0]
        self._write(video, folder, probed, read, raw, processed)
        if self.preview:
            say("drawing the preview")
            limits = Limits(wall_s=300 + 60 * probed.duration_s, cpu_s=120 + 30 * probed.duration_s)
            call(write_preview, video, folder / PREVIEW, tracks, processed, limits=limits)

    def _locate(self, video: Path, probed: VideoProbe) -> Sequence[Track]:
        tracks: Sequence[Track] = call(
            locate_in, video, self.libraries, self.matchers, self.locate, probed.duration_s, probed.height,
            limits=LOCATE_LIMITS,
        )  # fmt: skip
        return tracks

    def _template(self, template_id: str) -> Template:
        """Return a template of the libraries."""
        files = [folder / f"{template_id}.png" for folder in self.libraries]
        return with_controls(Template.load(next(file for file in files if file.exists())))

    def _write(
        self, video: Path, folder: Path, probed: VideoProbe, tracks: Sequence[Track], raw: PadTrace, processed: PadTrace
    ) -> None:
        clipped = PadTrace(raw.pts_s, raw.buttons, np.clip(raw.sticks, -1, 1), raw.confidence)
        for span in chunk_spans(raw.pts_s, ChunkConfig().chunk_s):
            track = longest_within(tracks, span.start_s, span.stop_s)
            source = ChunkSource(
                video.stem, probed.width, probed.height, "", "local", "other", track.family, tuple(track.box)
            )
            write_chunk(folder, source, span, clipped, processed)


def _remove_labels(folder: Path) -> None:
    """Remove what labelling wrote before, the report first; other files stay."""
    for name in (REPORT, PREVIEW, ERROR):
        (folder / name).unlink(missing_ok=True)
    for chunk in folder.iterdir():
        if chunk.is_dir() and chunk.name.startswith(f"{folder.name}_chunk_"):
            shutil.rmtree(chunk)
