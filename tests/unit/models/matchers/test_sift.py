"""SIFT features."""

import numpy as np

from models.matchers.sift import SiftMatcher


def _picture() -> np.ndarray:
    import cv2

    noise = np.random.default_rng(0).uniform(0, 255, (24, 32)).astype(np.float32)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def test_descriptors_are_of_unit_length_and_points_inside() -> None:
    features = SiftMatcher().describe(_picture())
    assert len(features) > 50 and features.descriptors.shape == (len(features), 128)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-3)
    assert features.points.min() >= 0 and (features.points <= (320, 240)).all()


def test_a_shifted_picture_has_shifted_points() -> None:
    picture = _picture()
    first, second = (SiftMatcher().describe(np.ascontiguousarray(p)) for p in (picture[:, :300], picture[:, 20:]))
    best = (first.descriptors @ second.descriptors.T).argmax(axis=1)
    shift = first.points - second.points[best]
    same = (np.abs(shift - (20, 0)) < 0.6).all(axis=1)
    assert same.mean() > 0.6


def test_a_mask_keeps_features_out() -> None:
    mask = np.zeros((240, 320), np.uint8)
    mask[:, 160:] = 255
    points = SiftMatcher().describe(_picture(), mask).points
    assert len(points) and (points[:, 0] >= 158).all()


def test_a_flat_picture_has_none() -> None:
    features = SiftMatcher().describe(np.full((100, 100), 7, np.uint8))
    assert len(features) == 0 and features.descriptors.shape == (0, 128)


def test_the_name_tells_what_shapes_the_features() -> None:
    assert len({SiftMatcher().name, SiftMatcher(contrast=0.04).name, SiftMatcher(max_keypoints=10).name}) == 3
    assert len(SiftMatcher(max_keypoints=10).describe(_picture())) <= 11
