import numpy as np
import pytest

from ops.gamepad import CONTROLS
from training.detector.layouts import RIM, random_layout


@pytest.mark.parametrize("seed", range(60))
def test_a_layout_lies_on_its_canvas(seed: int) -> None:
    layout = random_layout(np.random.default_rng(seed))
    assert len(layout.spots) >= 2
    assert set(layout.spots) <= set(CONTROLS)
    for spot in layout.spots.values():
        reach = max(spot.half[0], spot.well)
        assert spot.centre[0] - reach >= RIM - 1e-6
        assert spot.centre[0] + reach <= 1 - RIM + 1e-6
        assert spot.centre[1] > 0


def test_layouts_differ_in_kind_and_in_what_they_have() -> None:
    layouts = [random_layout(np.random.default_rng(seed)) for seed in range(150)]
    assert len({layout.kind for layout in layouts}) == 8
    counts = [sum(name in layout.spots for layout in layouts) for name in ("left_stick", "south", "left_trigger")]
    assert all(60 < count < 150 for count in counts)
