"""Scores against hand-made predictions of which the right value is known."""

import numpy as np
import pytest

from training.evaluation.scoring import (
    Calibration,
    button_rows,
    calibration_scores,
    channel_r2,
    compare,
    count,
    horizon_rows,
    join,
    r2,
    score,
)

RNG = np.random.default_rng(0)
ALL = np.array([True, True])
THIRD = np.array([False, False, True, False])
TRUTH = RNG.uniform(0, 1, (200, 4, 4)).astype(np.float32)
TRUTH[..., :2] = TRUTH[..., :2] > 0.7
GROUPS = np.arange(200) // 10


def sums(prediction, truth=TRUTH, groups=GROUPS):
    return count(prediction.astype(np.float32), truth, 2, 0.5, groups)


def values(part, explained=THIRD):
    return {name: float(value[0]) for name, value in score(part, np.ones((1, 20)), ALL, explained).items()}


def test_truth_is_perfect_and_its_mean_is_nothing():
    perfect = values(sums(TRUTH))
    assert (perfect["button_f1"], perfect["stick_mae"]) == (1, 0)
    assert (perfect["stick_r2"], perfect["explained_r2"], perfect["onset_f1"]) == (1, 1, 1)
    mean = np.broadcast_to(TRUTH.mean(axis=(0, 1)), TRUTH.shape)
    assert values(sums(mean))["stick_r2"] == pytest.approx(0, abs=1e-6)
    assert values(sums(mean))["button_f1"] == 0


def test_r2_and_errors_are_those_of_their_definition():
    prediction = TRUTH.copy()
    prediction[..., 2] += RNG.normal(0, 0.1, TRUTH.shape[:2]).astype(np.float32)
    shown = np.clip(prediction, 0, 1)
    error = (2 * (shown[..., 2] - TRUTH[..., 2])) ** 2
    expected = 1 - error.sum() / np.square(2 * (TRUTH[..., 2] - TRUTH[..., 2].mean())).sum()
    assert channel_r2(sums(prediction))[2] == pytest.approx(expected, rel=1e-4)
    assert values(sums(prediction))["explained_r2"] == pytest.approx(expected, rel=1e-4)
    both = np.abs(2 * (shown[..., 2:] - TRUTH[..., 2:])).mean()
    assert values(sums(prediction))["stick_mae"] == pytest.approx(both, rel=1e-4)
    assert horizon_rows(sums(prediction))[1]["stick_mae"] == pytest.approx(
        np.abs(2 * (shown[:, 1, 2:] - TRUTH[:, 1, 2:])).mean(), rel=1e-4
    )


def test_unknown_labels_count_nowhere():
    truth, prediction = TRUTH.copy(), TRUTH.copy()
    hidden = RNG.random(TRUTH.shape) < 0.3
    truth[hidden] = np.nan
    prediction[hidden] = 1 - prediction[hidden]
    found = values(sums(prediction, truth))
    assert (found["button_f1"], found["stick_r2"], found["stick_mae"], found["onset_f1"]) == (1, 1, 0, 1), found


def test_onsets_are_hits_within_one_row_and_holding_is_none():
    truth = np.zeros((1, 6, 1), np.float32)
    truth[0, 3:] = 1
    groups = np.zeros(1, int)

    def onset(rows) -> list[float]:
        prediction = np.zeros_like(truth)
        prediction[0, rows] = 1
        return count(prediction, truth, 1, 0.5, groups).onsets[0, :, 0].tolist()

    assert onset([3, 4, 5]) == onset([4, 5]) == onset([2, 3]) == [1, 0, 0]
    assert onset([5]) == [0, 1, 1]
    assert onset(slice(0, 6)) == onset([]) == [0, 0, 1]  # copying what is now shows no onset


def test_a_button_s_row_is_by_its_definition():
    truth = np.array([1, 1, 1, 0, 0, 0, 0, 0], np.float32).reshape(8, 1, 1)
    prediction = np.array([1, 1, 0, 1, 0, 0, 0, 0], np.float32).reshape(8, 1, 1)
    (row,) = button_rows(count(prediction, truth, 1, 0.5, np.zeros(8, int)), ["south"]).values()
    assert row == {"precision": 2 / 3, "recall": 2 / 3, "f1": pytest.approx(2 / 3), "onset_f1": 0, "num_pressed": 3}


def test_gains_are_supported_by_their_interval_or_not():
    noisy = TRUTH.copy()
    noisy[..., 2:] = TRUTH[..., 2:] + RNG.normal(0, 0.1, (200, 4, 2))
    noisier = TRUTH.copy()
    noisier[..., 2:] = TRUTH[..., 2:] + RNG.normal(0, 0.2, (200, 4, 2))
    same = TRUTH.copy()
    same[..., 2:] = TRUTH[..., 2:] + RNG.normal(0, 0.1, (200, 4, 2))
    found = compare({"policy": sums(noisy), "worse": sums(noisier), "same": sums(same)}, ALL.repeat(2), 300, 0.95, 0)
    assert found["gains"]["worse"]["stick_r2"]["better"] and found["gains"]["worse"]["stick_mae"]["better"]
    assert not found["gains"]["same"]["stick_r2"]["better"]
    assert not found["gains"]["worse"]["button_f1"]["better"]
    interval = found["scores"]["policy"]["stick_r2"]
    assert interval["low"] < interval["value"] < interval["high"]
    nothing = compare({"policy": sums(noisy), "worse": sums(noisier)}, np.zeros(4, bool), 50, 0.95, 0)
    assert nothing["scores"]["policy"]["explained_r2"]["value"] is None
    assert not nothing["gains"]["worse"]["explained_r2"]["better"]


def test_groups_add_up():
    fine, coarse = sums(TRUTH * 0.9), sums(TRUTH * 0.9, groups=np.arange(200) // 100)
    merged = fine.grouped([list(range(10)), list(range(10, 20))])
    np.testing.assert_allclose(merged.errors, coarse.errors, rtol=1e-6)
    assert len(join([fine, coarse]).hits) == 22
    assert np.isnan(r2(np.zeros((5, 2))))


def test_calibration_makes_probabilities_of_raw_values():
    raw = RNG.uniform(0, 1, (4000, 1, 2)).astype(np.float32)
    chance = np.stack([raw[..., 0] ** 3, raw[..., 1] * 0.2], axis=-1)
    truth = (RNG.random(raw.shape) < chance).astype(np.float32)
    truth[::50] = np.nan
    calibration = Calibration.fit(raw[:2000], truth[:2000])
    assert (np.diff(calibration.table) >= 0).all()
    before = calibration_scores(raw[2000:], truth[2000:])
    after = calibration_scores(calibration(raw[2000:]), truth[2000:])
    assert after["ece"] < 0.03 < 0.2 < before["ece"]
    assert after["brier"] < before["brier"]
    np.testing.assert_allclose(calibration(raw[2000:]), chance[2000:], atol=0.2)
