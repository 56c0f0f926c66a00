import numpy as np
import pytest

from training.detector.scenes import drawn_scene, footage_scene, picture_scene


def _scenes() -> dict[str, object]:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (90, 120, 3)).astype(np.uint8)
    clip = rng.integers(0, 256, (20, 100, 140, 3)).astype(np.uint8)
    return {"drawn": drawn_scene, "picture": picture_scene([picture]), "footage": footage_scene([clip])}


@pytest.mark.parametrize("name", ["drawn", "picture", "footage"])
def test_a_scene_fills_its_frames_and_is_a_function_of_the_generator(name: str) -> None:
    scene = _scenes()[name]
    first, second = (scene(np.random.default_rng(7), 5, 80, 110) for _ in range(2))  # type: ignore[operator]
    assert first.shape == (5, 80, 110, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["drawn", "picture", "footage"])
def test_most_scenes_move(name: str) -> None:
    scene = _scenes()[name]
    moved = [np.ptp(scene(np.random.default_rng(s), 4, 60, 60).astype(int), axis=0).mean() > 3 for s in range(20)]  # type: ignore[operator]
    assert 0.5 < np.mean(moved) <= 1
