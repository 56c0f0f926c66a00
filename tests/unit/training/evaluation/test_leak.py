"""The probe finds a pad that shows through, and does not take the game for one."""

import dataclasses

import numpy as np
import pytest

from ops.gamepad import DATASET
from ops.store.storage import Store
from tests.factories.policy_data import draw_frames, make_dataset, make_trace
from training.evaluation.leak import probe_frames, probe_shards

MASK = [20, 180, 60, 40]


@pytest.fixture(scope="module")
def video():
    trace, x = make_trace(600, 30.0, 3)
    frames = draw_frames(x, 3).transpose(0, 3, 1, 2).copy()
    buttons = trace.buttons.copy()
    # A button pressed for no reason that is in the game.
    buttons[:, DATASET.index("west")] = (np.random.default_rng(0).random(60) < 0.5).repeat(10)
    frames[:, :, 180:220, 20:80] = 0
    return dataclasses.replace(trace, buttons=buttons), frames


def probe(trace, frames, masks=(MASK,)):
    rows = np.arange(0, 600, 3)
    return probe_frames("c", frames[rows], trace, rows, masks)


def test_a_masked_video_has_no_leak(video):
    found = probe(*video)
    assert not found.found, found


@pytest.mark.parametrize("place", [(184, 40, 6), (224, 60, 5)])
def test_a_button_that_shows_in_or_beside_the_mask_is_found(video, place):
    trace, frames = video
    y, x, size = place
    shown = frames.copy()
    pressed = trace.buttons[:, DATASET.index("west")] > 0.5
    shown[pressed, :, y : y + size, x : x + size] = 120
    found = probe(trace, shown)
    assert found.found and found.control == "west", found


def test_what_the_whole_picture_tells_is_the_game_and_no_leak(video):
    trace, frames = video
    pressed = trace.buttons[:, DATASET.index("west")] > 0.5
    flash = frames.copy()
    flash[pressed] = np.minimum(flash[pressed].astype(int) + 60, 255).astype(np.uint8)
    flash[:, :, 180:220, 20:80] = 0
    found = probe(trace, flash)
    assert not found.found, found


def test_nothing_is_said_without_masks_or_moves(video):
    trace, frames = video
    assert probe(trace, frames, ()).control == ""
    still = dataclasses.replace(trace, buttons=np.zeros_like(trace.buttons), sticks=np.zeros_like(trace.sticks))
    assert probe(still, frames).control == ""


def test_shards_are_probed_one_chunk_a_video(tmp_path):
    store = Store(str(tmp_path))
    make_dataset(store, num_train=2, num_val=1, seconds=4, chunk_s=2)
    found = probe_shards(store, ["batch-000001"])
    assert len(found) == 3 and not any(leak.found for leak in found)
