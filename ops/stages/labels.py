"""The stages `overlay/crops -> labels/raw_actions -> labels/actions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ops.labels import delay, refine
from ops.labels.delay import DelayConfig
from ops.labels.reading import PredictorFor
from ops.labels.refine import RefineConfig, RefineSpan, label_quality
from ops.outcomes import Outcome
from ops.overlay.crop import CropSpan
from ops.stages.library import Library, local_library
from ops.stages.steps import estimate_offset, read_raw, refine_labels, refine_spans_of
from ops.store.batch import Work
from ops.store.layout import ACTION_TABLE, CROPS, FRAME_TABLE, GAME_CLIP, GAMEPAD_CLIP, RAW_ACTIONS
from ops.store.tables import table_to_trace, trace_to_table

#: Of `labels/actions`: refining and the delay both shape what is stored.
ACTIONS_VERSION = f"{refine.VERSION}-{delay.VERSION}"


@dataclass(frozen=True)
class ReadActions:
    """Read one video's pad state, frame by frame.

    Attributes:
        library: key of the template library's folder.
        content: the library's hash.
        open_parser: makes the parser in the worker (picklable; cached by whoever gives it).
    """

    library: str
    content: str
    open_parser: Callable[[], PredictorFor]

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Return facts of the raw labels, and the hash of their table."""
        data = work.unit.outcome.data
        spans = [CropSpan(**record) for record in data["gamepad"]["spans"]]
        templates = Library((local_library(work.store, self.library, self.content),)).templates(spans)
        pts_s = work.store.read_table(work.sibling(CROPS, FRAME_TABLE))["pts_s"].to_numpy()
        with work.store.reading(work.sibling(CROPS, GAMEPAD_CLIP)) as clip:
            damaged = [(start, stop) for start, stop in data["damaged"]]
            raw = read_raw(clip, pts_s, spans, templates, self.open_parser(), damaged)
        outcome = Outcome.ok(
            num_frames=raw.num_frames,
            template_id=data["template_id"],
            family=data["family"],
            spans=[span._asdict() for span in refine_spans_of(spans, templates)],
            quality=label_quality(raw),
        )
        return outcome, {ACTION_TABLE: work.write_table(ACTION_TABLE, trace_to_table(raw))}


@dataclass(frozen=True)
class RefineActions:
    """Clean one video's labels, and estimate the delay between overlay and game.

    Attributes:
        config: see `RefineConfig`.
        delay: see `DelayConfig`.
    """

    config: RefineConfig = field(default_factory=RefineConfig)
    delay: DelayConfig = field(default_factory=DelayConfig)

    def __call__(self, work: Work) -> tuple[Outcome, dict[str, str]]:
        """Return facts of the labels and the delay, and the hash of the labels' table."""
        data = work.unit.outcome.data
        raw = table_to_trace(work.store.read_table(work.sibling(RAW_ACTIONS, ACTION_TABLE)))
        labels = refine_labels(raw, [RefineSpan(**record) for record in data["spans"]], self.config)
        with work.store.reading(work.sibling(CROPS, GAME_CLIP)) as game:
            facts = estimate_offset(game, labels, self.delay)
        outcome = Outcome.ok(
            num_frames=labels.num_frames,
            template_id=data["template_id"],
            family=data["family"],
            active_share=round(float(labels.active().mean()), 6),
            quality=label_quality(labels),
            **facts,
        )
        return outcome, {ACTION_TABLE: work.write_table(ACTION_TABLE, trace_to_table(labels))}
