"""Which features stand still, which are alike, and finding these by visual words."""

import numpy as np
import pytest

from models.matchers.sift import SiftMatcher
from ops.overlay import features as features_module
from ops.overlay.config import LocateConfig
from ops.overlay.features import DescriptorIndex, Features, pooled_matches, stable_features
from ops.overlay.index import TemplateIndex
from ops.skins.procedural import make_skin
from tests.factories.overlays import overlay_frames, place

MATCHER, SMALL = SiftMatcher(), (640, 480)
IDS = ("ps4-flat-01", "switch-solid-01", "xbox_one-line-01")


@pytest.fixture(scope="module")
def index() -> TemplateIndex:
    return TemplateIndex.build([make_skin(skin_id).template() for skin_id in IDS], MATCHER, LocateConfig())


def _features(points: list[tuple[float, float]], descriptors: np.ndarray | None = None) -> Features:
    rows = np.eye(len(points), 8, dtype=np.float32) if descriptors is None else descriptors.astype(np.float32)
    return Features(np.array(points, np.float32).reshape(-1, 2), rows)


@pytest.mark.parametrize(("probes", "share"), [(256, 0.95), (4, 0.6)])
def test_visual_words_find_what_comparing_all_finds(index: TemplateIndex, monkeypatch, probes, share) -> None:
    monkeypatch.setattr(features_module, "_PROBES", probes)
    (frame,), _ = overlay_frames(place("switch-solid-01", 300, 20, 30), 1, SMALL)
    described = [MATCHER.describe(np.asarray(frame.mean(axis=-1), dtype=np.uint8))]
    by_words = DescriptorIndex(index.features).matches(described, 0.8)
    expected, found = (
        {(n, *a, *b) for n, (source, target) in enumerate(pairs) for a, b in zip(source, target, strict=True)}
        for pairs in ([pooled_matches(template, described, 0.8) for template in index.features], by_words)
    )
    assert len(expected) > 40 and len(found & expected) >= share * len(expected)
    assert probes < 256 or len(found) < 1.05 * len(expected)


def test_features_that_several_pictures_share_count_once(index: TemplateIndex) -> None:
    (frame,), _ = overlay_frames(place("switch-solid-01", 300, 20, 30), 1, SMALL)
    once = [MATCHER.describe(np.asarray(frame.mean(axis=-1), dtype=np.uint8))]
    for one, three in zip(index.words.matches(once, 0.8), index.words.matches(once * 3, 0.8), strict=True):
        np.testing.assert_array_equal(one[0], three[0])


def test_words_are_of_unit_length_near_what_there_is_and_the_same_each_time() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 16))
    noisy = np.repeat(centres / np.linalg.norm(centres, axis=1, keepdims=True), 200, axis=0)
    noisy += rng.normal(0, 0.02, noisy.shape)
    descriptors = (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)
    words = features_module._visual_words(descriptors)
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, atol=1e-5)
    assert len(words) <= 256 and (descriptors @ words.T).max(axis=1).min() > 0.98
    np.testing.assert_array_equal(words, features_module._visual_words(descriptors))


def test_equal_descriptors_make_words_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    words = features_module._visual_words(np.tile(np.eye(1, 16, dtype=np.float32), (600, 1)))
    assert np.isfinite(words).all() and not recwarn.list


def test_what_one_frame_in_six_has_nearby_stands_still() -> None:
    frames = [_features([(10, 10), (100 + 20 * number, 50)]) for number in range(12)]
    frames[3] = _features([(11.5, 9.0), (300, 300)])
    for features in stable_features(frames, (400, 400)):
        assert len(features) == 1 and abs(features.points[0] - 10).max() <= 1.5


def test_of_two_frames_everything_is_kept() -> None:
    frames = [_features([(10, 10)]), _features([(50, 50)])]
    assert stable_features(frames, (100, 100)) == frames


def test_a_match_with_a_rival_elsewhere_is_none_and_one_with_a_rival_at_its_place_is() -> None:
    template = _features([(1, 2)], np.eye(1, 8))
    alike = np.array([[0.96, 0.28] + [0] * 6, [0.95, np.sqrt(1 - 0.95**2)] + [0] * 6])
    source, target = pooled_matches(template, [_features([(30, 40), (32, 41)], alike)], 0.8)
    assert source.tolist() == [[1, 2]] and target.tolist() == [[30, 40]]
    assert len(pooled_matches(template, [_features([(30, 40), (90, 41)], alike)], 0.8)[0]) == 0


def test_matches_of_all_frames_are_pooled_and_unlike_ones_left_out() -> None:
    template = _features([(1, 2), (3, 4)])
    frame = _features([(30, 40), (90, 41), (50, 60)], np.eye(8)[[0, 5, 6]])
    source, target = pooled_matches(template, [frame, frame], 0.8)
    assert source.tolist() == [[1, 2]] * 2 and target.tolist() == [[30, 40]] * 2
    assert len(pooled_matches(template, [], 0.8)[0]) == 0 == len(pooled_matches(Features.none(8), [frame], 0.8)[0])
