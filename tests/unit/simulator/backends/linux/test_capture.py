"""Frames have the size that was asked for, whatever the window's is."""

import cv2
import numpy as np

from tests.unit.simulator.toy import PLAY, SIZE


def test_a_game_of_one_size_is_scaled(make_toy):
    whole, small = make_toy(input_map=PLAY), make_toy(input_map=PLAY, screen=SIZE, size=(64, 64))
    for toy in (whole, small):
        toy.launcher.start(0)
        toy.clock.advance(5)
    expected = cv2.resize(whole.capture.grab(), (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(small.capture.grab(), expected)
