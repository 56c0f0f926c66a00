"""The four video stages in a row over one batch, in the sandbox, with a reader that looks nothing up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.matchers.sift import SiftMatcher
from ops.gamepad import DATASET
from ops.labels.reading import Reading
from ops.labels.refine import RefineConfig
from ops.outcomes import Outcome
from ops.overlay.boxes import box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.index import TemplateIndex
from ops.overlay.tracks import track_from
from ops.skins.procedural import make_skin
from ops.stages.crops import CropVideo
from ops.stages.labels import ReadActions, RefineActions
from ops.stages.library import local_library
from ops.stages.locations import LocateVideo
from ops.store.batch import Stage, Unit, run_batch
from ops.store.layout import (
    ACTION_TABLE,
    ACTIONS,
    CROPS,
    FRAME_TABLE,
    GAME_CLIP,
    GAMEPAD_CLIP,
    LOCATIONS,
    RAW_ACTIONS,
    VIDEOS,
    unit_key,
)
from ops.store.parallel import SerialMapper
from ops.store.storage import Store, sha256_file
from ops.store.tables import table_to_trace
from tests.factories.media import probed
from tests.factories.overlays import place, write_overlay_clip

BATCH, LIBRARY = "batch-000001", "overlay/templates/library"
NUM_FRAMES = 24


class BlinkingReader:
    """Says that south is down in frames 5, 10, 11, 12 and the left stick half way to the right."""

    def __call__(self, pairs: np.ndarray, reference: np.ndarray) -> Reading:
        rows = len(pairs)
        pressed = np.full((rows, 17), 0.1, np.float32)
        pressed[[5, 10, 11, 12], DATASET.index("south")] = 0.9
        places = np.zeros((rows, 2, 2), np.float32)
        places[:, 0, 0] = 0.2
        return Reading(pressed, places, np.full((rows, 2), 0.8, np.float32))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, tuple[Unit, ...]]]:
    """Return a store in which a good, a plain and a broken video went through the stages, and the units of each."""
    store = Store(str(tmp_path_factory.mktemp("home")))
    library = Path(store.uri(LIBRARY))
    library.mkdir(parents=True)
    templates = [make_skin(name).template() for name in ("ps4-flat-01", "switch-solid-01")]
    for template in templates:
        template.save(library)
    TemplateIndex.build(templates, SiftMatcher(), LocateConfig()).save(library)
    inputs = [_video(store, name) for name in ("good", "plain", "broken")]
    locate = LocateVideo((SiftMatcher(),), LIBRARY, "c1", LocateConfig(num_frames=4))
    stages = [
        (LOCATIONS, locate),
        (CROPS, CropVideo(LIBRARY, "c1")),
        (RAW_ACTIONS, ReadActions(LIBRARY, "c1", lambda: lambda template: BlinkingReader())),
        (ACTIONS, RefineActions(RefineConfig())),
    ]
    units: dict[str, tuple[Unit, ...]] = {VIDEOS: tuple(inputs)}
    for asset, function in stages:
        before = list(units.values())[-1]
        units[asset] = run_batch(store, Stage(asset, "1"), BATCH, before, function, SerialMapper()).units
    return store, units


def _video(store: Store, name: str) -> Unit:
    key = f"{VIDEOS}/{BATCH}/{name}/video.mp4"
    if name == "broken":
        store.write_bytes(key, b"\0" * 1000)
    else:
        renderer = None if name == "plain" else place("ps4-flat-01", 260, 360, 180)
        with store.writing(key) as path:
            write_overlay_clip(path, renderer, np.arange(NUM_FRAMES) / 30, gop=6)
    facts = probed(num_frames=NUM_FRAMES, fps=30.0, width=640, height=360)
    unit = Unit(name, Outcome.ok(path="video.mp4", probe=facts.to_dict()))
    store.write_json(unit_key(VIDEOS, BATCH, name), unit.to_record())
    return unit


def test_each_video_ends_where_it_should(chain) -> None:
    _, units = chain
    kinds = {asset: {unit.video_id: unit.outcome.kind for unit in found} for asset, found in units.items()}
    assert kinds[LOCATIONS] == {"good": "ok", "plain": "rejected", "broken": "failed"}
    assert kinds[CROPS] == kinds[RAW_ACTIONS] == kinds[ACTIONS] == {"good": "ok"}
    reasons = {unit.video_id: unit.outcome.reason for unit in units[LOCATIONS]}
    assert reasons["plain"].startswith("no overlay found:") and "\n" not in reasons["broken"] and reasons["broken"]


def test_the_track_is_where_the_overlay_is(chain) -> None:
    data = {unit.video_id: unit.outcome.data for unit in chain[1][LOCATIONS]}["good"]
    track = track_from(data["tracks"][0])
    assert box_iou(track.box, place("ps4-flat-01", 260, 360, 180).box) > 0.93
    assert track.template_id == "ps4-flat-01" and data["video"] == "video.mp4"


def test_records_name_every_file_by_its_hash(chain) -> None:
    store, units = chain
    expected = {CROPS: {GAMEPAD_CLIP, GAME_CLIP, FRAME_TABLE}, RAW_ACTIONS: {ACTION_TABLE}, ACTIONS: {ACTION_TABLE}}
    for asset, names in expected.items():
        (unit,) = units[asset]
        assert set(unit.files) == names
        for name, digest in unit.files.items():
            assert sha256_file(Path(store.uri(f"{asset}/{BATCH}/good/{name}"))) == digest


def test_labels_have_a_row_per_frame_and_are_what_was_read(chain) -> None:
    store, units = chain
    raw, refined = (
        table_to_trace(store.read_table(f"{asset}/{BATCH}/good/{ACTION_TABLE}")) for asset in (RAW_ACTIONS, ACTIONS)
    )
    south = DATASET.index("south")
    assert np.flatnonzero(raw.buttons[:, south]).tolist() == [5, 10, 11, 12]
    assert np.flatnonzero(refined.buttons[:, south]).tolist() == [10, 11, 12]
    np.testing.assert_allclose(raw.pts_s, np.arange(NUM_FRAMES) / 30, atol=1e-4)
    assert units[CROPS][0].outcome.data["num_frames"] == raw.num_frames == refined.num_frames == NUM_FRAMES
    facts = units[ACTIONS][0].outcome.data
    read, fitted = 0.9, 1.5  # log odds are stated so many times higher than they are read
    stated = read**fitted / (read**fitted + (1 - read) ** fitted)
    assert facts["quality"]["south"] == pytest.approx(stated, abs=0.01) and 0 < facts["active_share"] <= 1


def test_a_rerun_gives_the_same_records(chain) -> None:
    store, units = chain
    before = {key: store.read_bytes(key) for key in store.list(CROPS)}
    stage, function = Stage(CROPS, "1", "forced anew"), CropVideo(LIBRARY, "c1")
    (unit,) = run_batch(store, stage, BATCH, units[LOCATIONS], function, SerialMapper()).units
    assert replace(unit, fingerprint="") == replace(units[CROPS][0], fingerprint="")
    for name in (GAMEPAD_CLIP, GAME_CLIP, FRAME_TABLE):
        key = f"{CROPS}/{BATCH}/good/{name}"
        assert store.read_bytes(key) == before[key]


def test_a_local_library_is_used_in_place(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert local_library(store, "a/b", "x") == Path(store.uri("a/b"))
