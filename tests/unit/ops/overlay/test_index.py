"""Features of templates: described once, and described again when what they were made from is another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.matchers.sift import SiftMatcher
from ops.overlay import index as index_module
from ops.overlay.appearance import drawn_box
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.features import Features
from ops.overlay.index import TemplateIndex, feature_key, fixed_parts, index_file
from ops.overlay.locate import locate_frames
from ops.skins.procedural import make_skin
from ops.skins.template import ControlArea, Template
from tests.factories.overlays import overlay_frames, place

CONFIG, MATCHER = LocateConfig(num_frames=4, template_widths=(220,)), SiftMatcher()
IDS = ("ps4-flat-01", "switch-solid-01")


@pytest.fixture(scope="module")
def templates() -> list[Template]:
    return [make_skin(skin_id).template() for skin_id in IDS]


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the templates that are described, in order."""
    names: list[str] = []
    real = index_module._describe_template

    def describe(template: Template, *rest: object) -> Features:
        names.append(template.template_id)
        return real(template, *rest)

    monkeypatch.setattr(index_module, "_describe_template", describe)
    return names


@pytest.fixture
def library(templates: list[Template], tmp_path: Path, described: list[str]) -> Path:
    """A library's folder with its saved features."""
    for template in templates:
        template.save(tmp_path)
    TemplateIndex.build(templates, MATCHER, CONFIG).save(tmp_path)
    described.clear()
    return tmp_path


def test_saved_features_are_used_while_they_fit(library: Path, templates: list[Template], described) -> None:
    loaded = TemplateIndex.load(library, MATCHER, CONFIG)
    assert described == [] and [template.template_id for template in loaded.templates] == list(IDS)
    for mine, theirs in zip(loaded.features, TemplateIndex.build(templates, MATCHER, CONFIG).features, strict=True):
        np.testing.assert_array_equal(mine.points, theirs.points)
        np.testing.assert_allclose(mine.descriptors, theirs.descriptors, atol=1e-3)


def _other_picture(folder: Path) -> None:
    other = make_skin("ps5-flat-01").template()
    replace(other, template_id=IDS[0]).save(folder)


def _one_pixel(folder: Path) -> None:
    template = Template.load(folder / f"{IDS[0]}.png")
    template.rgba[100, 100] ^= 1
    template.save(folder)


def _other_travel(folder: Path) -> None:
    template = Template.load(folder / f"{IDS[0]}.png")
    stick = replace(template.controls["left_stick"], half_width=3.0)
    replace(template, controls={**template.controls, "left_stick": stick}).save(folder)


def _without_controls(folder: Path) -> None:
    (folder / f"{IDS[0]}.json").unlink()


@pytest.mark.parametrize("change", [_other_picture, _one_pixel, _other_travel, _without_controls])
def test_a_template_that_is_another_under_its_name_is_described_again(
    library: Path, described: list[str], change: Callable[[Path], None]
) -> None:
    change(library)
    loaded = TemplateIndex.load(library, MATCHER, CONFIG)
    assert described == [IDS[0]]
    fresh = TemplateIndex.build(loaded.templates, MATCHER, CONFIG)
    np.testing.assert_array_equal(loaded.features[0].points, fresh.features[0].points)


def test_other_widths_or_another_matcher_describe_everything_again(library: Path, described: list[str]) -> None:
    TemplateIndex.load(library, MATCHER, replace(CONFIG, template_widths=(200,)))
    TemplateIndex.load(library, SiftMatcher(contrast=0.03), CONFIG)
    assert described == list(IDS) * 2


def test_another_matcher_s_file_under_this_one_s_name_is_not_believed(library: Path, described: list[str]) -> None:
    other = SiftMatcher(max_keypoints=100)
    (library / index_file(MATCHER)).rename(library / index_file(other))
    TemplateIndex.load(library, other, CONFIG)
    assert described == list(IDS)


def test_what_says_nothing_of_the_features_describes_nothing(library: Path, described: list[str]) -> None:
    template = Template.load(library / f"{IDS[0]}.png")
    face = replace(template.controls["south"], half_width=1.0)
    replace(template, family="mine", controls={**template.controls, "south": face}).save(library)
    (library / f"{IDS[1]}.png").rename(library / "renamed.png")
    (library / f"{IDS[1]}.json").rename(library / "renamed.json")
    loaded = TemplateIndex.load(library, replace(MATCHER), replace(CONFIG, min_inliers=5))
    assert described == [] and loaded.templates[0].family == "mine"


def test_a_new_template_is_described_alone_and_a_removed_one_forgotten(library: Path, described: list[str]) -> None:
    make_skin("ps5-flat-01").template().save(library)
    (library / f"{IDS[0]}.png").unlink()
    loaded = TemplateIndex.load(library, MATCHER, CONFIG)
    assert described == ["ps5-flat-01"] and len(loaded.features) == 2


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_as_none(library: Path, described: list[str], content: bytes) -> None:
    (library / index_file(MATCHER)).write_bytes(content)
    assert len(TemplateIndex.load(library, MATCHER, CONFIG).features) == 2 and described == list(IDS)


def test_a_file_of_an_older_version_is_as_none(library: Path, described: list[str]) -> None:
    with np.load(library / index_file(MATCHER)) as arrays:
        older = {name: arrays[name] for name in arrays if name != "keys"}
    np.savez(library / index_file(MATCHER), **older)
    TemplateIndex.load(library, MATCHER, CONFIG)
    assert described == list(IDS)


def test_the_version_is_part_of_the_key(templates: list[Template], monkeypatch: pytest.MonkeyPatch) -> None:
    before = feature_key(templates[0], MATCHER, (220,))
    assert feature_key(replace(templates[0]), MATCHER, (220,)) == before
    monkeypatch.setattr(index_module, "VERSION", "next")
    assert feature_key(templates[0], MATCHER, (220,)) != before


def test_indices_add_up(templates: list[Template]) -> None:
    index = TemplateIndex.build(templates, MATCHER, CONFIG)
    both = index + index
    assert len(both.templates) == len(both.features) == len(both.keys) == 2 * len(IDS)


def test_a_cap_that_moves_gives_no_features() -> None:
    rgba = np.zeros((100, 200, 4), np.uint8)
    areas = {"left_stick": ControlArea(50, 50, 10, 10, 8), "right_stick": ControlArea(150, 50, 10, 10, 0)}
    mask = fixed_parts(Template("a", "generic", rgba, areas | {"south": ControlArea(100, 50, 10, 10)}), (400, 200))
    assert mask.shape == (200, 400) and mask[100, 100] == mask[100, 118] == 0
    assert mask[100, 125] == mask[100, 200] == mask[100, 300] == 255


def test_a_user_s_picture_without_controls_is_found(tmp_path: Path) -> None:
    make_skin("ps4-flat-01").template().save(tmp_path)
    (tmp_path / "ps4-flat-01.json").unlink()
    index = TemplateIndex.load(tmp_path, MATCHER, CONFIG)
    renderer = place("ps4-flat-01", 320, 300, 40)
    found = locate_frames(overlay_frames(renderer, 4, (640, 480))[0], index, CONFIG)
    assert found is not None and found[0].controls == {}
    assert box_iou(drawn_box(found[0], found[1]), renderer.box) >= 0.95
