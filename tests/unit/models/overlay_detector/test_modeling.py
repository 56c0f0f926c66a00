import pytest
import torch

from models.overlay_detector.config import DetectorConfig
from models.overlay_detector.modeling import OverlayDetector, Probabilities
from ops.overlay.detect import EDGES, HEAT, MASK, NUM_MAPS, PLACE_HEAT, STRIDE
from ops.overlay.still import NUM_CHANNELS

SMALL = DetectorConfig(widths=(8, 8, 8, 8, 8), depths=(1, 1, 1, 1), head=8)


@pytest.mark.parametrize("size", [(64, 96), (160, 256)])
def test_maps_have_a_cell_per_four_pixels(size: tuple[int, int]) -> None:
    maps = OverlayDetector(SMALL).eval()(torch.rand(2, NUM_CHANNELS, *size))
    assert maps.shape == (2, NUM_MAPS, size[0] // STRIDE, size[1] // STRIDE)


def test_a_new_network_believes_in_hardly_anything() -> None:
    sure = Probabilities(OverlayDetector(SMALL)).eval()(torch.randint(0, 255, (1, NUM_CHANNELS, 64, 64)).byte())
    assert sure[:, HEAT].max() < 0.2


def test_only_probabilities_are_squashed() -> None:
    torch.manual_seed(0)
    model = OverlayDetector(SMALL).eval()
    inputs = torch.randint(0, 255, (1, NUM_CHANNELS, 64, 64)).byte()
    with torch.inference_mode():
        raw, sure = model(inputs.float() / 255), Probabilities(model)(inputs)
    torch.testing.assert_close(sure[:, EDGES], raw[:, EDGES])
    for part in (HEAT, PLACE_HEAT, slice(MASK, MASK + 1)):
        torch.testing.assert_close(sure[:, part], raw[:, part].sigmoid())


def test_what_lies_far_away_is_seen_by_a_cell() -> None:
    model = OverlayDetector(DetectorConfig()).eval()
    plain = torch.full((1, NUM_CHANNELS, 160, 256), 0.5)
    changed = plain.clone()
    changed[..., :8, 40:60] = 1.0
    with torch.inference_mode():
        difference = (model(changed) - model(plain)).abs()
    assert difference[0, :, 20, 20].max() > 0
