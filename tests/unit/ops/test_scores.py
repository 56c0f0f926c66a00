import numpy as np
import pytest

from ops.gamepad import DATASET, PadTrace
from ops.scores import LabelScores, match_frames, score_trace


def _trace(num_frames: int = 200, seed: int = 0, start_s: float = 0.0) -> PadTrace:
    rng = np.random.default_rng(seed)
    buttons = (rng.random((num_frames, DATASET.num_buttons)) < 0.2).astype(np.float32)
    return PadTrace.known(start_s + np.arange(num_frames) / 30, buttons, rng.uniform(-1, 1, (num_frames, 4)))


def test_truth_against_itself_is_perfect() -> None:
    scores = score_trace(_trace(), _trace())
    assert scores.to_dict() == {"accuracy": 1.0, "press_f1": 1.0, "stick_r2": 1.0, "known": 1.0}


def test_constant_reading_has_no_r2_and_no_f1() -> None:
    truth = _trace()
    read = PadTrace.known(truth.pts_s, np.zeros_like(truth.buttons), np.tile(truth.sticks.mean(axis=0), (200, 1)))
    scores = score_trace(read, truth)
    assert scores.stick_r2 == pytest.approx(0, abs=1e-6)
    assert scores.press_f1 == 0
    assert scores.accuracy == pytest.approx(1 - truth.buttons.mean())


def test_unknown_counts_as_neither_right_nor_wrong() -> None:
    truth = _trace()
    buttons, sticks = truth.buttons.copy(), truth.sticks.copy()
    buttons[:, :5] = np.nan
    sticks[:100] = np.nan
    scores = score_trace(PadTrace.known(truth.pts_s, buttons, sticks), truth)
    assert (scores.accuracy, scores.stick_r2) == (1.0, 1.0)
    assert scores.known == pytest.approx((12 * 200 + 4 * 100) / (21 * 200))


def test_pooling_is_the_same_as_one_long_clip() -> None:
    truth, read = _trace(400, 1), _trace(400, 2)
    halves = [score_trace(read[rows], truth[rows]) for rows in (slice(0, 150), slice(150, 400))]
    pooled = LabelScores.none() + halves[0] + halves[1]
    assert pooled.to_dict() == pytest.approx(score_trace(read, truth).to_dict())


def test_frames_are_matched_by_time() -> None:
    truth = _trace(200)
    lost = np.delete(np.arange(200), [20, 21, 90])
    read = PadTrace.known(truth.pts_s[lost] + 3.0, truth.buttons[lost], truth.sticks[lost])
    assert score_trace(read, truth).accuracy == 1.0
    mine, theirs = match_frames(read.pts_s, truth.pts_s)
    assert np.array_equal(theirs, lost) and np.array_equal(mine, np.arange(197))


def test_nothing_in_common_is_an_error() -> None:
    with pytest.raises(ValueError, match="no frames in common"):
        score_trace(_trace(0), _trace())
    assert np.isnan(LabelScores.none().accuracy)
    assert np.isnan(LabelScores.none().stick_r2)
