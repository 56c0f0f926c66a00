"""A Linux game of 60 frames a second, recorded: video with overlay, clean video and truth belong together."""

import av
import numpy as np
import pyarrow.parquet as pq

from simulator.games import GAMES
from simulator.play.policies import ActionChunk
from simulator.recording.record import RecordConfig, record
from tests.unit.simulator.toy import PLAY, needs_a_compiler_and_a_display, toy_spec  # noqa: F401


class Alternating:
    """Holds south for every other ten frames, and the stick to the right."""

    def reset(self, seed):
        self.frame = 0

    def act(self, observation):
        self.frame += 1
        return ActionChunk.single(("south",) if self.frame // 10 % 2 else (), (1.0, 0, 0, 0))


def frames(path):
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


def test_a_recording_of_sixty_frames_a_second_is_ready_for_the_dataset(monkeypatch, tmp_path):
    monkeypatch.setitem(GAMES, "Toy", toy_spec(PLAY))
    config = RecordConfig(
        "toy", "Toy", None, 1.0, 160, 120, fps=60, skin_id="ps4-flat-01", overlay_px=64, margin_px=4, keep_clean=True
    )
    recording = record(config, tmp_path, lambda env: Alternating())
    shown, clean = frames(tmp_path / recording.file), frames(tmp_path / recording.clean)
    truth = pq.read_table(tmp_path / recording.truth).to_pydict()
    assert (recording.num_frames, len(shown), len(clean), len(truth["south"])) == (60, 60, 60, 60)
    assert (np.diff(truth["south"]) != 0).sum() == 6
    x, y, width, height = (round(value) for value in recording.box)
    inside = np.zeros(shown.shape[1:3], bool)
    inside[y : y + height, x : x + width] = True
    apart = np.abs(shown.astype(int) - clean).max(axis=(0, 3))
    assert apart[inside].max() > 60
    assert np.median(apart[~inside]) < 20  # what compression does
    pressed = np.array(truth["south"], bool)
    green = clean[:, 5, 150, 1] > 120  # the toy's answer to the button, one frame after the pad was told
    assert (green[1:] == pressed[:-1]).mean() > 0.95
