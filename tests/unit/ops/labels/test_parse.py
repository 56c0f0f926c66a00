from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.gamepad import CONTROLS, DATASET, STICKS
from ops.labels import atlas
from ops.labels.parse import Reading, _above_usual, read_clip, reading_to_trace, reference_atlas
from ops.skins.template import Template
from tests.factories.media import write_clip
from tests.factories.overlays import place, write_overlay_clip


class FakeParser:
    """Says that a frame's brightness is the left stick's x, and notes what it was shown."""

    def __init__(self) -> None:
        self.pairs: list[np.ndarray] = []
        self.references: list[np.ndarray] = []

    def __call__(self, pairs: np.ndarray, reference: np.ndarray) -> Reading:
        self.pairs.append(pairs)
        self.references.append(reference)
        rows = len(pairs)
        pressed = np.full((rows, DATASET.num_buttons), 0.2, np.float32)
        pressed[:, DATASET.index("south")] = 0.9
        places = np.zeros((rows, 2, 2), np.float32)
        places[:, 0, 0] = pairs[:, 1].mean(axis=(1, 2, 3)) / 255
        return Reading(pressed, places, np.full((rows, 2), 0.7, np.float32))


@pytest.fixture(scope="module")
def template() -> Template:
    return place("ps4-flat-01", 300, 0, 0).skin.template()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "gamepad.mp4"
    write_overlay_clip(path, place("ps4-flat-01", 300, 5, 5), np.arange(12) / 30, size=(320, 200))
    return path


AFFINE = place("ps4-flat-01", 300, 5, 5).affine


def test_each_frame_is_read_with_the_one_before_it(clip: Path, template: Template) -> None:
    parser = FakeParser()
    trace = read_clip(clip, np.arange(12) / 30, template, AFFINE, parser)
    (pairs,) = parser.pairs
    assert trace.num_frames == 12 and pairs.shape == (12, 2, atlas.HEIGHT_PX, atlas.WIDTH_PX, 3)
    np.testing.assert_array_equal(pairs[0, 0], pairs[0, 1])
    np.testing.assert_array_equal(pairs[1:, 0], pairs[:-1, 1])
    reference = parser.references[0]
    assert reference.shape == (atlas.HEIGHT_PX, atlas.WIDTH_PX, 7)
    np.testing.assert_array_equal(reference[..., :4], atlas.template_atlas(template))
    usual, median, buttons = reference[..., 4:], np.median(pairs[:, 1], axis=0), np.s_[:, atlas.STICK_PX :]
    np.testing.assert_allclose(usual[buttons], median[buttons], atol=1)
    idle = reference[..., :3].astype(float)
    for stick in STICKS:  # of a stick, the frames in which it looks most like at rest
        left, top, side = atlas.cell(stick)
        cell = np.s_[top : top + side, left : left + side]
        assert np.abs(usual[cell] - idle[cell]).mean() <= np.abs(median[cell] - idle[cell]).mean() + 0.5


