"""The four video stages in a row over one batch, in the sandbox, with a reader that looks nothing up."""

from pathlib import Path

import numpy as np
import pytest

from models.matchers.sift import SiftMatcher
from ops.gamepad import DATASET
from ops.labels.reading import Reading
from ops.labels.refine import RefineConfig
from ops.outcomes import Outcome
from ops.overlay.config import LocateConfig
from ops.overlay.index import TemplateIndex
from ops.skins.procedural import make_skin
from ops.stages.crops import CropVideo
from ops.stages.labels import ReadActions, RefineActions
from ops.stages.locations import LocateVideo
from ops.store.batch import Stage, Unit, run_batch
from ops.store.layout import (
    ACTIONS,
    CROPS,
    LOCATIONS,
    RAW_ACTIONS,
    VIDEOS,
    unit_key,
)
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
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


@pytest.fixture(scope="package")
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
