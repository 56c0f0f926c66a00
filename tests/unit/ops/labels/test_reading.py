import numpy as np

from ops.gamepad import CONTROLS, DATASET, STICKS
from ops.labels import atlas
from ops.labels.reading import Reading, reading_to_trace
from ops.skins.template import Template
from tests.factories.overlays import place


def test_readings_of_consecutive_stretches_are_one() -> None:
    parts = [
        Reading(np.full((n, 17), n / 10, np.float32), np.zeros((n, 2, 2), np.float32), np.ones((n, 2), np.float32))
        for n in (2, 1)
    ]
    whole = Reading.join(parts)
    assert whole.places.shape == (3, 2, 2) and whole.certainty.shape == (3, 2)
    np.testing.assert_allclose(whole.pressed[:, 0], [0.2, 0.2, 0.1])


def test_sticks_are_displacement_over_travel_and_confidence_is_of_what_was_read() -> None:
    template = place("ps4-flat-01", 300, 0, 0).skin.template()
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
