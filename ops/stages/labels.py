"""The stages between a downloaded video and its labels, each a picklable function of one video for `run_batch`.

locate -> crop -> read -> refine. What outside files hold is decoded in the sandbox; our own clips are not.
"""

from __future__ import annotations

import operator
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache, reduce
from pathlib import Path

from ops.gamepad import STICKS
from ops.labels.delay import DelayConfig, delay_facts
from ops.labels.parse import read_spans
from ops.labels.reading import PredictorFor
from ops.labels.refine import RefineConfig, RefineSpan, label_quality, refine_spans
from ops.media.sandbox import Limits, call
from ops.outcomes import Outcome
from ops.overlay.config import LocateConfig
from ops.overlay.crop import CropConfig, CropReport, CropSpan, crop_data, crop_video
from ops.overlay.features import Matcher
from ops.overlay.index import TemplateIndex
from ops.overlay.tracks import Track, locate_video, track_from
from ops.skins.template import Template
from ops.store.batch import Work
from ops.store.layout import (
    ACTION_TABLE,
    CROPS,
    FRAME_TABLE,
    GAME_CLIP,
    GAMEPAD_CLIP,
    RAW_ACTIONS,
    VIDEOS,
)
from ops.store.storage import Store, sha256_file
from ops.store.tables import table_to_trace, trace_to_table

LOCATE_LIMITS = Limits(wall_s=900.0, cpu_s=300.0, memory_bytes=4 << 30)


def crop_limits(duration_s: float) -> Limits:
    """Return what a crop pass may use: ten times what a 1080p60 video of this length takes on one core."""
    return Limits(wall_s=300 + 20 * duration_s, cpu_s=120 + 10 * duration_s, memory_bytes=3 << 30)


@lru_cache(maxsize=4)
def local_library(store: Store, key: str, content: str) -> Path:
    """Return a local folder with a template library of the store; `content` is its hash, for the cache."""
    if store.is_local:
        return Path(store.uri(key))
    folder = Path(tempfile.mkdtemp(prefix=f"overplay-templates-{content[:12]}-"))
    for name in store.list(key):
        (folder / name.rsplit("/", 1)[-1]).write_bytes(store.read_bytes(name))
    return folder


