"""What speaks for a find: its look in all parts, its keypoints, its box."""

from dataclasses import replace

import numpy as np
import pytest

from ops.overlay.config import LocateConfig
from ops.overlay.evidence import LEAST_LOOK, LEAST_LOOK_OF_MANY, Evidence, looks_like, weigh
from ops.skins.procedural import make_skin
from tests.factories.overlays import overlay_frames, place

CONFIG = LocateConfig()
SIZE = (640, 480)


@pytest.mark.parametrize(
    ("skin_id", "width", "opacity"),
    [("ps4-flat-01", 300, 1.0), ("xbox_one-line-01", 300, 0.6), ("switch-solid-01", 160, 0.5)],
)
def test_an_overlay_looks_like_its_template_whatever_is_pressed_and_shines_through(skin_id, width, opacity) -> None:
    renderer = place(skin_id, width, 200.3, 100.6, opacity)
    frames, _ = overlay_frames(renderer, 25, SIZE)
    evidence = weigh(make_skin(skin_id).template(), renderer.affine, 40, frames)
    assert evidence.look > LEAST_LOOK + 0.05 and evidence.stands(CONFIG) and evidence.score > 0.8


@pytest.mark.parametrize("other", ["xbox_one-flat-01", "ps4-line-01", "ps4-flat-02"])
def test_another_design_at_the_same_place_does_not_stand(other: str) -> None:
    renderer = place("ps4-flat-01", 300, 200, 100)
    frames, _ = overlay_frames(renderer, 25, SIZE)
    evidence = weigh(make_skin(other).template(), renderer.affine, 200, frames)
    assert not evidence.stands(CONFIG) and evidence.score < 0.5
    assert evidence.fault() == f"looks {evidence.look:.2f} like it (needs {LEAST_LOOK_OF_MANY})"


def test_a_place_that_is_off_looks_less_like_it() -> None:
    renderer = place("ps4-flat-01", 300, 200, 100)
    template, (frames, _) = make_skin("ps4-flat-01").template(), overlay_frames(renderer, 25, SIZE)
    shifted = [np.add(renderer.affine, [[0, 0, off], [0, 0, 0]]) for off in (0, 2, 6, 40)]
    looks = [looks_like(template, affine, frames) for affine in shifted]
    assert looks == sorted(looks, reverse=True) and looks[0] > 0.8 and looks[2] < LEAST_LOOK


def test_an_overlay_s_negative_and_another_colour_look_unlike_it() -> None:
    renderer = place("ps4-flat-01", 300, 200, 100)
    template, (frames, _) = make_skin("ps4-flat-01").template(), overlay_frames(renderer, 25, SIZE)
    negative = template.rgba.copy()
    negative[..., :3] = 255 - negative[..., :3]
    assert looks_like(replace(template, rgba=negative), renderer.affine, frames) < LEAST_LOOK


def test_what_leaves_the_picture_or_has_too_few_keypoints_does_not_stand() -> None:
    template = make_skin("ps4-flat-01").template()
    renderer = place("ps4-flat-01", 300, -120, 100)
    outside = weigh(template, renderer.affine, 200, overlay_frames(renderer, 5, SIZE)[0])
    assert 0.4 < outside.inside < 0.8 and not outside.stands(CONFIG) and "of its box" in outside.fault()
    sure = Evidence(inliers=CONFIG.min_inliers, look=0.9, inside=1.0)
    assert sure.stands(CONFIG) and not sure._replace(inliers=CONFIG.min_inliers - 1).stands(CONFIG)


def test_an_even_picture_looks_like_nothing() -> None:
    frames = [np.full((480, 640, 3), grey, np.uint8) for grey in (90, 92)]
    assert looks_like(make_skin("ps4-flat-01").template(), place("ps4-flat-01", 300, 20, 20).affine, frames) < 0.1
