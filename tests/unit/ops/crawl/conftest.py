from pathlib import Path

import pytest

from pipelines.demo.server import ClipPage
from tests.factories.media import write_clip


@pytest.fixture(scope="session")
def short_clips(tmp_path_factory: pytest.TempPathFactory) -> list[ClipPage]:
    """Three clips of one creator whose pages say that they last one, two and three minutes."""
    folder: Path = tmp_path_factory.mktemp("short")
    return [
        ClipPage(write_clip(folder / f"{name}.mp4", num_frames=3), name, "Ann", duration_s=60.0 * number)
        for number, name in enumerate(("one", "two", "three"), 1)
    ]