@lru_cache(maxsize=8)
def _index(folders: tuple[Path, ...], stamps: tuple[int, ...], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
    indices = [TemplateIndex.load(folder, matcher, config) for folder in folders]
    return reduce(operator.add, indices)


def load_index(folders: tuple[Path, ...], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
    """Return the index of the libraries in folders together, kept for the next call of this process."""
    return _index(folders, tuple(folder.stat().st_mtime_ns for folder in folders), matcher, config)


def locate_in(
    path: Path,
    folders: tuple[Path, ...],
    matchers: tuple[Matcher, ...],
    config: LocateConfig,
    duration_s: float,
    height: int,
) -> list[Track]:
    """Return the overlays of a video by the templates in folders (see `locate_video`); runs in the sandbox."""
    indices = [load_index(folders, matcher, config) for matcher in matchers]
    return locate_video(path, indices, config, duration_s, height)


@dataclass(frozen=True)
class LocateVideo:
    """raw/videos -> overlay/locations.

    Attributes:
        matchers: find local features; their matches are pooled.
        library: key of the template library's folder.
        content: the library's hash.
        config: see `LocateConfig`.
    """

    matchers: tuple[Matcher, ...]
    library: str
    content: str
    config: LocateConfig = field(default_factory=LocateConfig)

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Find the overlay of one video."""
        probe = work.unit.outcome.data["probe"]
        folder = local_library(work.store, self.library, self.content)
        with work.store.reading(work.sibling(VIDEOS, work.unit.outcome.data["path"])) as path:
            tracks = call(
                locate_in, path, (folder,), self.matchers, self.config, probe["duration_s"], probe["height"],
                limits=LOCATE_LIMITS,
            )  # fmt: skip
        return Outcome.ok(tracks=[asdict(track) for track in tracks], video=work.unit.outcome.data["path"]), {}


@dataclass(frozen=True)
class CropVideo:
    """overlay/locations -> overlay/crops.

    Attributes:
        library: key of the template library's folder.
        content: the library's hash.
        config: see `CropConfig`.
    """

    library: str
    content: str
    config: CropConfig = field(default_factory=CropConfig)

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Write the small clips of one video."""
        data = work.unit.outcome.data
        tracks = [track_from(record) for record in data["tracks"]]
        templates = _templates(local_library(work.store, self.library, self.content), tracks)
        with (
            work.store.reading(work.sibling(VIDEOS, data["video"])) as path,
            tempfile.TemporaryDirectory(prefix="overplay-crop-") as scratch,
        ):
            limits = crop_limits(max(track.stop_s for track in tracks))
            report = call(crop_video, path, Path(scratch), tracks, templates, self.config, limits=limits)
            files = {}
            for name in (GAMEPAD_CLIP, GAME_CLIP):
                files[name] = sha256_file(Path(scratch) / name)
                work.store.write_bytes(work.key(name), (Path(scratch) / name).read_bytes())
        files[FRAME_TABLE] = _write_times(work, report)
        return Outcome.ok(**crop_data(report, tracks, self.config)), files


def _write_times(work: Work, report: CropReport) -> str:
    import pyarrow as pa

    work.store.write_table(work.key(FRAME_TABLE), pa.table({"pts_s": report.pts_s}))
    with work.store.reading(work.key(FRAME_TABLE)) as path:
        return sha256_file(path)


@lru_cache(maxsize=64)
def _template(folder: Path, template_id: str) -> Template:
    return Template.load(folder / f"{template_id}.png")


def _templates(folder: Path, found: Iterable[Track | CropSpan]) -> dict[str, Template]:
    return {item.template_id: _template(folder, item.template_id) for item in found}


@dataclass(frozen=True)
class ReadActions:
    """overlay/crops -> labels/raw_actions.

    Attributes:
        library: key of the template library's folder.
        content: the library's hash.
        open_parser: makes the parser in the worker (picklable; cached by whoever gives it).
    """

    library: str
    content: str
    open_parser: Callable[[], PredictorFor]

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Read one video's pad state, frame by frame."""
        data = work.unit.outcome.data
        spans = [CropSpan(**record) for record in data["gamepad"]["spans"]]
        templates = _templates(local_library(work.store, self.library, self.content), spans)
        pts_s = work.store.read_table(work.sibling(CROPS, FRAME_TABLE))["pts_s"].to_numpy()
        with work.store.reading(work.sibling(CROPS, GAMEPAD_CLIP)) as clip:
            raw = read_spans(clip, pts_s, spans, templates, self.open_parser())
        outcome = Outcome.ok(
            num_frames=raw.num_frames,
            template_id=data["template_id"],
            family=data["family"],
            spans=[refine_span(span, templates)._asdict() for span in spans],
            quality=label_quality(raw),
        )
        return outcome, {ACTION_TABLE: work.write_table(ACTION_TABLE, trace_to_table(raw))}


@dataclass(frozen=True)
class RefineActions:
    """labels/raw_actions -> labels/actions.

    Attributes:
        config: see `RefineConfig`.
        delay: see `DelayConfig`.
    """

    config: RefineConfig = field(default_factory=RefineConfig)
    delay: DelayConfig = field(default_factory=DelayConfig)

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Clean one video's labels."""
        data = work.unit.outcome.data
        raw = table_to_trace(work.store.read_table(work.sibling(RAW_ACTIONS, ACTION_TABLE)))
        trace = refine_spans(raw, [RefineSpan(**record) for record in data["spans"]], self.config)
        with work.store.reading(work.sibling(CROPS, GAME_CLIP)) as game:
            delay = delay_facts(game, trace, self.delay)
        outcome = Outcome.ok(
            num_frames=trace.num_frames,
            template_id=data["template_id"],
            family=data["family"],
            active_share=round(float(trace.active().mean()), 6),
            quality=label_quality(trace),
            **delay,
        )
        return outcome, {ACTION_TABLE: work.write_table(ACTION_TABLE, trace_to_table(trace))}


def refine_span(span: CropSpan, templates: Mapping[str, Template]) -> RefineSpan:
    """Return what refining needs to know of a span that was read."""
    template, scale = templates[span.template_id], span.affine[0][0]
    areas = [template.controls.get(stick) for stick in STICKS]
    travel_px = [scale * area.travel if area is not None else 0.0 for area in areas]
    return RefineSpan(span.start, span.stop, template.known_travel, travel_px)
