from collections.abc import Iterator

import pytest

from ops.crawl import errors as crawl_errors
from pipelines.demo.server import ClipPage
from tests.factories.media import make
from tests.factories.server import BadServer, serve_badly


@pytest.fixture(autouse=True)
def _forgiving_breaker() -> None:
    """What one test's server refused is not held against the next one's, which has the same host."""
    crawl_errors.BREAKER.__init__()  # type: ignore[misc]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[ClipPage]:
    """Two whole videos and one whose end is missing, as pages of a site."""
    folder = tmp_path_factory.mktemp("clips")
    return [
        ClipPage(make("h264", folder), "Clip <one> & more", "Ann", "Doom", "shooter", "CC0", 2.0),
        ClipPage(make("vp9", folder), "Clip two", "Bob"),
        ClipPage(make("truncated_faststart", folder), "Clip three", "Bob", "Doom"),
    ]


@pytest.fixture
def server(clips: list[ClipPage]) -> Iterator[BadServer]:
    with serve_badly(clips) as running:
        yield running


@pytest.fixture
def naps() -> list[float]:
    """Return a list that takes the waits which code asks for."""
    return []
