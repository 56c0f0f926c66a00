from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.matchers.choice import choose_matchers
from models.matchers.sift import SiftMatcher
from ops.outcomes import RejectedError
from ops.overlay import locate
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.evidence import weigh
from ops.overlay.features import pooled_matches
from ops.overlay.frames import SampledFrames
from ops.overlay.index import TemplateIndex
from ops.overlay.locate import locate_frames, search_frames, search_places
from ops.overlay.tracks import locate_video
from ops.skins.procedural import make_skin
from ops.skins.template import Template
from tests.factories.overlays import overlay_frames, place, write_overlay_clip

CONFIG = LocateConfig(num_frames=4)
SMALL = (640, 480)
MATCHER = SiftMatcher()
IDS = ("ps4-flat-01", "switch-solid-01", "xbox_one-line-01")


@pytest.fixture(scope="module")
def index() -> TemplateIndex:
    return TemplateIndex.build([make_skin(skin_id).template() for skin_id in IDS], MATCHER, CONFIG)


def _box(template: Template, affine: np.ndarray) -> list[float]:
    x, y, width, height = template.drawn_box()
    return [*(affine[:, :2] @ (x, y) + affine[:, 2]), affine[0, 0] * width, affine[1, 1] * height]


@pytest.mark.parametrize(
    ("skin_id", "width", "x", "y", "opacity"),
    [
        ("ps4-flat-01", 300, 955.3, 500.7, 1.0),
        ("switch-solid-01", 240, 20, 30, 0.8),
        ("xbox_one-line-01", 400, 400, 10, 0.9),
    ],
)
def test_an_overlay_is_found_to_the_pixel_whatever_is_pressed(index, skin_id, width, x, y, opacity) -> None:
    renderer = place(skin_id, width, x, y, opacity)
    frames, _ = overlay_frames(renderer, 4)
    found = locate_frames(frames, index, CONFIG)
    assert found is not None
    template, affine, inliers, score = found
    assert template.template_id == skin_id and inliers >= CONFIG.min_inliers and score > 0.5
    assert box_iou(_box(template, affine), renderer.box) >= 0.95


def test_without_an_overlay_nothing_is_found(index: TemplateIndex) -> None:
    frames, _ = overlay_frames(None, 4, SMALL)
    assert locate_frames(frames, index, CONFIG) is None


def test_a_still_picture_without_an_overlay_is_none_either(index: TemplateIndex) -> None:
    frames, _ = overlay_frames(None, 1, SMALL, seed=4)
    assert locate_frames(frames * 4, index, CONFIG) is None


def test_a_video_s_track_is_in_source_pixels(index: TemplateIndex, tmp_path: Path) -> None:
    renderer = place("ps4-flat-01", 260, 350, 180)
    write_overlay_clip(tmp_path / "a.mp4", renderer, np.arange(40) / 30, gop=5)
    small = replace(CONFIG, max_height=300)
    (track,) = locate_video(tmp_path / "a.mp4", [index], small, duration_s=1.3, height=360)
    assert (track.start_s, track.stop_s, track.template_id, track.family) == (0.0, 1.3, "ps4-flat-01", "ps4")
    assert box_iou(track.box, renderer.box) >= 0.93
    np.testing.assert_allclose(np.array(track.affine), renderer.affine, atol=2)


def test_a_video_without_an_overlay_is_rejected(index: TemplateIndex, tmp_path: Path) -> None:
    write_overlay_clip(tmp_path / "a.mp4", None, np.arange(20) / 30, gop=5)
    with pytest.raises(RejectedError, match="no overlay found: no template has 20 keypoints"):
        locate_video(tmp_path / "a.mp4", [index], CONFIG, duration_s=0.7, height=360)


def test_of_two_colourways_of_a_design_the_one_in_the_picture_is_chosen() -> None:
    template = make_skin("ps4-flat-01").template()
    swapped = template.rgba.copy()
    swapped[..., :3] = 255 - swapped[..., :3]
    other = replace(template, template_id="other", rgba=swapped)
    index = TemplateIndex.build([other, template], MATCHER, CONFIG)
    both = replace(index, features=(index.features[1], index.features[1]))  # keypoints cannot tell them apart
    frames, _ = overlay_frames(place("ps4-flat-01", 300, 20, 30, 0.7), 4, SMALL)
    found = locate_frames(frames, both, CONFIG)
    assert found is not None and found[0].template_id == "ps4-flat-01"