def test_pieces_join_without_a_seam(clip: Path, template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_clip(clip, np.arange(12) / 30, template, AFFINE, FakeParser())
    monkeypatch.setattr("ops.labels.parse._PIECE_FRAMES", 5)
    parser = FakeParser()
    pieces = read_clip(clip, np.arange(12) / 30, template, AFFINE, parser)
    assert [len(pairs) for pairs in parser.pairs] == [5, 5, 2]
    np.testing.assert_array_equal(parser.pairs[1][0, 0], parser.pairs[0][-1, 1])
    np.testing.assert_array_equal(pieces.sticks, whole.sticks)


def test_frames_that_did_not_change_are_not_read_again(tmp_path: Path, template: Template) -> None:
    import av

    path = tmp_path / "still.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 320, 200, "yuv420p"
        for level in [60] * 6 + [90] * 4:
            image = av.VideoFrame.from_ndarray(np.full((200, 320, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode())
    parser = FakeParser()
    trace = read_clip(path, np.arange(10) / 30, template, AFFINE, parser)
    # Rows 0-5 show one pair, row 6 the change, rows 7-9 the other.
    assert [len(pairs) for pairs in parser.pairs] == [3] and trace.num_frames == 10
    x = trace.sticks[:, 0]
    assert len(set(x[:6])) == 1 and len(set(x[6:])) == 1 and x[0] < x[6]


def test_a_table_of_another_length_is_refused(clip: Path, template: Template) -> None:
    with pytest.raises(ValueError, match=r"gamepad.mp4 has 12 frames, its table 11: run the crop pass again"):
        read_clip(clip, np.arange(11) / 30, template, AFFINE, FakeParser())


def test_sticks_are_displacement_over_travel_and_confidence_is_of_what_was_read(template: Template) -> None:
    reach = atlas.stick_reach(template.controls, template.width)
    places = np.zeros((2, 2, 2), np.float32)
    places[1, 0] = (reach[0], -reach[0] / 2)
    pressed = np.full((2, 17), 0.1, np.float32)
    pressed[1] = 0.8
    trace = reading_to_trace(Reading(pressed, places, np.full((2, 2), 0.6, np.float32)), template, np.arange(2.0))
    np.testing.assert_allclose(trace.sticks[:, :2], [[0, 0], [1, -0.5]], atol=1e-6)
    drawn = [name in template.controls for name in DATASET.buttons]
    np.testing.assert_array_equal(trace.buttons[:, drawn], np.repeat([[0], [1]], sum(drawn), axis=1))
    np.testing.assert_allclose(trace.confidence[:, :17][:, drawn], np.repeat([[0.9], [0.8]], sum(drawn), axis=1))
    np.testing.assert_allclose(trace.confidence[:, 17:], 0.6)


def test_what_the_template_does_not_draw_is_unknown() -> None:
    template = place("ps4-flat-01", 300, 0, 0).skin.template()
    controls = {name: template.controls[name] for name in ("south", "left_stick")}
    reading = Reading(np.ones((1, 17), np.float32), np.zeros((1, 2, 2), np.float32), np.ones((1, 2), np.float32))
    trace = reading_to_trace(reading, Template("a", "b", template.rgba, controls), np.zeros(1))
    known = [name for name, value in zip(CONTROLS, trace.confidence[0], strict=True) if value > 0]
    assert known == ["south", STICKS[0]]
    assert np.isfinite(trace.buttons).sum() == 1 and np.isfinite(trace.sticks[0]).tolist() == [True, True, False, False]


def test_the_reference_has_idle_and_usual_look(template: Template) -> None:
    usual = np.full((atlas.HEIGHT_PX, atlas.WIDTH_PX, 3), 7, np.uint8)
    assert (reference_atlas(template, usual)[..., 4:] == 7).all()


def test_a_clip_of_one_frame_is_read(tmp_path: Path, template: Template) -> None:
    write_clip(tmp_path / "a.mp4", width=320, height=200, num_frames=1)
    assert read_clip(tmp_path / "a.mp4", np.zeros(1), template, AFFINE, FakeParser()).num_frames == 1


def test_a_thumb_is_down_only_while_its_cap_looks_unusual(tmp_path: Path) -> None:
    """The parser here takes every cap for pressed, as it may where a moved cap differs from the idle look."""
    renderer = place("xbox_one-flat-01", 300, 5, 5)
    template, pts_s = renderer.skin.template(), np.arange(90) / 30
    truth = write_overlay_clip(tmp_path / "a.mp4", renderer, pts_s, size=(320, 200), seed=5)
    reach = atlas.stick_reach(template.controls, template.width)
    places = (truth.sticks.reshape(-1, 2, 2) * reach[:, None]).astype(np.float32)
    done = 0

    def predict(pairs: np.ndarray, reference: np.ndarray) -> Reading:
        nonlocal done
        rows = slice(done, done := done + len(pairs))
        return Reading(np.full((len(pairs), 17), 0.95, np.float32), places[rows], np.ones((len(pairs), 2), np.float32))

    trace = read_clip(tmp_path / "a.mp4", pts_s, template, renderer.affine, predict)
    for name in ("left_thumb", "right_thumb"):
        channel = DATASET.index(name)
        down = truth.buttons[:, channel] == 1
        assert 0 < down.sum() < 40, "choose another seed"
        assert (trace.buttons[:, channel] == down).mean() > 0.95
    south = trace.buttons[:, DATASET.index("south")]
    assert (south == 1).all(), "other buttons are left alone"


def test_a_thumb_button_drawn_away_from_its_stick_does_not_depend_on_the_cap(tmp_path: Path) -> None:
    renderer = place("xbox_one-flat-01", 300, 5, 5)
    template, pts_s = renderer.skin.template(), np.arange(30) / 30
    write_overlay_clip(tmp_path / "a.mp4", renderer, pts_s, size=(320, 200), seed=5)
    controls = dict(template.controls)
    controls["left_thumb"] = replace(controls["left_thumb"], cx=controls["left_stick"].cx + 0.4 * template.width)
    moved = replace(template, controls=controls)

    def predict(pairs: np.ndarray, reference: np.ndarray) -> Reading:
        ones = np.ones((len(pairs), 2), np.float32)
        return Reading(np.full((len(pairs), 17), 0.95, np.float32), np.zeros((len(pairs), 2, 2), np.float32), ones)

    trace = read_clip(tmp_path / "a.mp4", pts_s, moved, renderer.affine, predict)
    left, right = (trace.buttons[:, DATASET.index(name)] for name in ("left_thumb", "right_thumb"))
    assert (left == 1).all() and (right == 0).any()


def test_what_a_moving_stick_adds_to_a_thumb_button_is_no_press() -> None:
    moved, pressed = np.full(50, 0.75, np.float32), np.full(20, 0.97, np.float32)
    up = np.full(930, 0.1, np.float32)
    out = _above_usual(np.concatenate([up, moved, pressed]))
    assert (out[:980] < 0.5).all() and (out[980:] > 0.5).all()
    held = np.concatenate([up[:500], np.full(500, 0.9, np.float32)])
    assert (_above_usual(held) == held).all()
