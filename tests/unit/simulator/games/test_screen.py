"""Facts from pictures: a template finds its shape at any size and brightness, and nothing else."""

import cv2
import numpy as np
import pytest

from simulator.games.screen import Template, ends_where

CROSS = Template(box=(0.25, 0.25, 0.75, 0.75), rows=("#...#", ".#.#.", "..#..", ".#.#.", "#...#"), channel=0)


def screen(rows, colour, size=(200, 120), noise=0):
    width, height = size
    picture = np.random.default_rng(0).integers(0, noise + 1, (height, width, 3)).astype(np.uint8)
    shape = np.array([[letter == "#" for letter in row] for row in rows], np.uint8)
    part = cv2.resize(shape, (width // 2, height // 2), interpolation=cv2.INTER_NEAREST).astype(bool)
    picture[height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2][part] = colour
    return picture


@pytest.mark.parametrize("size", [(200, 120), (640, 480), (64, 64)])
@pytest.mark.parametrize("red", [40, 255])
def test_its_shape_is_found_at_any_size_and_brightness(size, red):
    assert CROSS.likeness(screen(CROSS.rows, (red, 10, 10), size, noise=20)) > 0.9


def test_other_shapes_colours_and_nothing_are_not_it():
    assert CROSS.likeness(screen(("..#..", "..#..", "#####", "..#..", "..#.."), (255, 0, 0))) < 0.3
    assert CROSS.likeness(screen(CROSS.rows, (0, 255, 0))) == 0
    assert CROSS.likeness(screen(CROSS.rows, (255, 255, 255))) == 0
    assert CROSS.likeness(np.zeros((120, 200, 3), np.uint8)) == 0


def test_where_it_shows_the_attempt_is_over():
    read = ends_where(CROSS, 0.4)
    assert read(screen(CROSS.rows, (255, 0, 0))) == {"lost": 1, "running": 0}
    assert read(screen((".....",), (255, 0, 0), noise=200)) == {"lost": 0}
