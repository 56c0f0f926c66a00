from dataclasses import replace
from pathlib import Path

import numpy as np

from ops.benchmark_clips import PICTURES, TEMPLATES, plan_clips, write_clip
from ops.recordings import list_recordings
from ops.skins.procedural import make_skin
from ops.skins.template import load_library
from ops.video import iter_frames
from tests.factories.media import write_clip as write_footage

SKINS = [make_skin("ps4-flat-01"), make_skin("xbox_one-line-02")]


def test_a_plan_is_a_function_of_its_seed_with_one_clip_per_skin() -> None:
    plan = plan_clips(SKINS, [], 2.0, seed=3)
    assert plan == plan_clips(SKINS, [], 2.0, seed=3) != plan_clips(SKINS, [], 2.0, seed=4)
    assert [clip.skin_id for clip in plan] == [skin.skin_id for skin in SKINS]


def test_a_clip_is_a_recording_whose_truth_is_what_is_drawn(tmp_path: Path) -> None:
    clip = replace(plan_clips(SKINS, [], 0.5, seed=1)[0], width=640, height=360, overlay_px=220, fps=30, opacity=1.0)
    write_clip(clip, SKINS[0], None, tmp_path)
    (recording,) = list_recordings(tmp_path)
    frames = [frame for _, frame in iter_frames(recording.video)]
    assert len(frames) == recording.truth.num_frames == 15 and frames[0].shape == (360, 640, 3)
    assert recording.skin == "ps4-flat-01" and recording.family == "ps4" and recording.box is not None
    x, y, w, h = recording.box
    assert x >= 0 and y >= 0 and x + w <= 640 and y + h <= 360
    known, alone = (load_library(tmp_path / name)[0] for name in (TEMPLATES, PICTURES))
    assert known.controls and not alone.controls and alone.width == 640


def test_short_footage_is_shown_again(tmp_path: Path) -> None:
    footage = tmp_path / "game.mp4"
    write_footage(footage, num_frames=4)
    clip = replace(plan_clips(SKINS, [footage], 0.4, seed=1)[0], width=320, height=180, overlay_px=150, left=0, fps=30)
    assert clip.footage == "game"
    write_clip(clip, SKINS[0], footage, tmp_path / "out")
    frames = np.stack([frame for _, frame in iter_frames(tmp_path / "out" / f"{clip.name}.mp4")])
    assert len(frames) == 12
    beside = frames[:, :, 260:].astype(int)  # no overlay there
    assert np.abs(beside[4] - beside[0]).mean() < 6
