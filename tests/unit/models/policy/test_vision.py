import pytest
import torch

from models.policy.config import VisionConfig
from models.policy.vision import build_stem, build_vision, encode_image, to_pixels


def test_pixels_are_scaled_and_resized_by_area():
    frames = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    frames[..., ::2] = 255
    assert to_pixels(frames, 2).abs().max() == 0
    assert to_pixels(frames, 4).unique().tolist() == [-1.0, 1.0]
    with pytest.raises(ValueError, match="batch, 3, height, width"):
        to_pixels(torch.zeros(3, 4, 4), 4)


def test_the_pooling_head_is_there_and_not_trained():
    encoder = build_vision(VisionConfig(32, 1, 2, 48, image_px=32, patch_px=16))
    names = {name.split(".")[0] for name, parameter in encoder.named_parameters() if not parameter.requires_grad}
    assert names == {"head"}
    assert encode_image(encoder, torch.zeros(2, 3, 32, 32)).shape == (2, 4, 32)


def test_a_stem_halves_the_picture_per_layer_and_none_changes_nothing():
    picture = torch.rand(1, 3, 32, 32)
    assert build_stem(VisionConfig(32, 1, 2, 48, image_px=32, patch_px=16, stem=(4, 8)))(picture).shape == (1, 8, 8, 8)
    assert build_stem(VisionConfig())(picture) is picture
