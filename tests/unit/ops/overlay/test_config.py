import pytest

from ops.overlay.config import LEAST_INLIERS, LocateConfig


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_frames": 0}, "num_frames must be at least 1, got 0"),
        ({"min_inliers": LEAST_INLIERS - 1}, f"min_inliers must be at least {LEAST_INLIERS}, got 3"),
    ],
)
def test_what_cannot_find_anything_is_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LocateConfig(**wrong)


def test_the_defaults_are_the_papers() -> None:
    config = LocateConfig()
    assert (config.num_frames, config.min_inliers, config.reader) == (25, 20, "pyav")
