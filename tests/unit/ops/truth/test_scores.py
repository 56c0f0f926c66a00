import numpy as np
import pytest

from ops.gamepad import DATASET, PadTrace
from ops.truth.scores import (
    BoxSpan,
    LabelScores,
    always_released,
    copy_last,
    hide_doubt,
    match_frames,
    on_frames,
    score_spans,
    score_trace,
)


def _trace(num_frames: int = 200, seed: int = 0, start_s: float = 0.0) -> PadTrace:
    rng = np.random.default_rng(seed)
    buttons = (rng.random((num_frames, DATASET.num_buttons)) < 0.2).astype(np.float32)
    return PadTrace.known(start_s + np.arange(num_frames) / 30, buttons, rng.uniform(-1, 1, (num_frames, 4)))


def test_truth_against_itself_is_perfect() -> None:
    scores = score_trace(_trace(), _trace())
    assert set(scores.to_dict().values()) == {1.0}


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
    for trace in (truth, read):
        trace.buttons[148:152] = 0  # no change at the cut, which neither half would see
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


def _presses(*spans: tuple[int, int]) -> PadTrace:
    buttons = np.zeros((100, DATASET.num_buttons), np.float32)
    for start, stop in spans:
        buttons[start:stop, 3] = 1
    return PadTrace.known(np.arange(100) / 30, buttons, np.zeros((100, 4)))


def test_onsets_and_releases_are_found_within_a_tolerance() -> None:
    truth = _presses((10, 20), (40, 50), (70, 80))
    read = _presses((10, 21), (42, 50), (60, 65))
    scores = score_trace(read, truth)
    # Onsets: 10 exact, 42 two late, 60 invented, 70 missed. Releases: 21 one late, 50 exact, 65 invented, 80 missed.
    assert [scores.event_f1("onset", frames) for frames in (0, 1, 2)] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert [scores.event_f1("release", frames) for frames in (0, 1, 2)] == pytest.approx([1 / 3, 2 / 3, 2 / 3])


def test_one_reading_is_not_the_answer_to_two_onsets() -> None:
    scores = score_trace(_presses((11, 20)), _presses((10, 11), (12, 20)))
    assert scores.events[0, 1].tolist() == [1, 2, 1]


def test_a_change_beside_an_unknown_frame_does_not_count() -> None:
    truth = _presses((10, 20))
    truth.buttons[9] = np.nan
    scores = score_trace(_presses((10, 20)), truth)
    assert scores.events[0, 0].tolist() == [0, 0, 0]
    assert scores.events[1, 0].tolist() == [1, 1, 1]


def test_readings_that_look_at_nothing() -> None:
    truth = _presses((10, 20), (40, 50))
    assert score_trace(always_released(truth), truth).press_f1 == 0
    late = score_trace(copy_last(truth), truth)
    assert late.press_f1 == pytest.approx(0.9)
    assert (late.event_f1("onset", 0), late.event_f1("onset", 1)) == (0, 1)


def test_doubt_hides_values() -> None:
    trace = _trace()
    trace.confidence[:, 0] = 0.5
    trace.confidence[:50, -1] = 0.5
    hidden = hide_doubt(trace, 0.9)
    assert np.isnan(hidden.buttons).any(axis=0).tolist() == [True] + [False] * 16
    assert np.isnan(hidden.sticks).sum(axis=0).tolist() == [0, 0, 50, 50]
    assert score_trace(hidden, trace).known == pytest.approx(1 - (200 + 100) / (21 * 200))


def test_a_polled_truth_is_thinned_to_the_frames() -> None:
    polled = PadTrace.known(np.arange(4000) / 500, np.zeros((4000, 17)), np.zeros((4000, 4)))
    read = PadTrace.known(np.arange(240) / 30, np.zeros((240, 17)), np.zeros((240, 4)))
    assert on_frames(polled, read).num_frames == 240
    assert on_frames(read, read) is read


def test_buttons_by_name() -> None:
    (row,) = score_trace(_presses((10, 20)), _presses((10, 15))).button_rows()
    assert row == {"button": DATASET.buttons[3], "precision": 0.5, "recall": 1.0, "frames pressed": 5.0}


def test_reliability_counts_states_by_what_was_stated() -> None:
    truth = _trace()
    read = PadTrace(truth.pts_s, truth.buttons.copy(), truth.sticks, np.full_like(truth.confidence, 0.75))
    read.buttons[:50] = 1 - read.buttons[:50]  # a quarter is wrong, as was stated
    scores = score_trace(read, truth)
    assert scores.reliability_rows() == [{"up to": 0.8, "share": 1.0, "stated": 0.75, "right": 0.75}]
    assert scores.calibration_error == pytest.approx(0, abs=1e-6)
    sure = PadTrace(read.pts_s, read.buttons, read.sticks, np.ones_like(read.confidence))
    assert score_trace(sure, truth).calibration_error == pytest.approx(0.25)
    assert (scores + score_trace(sure, truth)).calibration_error == pytest.approx(0.125)


def _span(start_s: float, stop_s: float, x: float = 0.0) -> BoxSpan:
    return BoxSpan(start_s, stop_s, (x, 0.0, 100.0, 50.0))


def test_spans_are_paired_by_place_and_time() -> None:
    true = [_span(0, 10), _span(10, 20, 300), _span(12, 15)]
    found = [_span(10.5, 19, 310), _span(0, 10.25), _span(30, 40)]
    (first, second, third), num_false = score_spans(found, true)
    assert first == (0, 0.25, 1) and num_false == 1
    assert (second.start_error_s, second.stop_error_s) == (0.5, -1) and second.iou == pytest.approx(90 / 110)
    assert third.iou == 0 and np.isnan(third.start_error_s)


def test_no_span_is_used_twice() -> None:
    scores, num_false = score_spans([_span(0, 10)], [_span(0, 4), _span(5, 10)])
    assert [score.iou for score in scores] == [1, 0] and num_false == 0
    assert score_spans([], []) == ([], 0)
