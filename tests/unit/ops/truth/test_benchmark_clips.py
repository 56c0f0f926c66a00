from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.media.readers import iter_frames
from ops.skins.procedural import CORE, make_skin, skin_ids
from ops.skins.template import load_library
from ops.truth.benchmark_clips import CHANGES, HARD, PICTURES, TEMPLATES, BenchmarkClip, plan_clips, write_clip
from ops.truth.recordings import list_recordings
from tests.factories.media import write_clip as write_footage
from training.parser.skins import FIRST_TRAINING_VARIANT

SKINS = [make_skin("ps4-flat-01"), make_skin("xbox_one-line-02")]
KNOWN = {skin.skin_id: skin for skin in SKINS}


def _small(clip: BenchmarkClip) -> BenchmarkClip:
    showings = tuple(replace(showing, overlay_px=220, opacity=1.0) for showing in clip.showings)
    return replace(clip, width=640, height=360, fps=30, showings=showings)


def test_a_plan_is_a_function_of_its_seed_with_one_clip_per_skin() -> None:
    plan = plan_clips(SKINS, [], 2.0, seed=3)
    assert plan == plan_clips(SKINS, [], 2.0, seed=3) != plan_clips(SKINS, [], 2.0, seed=4)
    assert [clip.skin_id for clip in plan] == [skin.skin_id for skin in SKINS]


def test_a_clip_is_a_recording_whose_truth_is_what_is_drawn(tmp_path: Path) -> None:
    clip = _small(plan_clips(SKINS, [], 0.5, seed=1)[0])
    write_clip(clip, KNOWN, None, tmp_path)
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
    clip = plan_clips(SKINS, [footage], 0.4, seed=1)[0]
    showings = (replace(clip.showings[0], overlay_px=150, left=0),)
    clip = replace(clip, width=320, height=180, fps=30, showings=showings)
    assert clip.footage == "game"
    write_clip(clip, KNOWN, footage, tmp_path / "out")
    frames = np.stack([frame for _, frame in iter_frames(tmp_path / "out" / f"{clip.name}.mp4")])
    assert len(frames) == 12
    beside = frames[:, :, 260:].astype(int)  # no overlay there
    assert np.abs(beside[4] - beside[0]).mean() < 6


def test_the_skins_that_clips_are_made_of_are_none_that_training_draws() -> None:
    assert all(int(skin_id.rsplit("-", 1)[1]) < FIRST_TRAINING_VARIANT for skin_id in skin_ids(CORE))


@pytest.mark.parametrize("kind", CHANGES)
def test_what_changes_is_in_the_truth_and_in_the_picture(kind: str, tmp_path: Path) -> None:
    clip = _small(plan_clips(SKINS, [], 2.0, seed=2, kinds=[kind])[0])
    write_clip(clip, KNOWN, None, tmp_path)
    (recording,) = list_recordings(tmp_path)
    assert len(recording.spans) == {"late": 1, "gone": 1}.get(kind, 2)
    starts, stops = zip(*((span.start_s, span.stop_s) for span in recording.spans), strict=True)
    assert (min(starts) > 0) == (kind == "late") and (max(stops) < 2) == (kind == "gone")
    shown = np.zeros(60, dtype=bool)
    for showing in clip.showings:
        if showing.overlay == 0:
            shown[round(showing.start_s * 30) : round(showing.stop_s * 30)] = True
    np.testing.assert_array_equal(np.isfinite(recording.truth.buttons).any(axis=1), shown)
    plain = replace(clip, name="plain", showings=tuple(replace(showing, stop_s=0.0) for showing in clip.showings))
    write_clip(plain, KNOWN, None, tmp_path / "plain")
    frames, empty = (
        np.stack([frame for _, frame in iter_frames(path)]).astype(int)
        for path in (recording.video, tmp_path / "plain" / "plain.mp4")
    )
    times, ever = np.arange(60) / 30 + 1e-6, np.zeros(60, dtype=bool)
    for span in recording.spans:
        ever |= (times >= span.start_s) & (times < span.stop_s)
    for span in recording.spans:
        x, y, w, h = (round(value) for value in span.box)
        differs = np.abs(frames - empty)[:, y : y + h, x : x + w].mean(axis=(1, 2, 3))
        inside = (times >= span.start_s) & (times < span.stop_s)
        outside = ~ever if kind in ("away", "resized") else ~inside  # there two spans share a place
        assert differs[inside].min() > 2 * differs[outside].max(initial=1.0)


@pytest.mark.parametrize("kind", HARD)
def test_a_hard_clip_is_at_720p_and_its_template_is_what_it_draws(kind: str, tmp_path: Path) -> None:
    (clip, _) = plan_clips(SKINS, [], 0.1, seed=2, kinds=[kind])
    (showing,) = clip.showings
    assert (clip.width, clip.height) == (1280, 720) and (showing.overlay_px < 250 or kind == "colour")
    write_clip(clip, KNOWN, None, tmp_path)
    (recording,) = list_recordings(tmp_path)
    (template,) = load_library(tmp_path / TEMPLATES)
    assert recording.skin == template.template_id == ("ps4-flat-01-muted" if kind == "colour" else "ps4-flat-01")
