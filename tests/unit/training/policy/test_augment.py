import dataclasses

import pytest
import torch

from training.policy.augment import build_augmentation
from training.policy.config import AugmentConfig

OFF = AugmentConfig(brightness=0, contrast=0, saturation=0, hue=0, rotation_deg=0, crop=0)


@pytest.fixture
def frames():
    return torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_everything_off_only_scales(frames):
    assert torch.equal(build_augmentation(OFF, 32)(frames), frames.float() / 255)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(AugmentConfig)])
def test_each_change_changes_each_sample_and_follows_the_seed(frames, name):
    apply = build_augmentation(dataclasses.replace(OFF, **{name: 0.3 if name != "rotation_deg" else 5.0}), 32)
    torch.manual_seed(1)
    first = apply(frames)
    torch.manual_seed(1)
    assert torch.equal(apply(frames), first)
    assert first.shape == frames.shape
    assert 0 <= first.min() <= first.max() <= 1
    assert ((first - frames.float() / 255).abs().amax(dim=(1, 2, 3)) > 1e-3).all()


def test_all_together_at_the_recipes_strength(frames):
    assert build_augmentation(AugmentConfig(), 32)(frames).shape == frames.shape


@pytest.mark.parametrize("bad", [{"brightness": -0.1}, {"crop": 1.0}, {"hue": 0.6}])
def test_bad_magnitudes_are_refused(bad):
    with pytest.raises(ValueError, match="expected, got"):
        AugmentConfig(**bad)
