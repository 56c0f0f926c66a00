"""How well a parser reads: per family on synthetic clips of designs it never saw, and on recordings with their truth.

Workers and commands import this module, so it does not know Dagster.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ops.gamepad import PadTrace
from ops.scores import LabelScores, score_trace
from ops.tables import table_to_trace

Row = dict[str, Any]
#: The first variant of each style is in the template library, and never in the training stream.
_VARIANT = "01"


def score_families(checkpoint: Path, num_clips: int, seed: int) -> list[Row]:
    """Return a row per skin family, then one for all: scores of a parser on synthetic clips.

    Args:
        checkpoint: the parser's folder.
        num_clips: per family and style.
        seed: of the clips.
    """
    from models.overlay_parser.checkpoint import load_predictor
    from ops.skins.families import FAMILIES
    from ops.skins.procedural import STYLES

    predict = load_predictor(checkpoint)
    rows, pooled = [], LabelScores.none()
    for number, family in enumerate(FAMILIES):
        rng = np.random.default_rng((seed, number))
        skins = [f"{family}-{style}-{_VARIANT}" for style in STYLES for _ in range(num_clips)]
        scores = sum((_score_clip(predict, skin, rng) for skin in skins), start=LabelScores.none())
        rows.append({"family": family, **scores.to_dict()})
        pooled = pooled + scores
    return [*rows, {"family": "all", **pooled.to_dict()}]


def _score_clip(predict: Callable[..., Any], skin_id: str, rng: np.random.Generator) -> LabelScores:
    from ops.parse import Reading, reading_to_trace
    from ops.skins.procedural import make_skin
    from ops.synthesize import SynthesisConfig, procedural_background
    from training.parser_data import clip_pairs

    skin = make_skin(skin_id)
    pairs, reference, buttons, places = clip_pairs(rng, skin, procedural_background, SynthesisConfig())
    template, pts_s = skin.template(), np.arange(len(pairs)) / 30
    sure = np.ones(places.shape[:2], dtype=np.float32)
    truth = reading_to_trace(Reading(buttons, places, sure), template, pts_s)
    return score_trace(reading_to_trace(predict(pairs, reference[0]), template, pts_s), truth)


def score_recordings(folder: Path, checkpoint: Path, out: Path, say: Callable[[str], None]) -> list[Row]:
    """Return a row per recording and one for all: labels made from `<name>.mp4` against the truth in `<name>.parquet`.

    Args:
        folder: recordings as `overplay record` writes them.
        checkpoint: the parser's folder.
        out: for the labels.
        say: hears what is being done.

    Raises:
        FileNotFoundError: the folder has no recording.
    """
    import pyarrow.parquet as pq

    from models.matchers.library import cached_library
    from models.overlay_parser.checkpoint import load_predictor
    from models.overlay_parser.label import LabelJob

    videos = [video for video in sorted(folder.glob("*.mp4")) if video.with_suffix(".parquet").exists()]
    if not videos:
        raise FileNotFoundError(f"no recording in {folder}: expected <name>.mp4 with its truth in <name>.parquet")
    job = LabelJob((cached_library(),), load_predictor(checkpoint))
    rows, pooled = [], LabelScores.none()
    for video in videos:
        report = job.run(video, out, lambda doing, name=video.stem: say(f"{name}: {doing}"))
        row: Row = {
            "recording": video.stem,
            "outcome": report["outcome"],
            **dict.fromkeys(LabelScores.none().to_dict()),
        }
        if report["outcome"] == "ok":
            scores = score_trace(
                read_labels(out / video.stem), table_to_trace(pq.read_table(video.with_suffix(".parquet")))
            )
            pooled = pooled + scores
            row |= scores.to_dict()
        rows.append({**row, "reason": report["reason"]})
    return [*rows, {"recording": "all", "outcome": "", **pooled.to_dict(), "reason": ""}]


def read_labels(folder: Path) -> PadTrace:
    """Return the processed labels that `overplay label` wrote for a video, all chunks in order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    chunks = sorted(folder.glob("*_chunk_*/actions_processed.parquet"))
    return table_to_trace(pa.concat_tables([pq.read_table(chunk) for chunk in chunks]))