def test_of_a_large_library_few_templates_are_compared_in_full(index: TemplateIndex, monkeypatch) -> None:
    compared = []

    def counted(*arguments: object) -> object:
        compared.append(1)
        return pooled_matches(*arguments)

    monkeypatch.setattr(locate, "pooled_matches", counted)
    frames, _ = overlay_frames(place("ps4-flat-01", 300, 20, 30), 4, SMALL)
    found = locate_frames(frames, index, replace(CONFIG, shortlist=1))
    assert found is not None and found.template.template_id == "ps4-flat-01" and len(compared) == 1


def test_what_sift_misses_is_found_by_both() -> None:
    """A design of few marks: SIFT finds too few keypoints in it."""
    templates = [make_skin(skin_id).template() for skin_id in (*IDS, "ps5-minimal-01")]
    alone, other = (TemplateIndex.build(templates, matcher, CONFIG) for matcher in choose_matchers())
    renderer = place("ps5-minimal-01", 300, 200.4, 100.2, 0.9)
    sampled = SampledFrames(overlay_frames(renderer, 10, SMALL)[0], CONFIG.frames_per_picture)
    assert search_frames(sampled, [alone], CONFIG) is None
    found = search_frames(sampled, [alone, other], CONFIG)
    assert found is not None and found.template.template_id == "ps5-minimal-01"
    assert box_iou(_box(found.template, found.affine), renderer.box) >= 0.95
    assert search_frames(SampledFrames(overlay_frames(None, 10, SMALL)[0], 5), [alone, other], CONFIG) is None


def test_of_a_design_drawn_in_part_and_in_full_the_one_in_the_picture_is_chosen() -> None:
    whole = make_skin("ps4-flat-01").template()
    cut = whole.rgba.copy()
    cut[: whole.height // 3] = 0
    part = replace(whole, template_id="part", rgba=cut)
    index = TemplateIndex.build([part, whole], MATCHER, CONFIG)
    found = locate_frames(overlay_frames(place("ps4-flat-01", 300, 20, 30, 0.8), 4, SMALL)[0], index, CONFIG)
    assert found is not None and found.template.template_id == "ps4-flat-01"


def test_no_rival_has_fewer_keypoints_than_are_asked_for() -> None:
    """Of two pictures of one design, that which looks right lacks the keypoints of one side."""
    whole = make_skin("ps4-flat-01").template()
    worn = whole.rgba.copy()
    worn[..., :3] = 255 - worn[..., :3]
    index = TemplateIndex.build([replace(whole, template_id="worn", rgba=worn), whole], MATCHER, CONFIG)
    many, all_points = index.features[1], index.features[1].points
    few = many[np.asarray(all_points[:, 0] < np.quantile(all_points[:, 0], 0.7))]
    index = replace(index, features=(many, few))
    sampled = SampledFrames(overlay_frames(place("ps4-flat-01", 300, 20, 30, 0.8), 4, SMALL)[0], 1)
    inliers = {found.template.template_id: found.inliers for found in search_places(sampled, [index], CONFIG)}
    assert inliers["ps4-flat-01"] < inliers["worn"]
    asked = replace(CONFIG, min_inliers=inliers["ps4-flat-01"] + 1)
    assert [found.template.template_id for found in search_places(sampled, [index], asked)] == ["worn"]


@pytest.mark.parametrize("size", [(480, 480), (640, 400)])
def test_an_overlay_in_a_squeezed_picture_has_two_scales(index: TemplateIndex, size: tuple[int, int]) -> None:
    import cv2

    renderer = place("ps4-flat-01", 300, 200.4, 100.2, 0.9)
    frames = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in overlay_frames(renderer, 6, SMALL)[0]]
    sampled = SampledFrames(frames, CONFIG.frames_per_picture)
    squeeze = np.array(size) / SMALL
    found = [one for one in search_places(sampled, [index], CONFIG) if one.affine[0, 0] != one.affine[1, 1]]
    assert found and found[0].template.template_id == "ps4-flat-01"
    np.testing.assert_allclose(found[0].affine, renderer.affine * squeeze[:, None], rtol=0.02, atol=1.5)
    assert weigh(*found[0][:3], frames).stands(CONFIG)
