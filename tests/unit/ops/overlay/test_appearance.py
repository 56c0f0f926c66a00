"""How alike a template and a picture are, at a place."""

from dataclasses import replace

import numpy as np
import pytest

from ops.overlay.appearance import drawn_box, drawn_look, explained, similarity
from ops.overlay.frames import to_gray
from ops.skins.form import SkinRenderer
from ops.skins.procedural import make_skin
from ops.skins.template import Template
from tests.factories.overlays import REST, pressed

SKIN = make_skin("ps4-flat-01")
TEMPLATE = SKIN.template()
RENDERER = SkinRenderer(SKIN, 260, 20.4, 31.6, 0.7)
BOX = (10, 20, 300, 220)


def _picture(grey: int = 90, renderer: SkinRenderer = RENDERER) -> np.ndarray:
    picture = np.full((240, 320, 3), grey, np.uint8)
    renderer.draw(picture, pressed(), REST)
    return picture


def _recoloured(template: Template) -> Template:
    rgba = template.rgba.copy()
    rgba[rgba[..., :3].mean(axis=-1) < 100, :3] = (230, 120, 20)
    return replace(template, rgba=rgba)


def _moved(dx: float, dy: float) -> np.ndarray:
    return np.add(RENDERER.affine, [[0, 0, dx], [0, 0, dy]])


def test_a_look_is_drawn_where_the_skin_is() -> None:
    colour, alpha = drawn_look(TEMPLATE, RENDERER.affine, (320, 240))
    canvas = np.zeros((240, 320, 3), np.uint8)
    SkinRenderer(SKIN, 260, 20.4, 31.6).draw(canvas, pressed(), REST)
    assert np.abs(colour - canvas).mean() < 1.5
    columns = np.flatnonzero((alpha > 0.05).any(axis=0))
    x, _, w, _ = drawn_box(TEMPLATE, RENDERER.affine)
    assert columns.min() == pytest.approx(x, abs=1.5) and columns.max() + 1 == pytest.approx(x + w, abs=1.5)


def test_a_drawn_box_is_that_of_the_renderer() -> None:
    np.testing.assert_allclose(drawn_box(TEMPLATE, RENDERER.affine), RENDERER.box, atol=1e-6)


def test_a_look_is_most_similar_at_its_own_place() -> None:
    median = to_gray(_picture())
    there = similarity(TEMPLATE, RENDERER.affine, median)
    beside = similarity(TEMPLATE, _moved(12, 0), median)
    assert there > 0.97 > 0.8 > beside
    assert similarity(TEMPLATE, RENDERER.affine, 255 - median) == pytest.approx(-there, abs=0.02)


def test_what_is_outside_the_picture_or_even_is_similar_to_nothing() -> None:
    median = to_gray(_picture())
    assert similarity(TEMPLATE, _moved(900, 0), median) == 0
    assert similarity(TEMPLATE, RENDERER.affine, np.full_like(median, 7)) == 0


@pytest.mark.parametrize("opacity", [1.0, 0.6, 0.35])
@pytest.mark.parametrize("grey", [0, 90, 230])
def test_a_template_explains_its_picture_at_any_opacity_over_any_even_background(opacity: float, grey: int) -> None:
    picture = _picture(grey, replace(RENDERER, opacity=opacity))
    assert explained(TEMPLATE, RENDERER.affine, picture, BOX) > 0.97


def test_another_colourway_and_another_place_explain_less() -> None:
    right = explained(TEMPLATE, RENDERER.affine, _picture(), BOX)
    assert explained(_recoloured(TEMPLATE), RENDERER.affine, _picture(), BOX) < right - 0.01
    assert explained(TEMPLATE, _moved(8, 8), _picture(), BOX) < right - 0.1


def test_a_negative_explains_nothing() -> None:
    left, top, right, bottom = BOX
    picture = _picture()
    picture[top:bottom, left:right] = 255 - picture[top:bottom, left:right]
    bare = replace(TEMPLATE, rgba=TEMPLATE.rgba.copy())
    bare.rgba[..., 3] = np.where(bare.rgba[..., 3] > 0, 255, 0)
    assert explained(bare, RENDERER.affine, picture, BOX) == 0


def test_an_even_picture_is_no_division_by_zero() -> None:
    assert np.isfinite(explained(TEMPLATE, RENDERER.affine, np.full((240, 320, 3), 40, np.uint8), BOX))
