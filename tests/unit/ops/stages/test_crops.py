"""The small clips, as a stage of a batch; `conftest.py` runs the batch."""

from dataclasses import replace
from pathlib import Path

from ops.stages.crops import CropVideo
from ops.store.batch import Stage, run_batch
from ops.store.layout import (
    ACTION_TABLE,
    ACTIONS,
    CROPS,
    FRAME_TABLE,
    GAME_CLIP,
    GAMEPAD_CLIP,
    LOCATIONS,
    RAW_ACTIONS,
)
from ops.store.parallel import SerialMapper
from ops.store.storage import sha256_file
from tests.unit.ops.stages.conftest import BATCH, LIBRARY


def test_records_name_every_file_by_its_hash(chain) -> None:
    store, units = chain
    expected = {CROPS: {GAMEPAD_CLIP, GAME_CLIP, FRAME_TABLE}, RAW_ACTIONS: {ACTION_TABLE}, ACTIONS: {ACTION_TABLE}}
    for asset, names in expected.items():
        (unit,) = units[asset]
        assert set(unit.files) == names
        for name, digest in unit.files.items():
            assert sha256_file(Path(store.uri(f"{asset}/{BATCH}/good/{name}"))) == digest


def test_a_rerun_gives_the_same_records(chain) -> None:
    store, units = chain
    before = {key: store.read_bytes(key) for key in store.list(CROPS)}
    stage, function = Stage(CROPS, "1", "forced anew"), CropVideo(LIBRARY, "c1")
    (unit,) = run_batch(store, stage, BATCH, units[LOCATIONS], function, SerialMapper()).units
    assert replace(unit, fingerprint="") == replace(units[CROPS][0], fingerprint="")
    for name in (GAMEPAD_CLIP, GAME_CLIP, FRAME_TABLE):
        key = f"{CROPS}/{BATCH}/good/{name}"
        assert store.read_bytes(key) == before[key]
