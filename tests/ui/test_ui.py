"""Drives the Dagster UI in Chromium over an instance that a small materialization filled; screenshots are kept."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from assets.workers.sources import write_plan
from ops.store.storage import Store
from pipelines.demo.server import ClipPage, serve_clips
from pipelines.instance import REPOSITORY, open_instance
from pipelines.runs import run_job
from tests.assets.conftest import BATCH
from tests.assets.test_raw import plan_for
from tests.factories.library import use_small_library
from tests.factories.media import write_clip

SCREENSHOTS = REPOSITORY / "artifacts" / "ui"
_BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(_BROWSER is None, reason="no Chromium here; install one (apt-get install chromium)"),
]
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_START_S = 120


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The UI's address; its instance holds one crawled batch and a template library."""
    root = tmp_path_factory.mktemp("ui")
    environment = {"OVERPLAY_HOME": str(root / "data"), "OVERPLAY_ENVIRONMENT": "test"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(root / "dagster"))
        for name, value in environment.items():
            patch.setenv(name, value)
        use_small_library(patch, ("ps4-flat-01", "xbox_one-flat-01", "switch-solid-01"))
        _fill(root)
        with _webserver(root) as url:
            yield url


def _fill(root: Path) -> None:
    store = Store.from_environment()
    clip = write_clip(root / "a-clip.mp4")
    with open_instance(root / "dagster") as instance, serve_clips([ClipPage(clip, "A clip", "someone")]) as server:
        write_plan(store, plan_for(server.playlist_url))
        for job, batch in (("crawl", None), ("library", None), ("batch", BATCH)):
            report = run_job(instance, job, "test", batch)
            assert report.success, report.error


@contextmanager
def _webserver(root: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = root / "webserver.log"
    command = [str(Path(sys.executable).with_name("dagster-webserver")), "-w", "workspace.yaml"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)], cwd=REPOSITORY, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            urllib.request.urlopen(url, timeout=2).read()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(log.read_text()[-2000:])


@pytest.fixture(scope="module")
def page(address: str):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_BROWSER, args=_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1900, "height": 1100})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def _keep(page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"))


def test_lineage_graph_shows_all_layers(page, address: str) -> None:
    page.goto(f"{address}/asset-groups")
    page.get_by_text("overlay").first.wait_for()
    page.wait_for_timeout(1500)
    page.keyboard.press("Alt+E")  # groups are drawn folded up
    page.get_by_text("locations", exact=True).first.wait_for()
    page.wait_for_timeout(5000)  # statuses come after the graph
    _keep(page, "lineage")
    for noun in ("catalog", "videos", "templates", "crops", "shards", "checkpoint"):
        assert page.get_by_text(noun, exact=True).count(), noun


def test_partition_page_shows_the_batch(page, address: str) -> None:
    page.goto(f"{address}/assets/raw/videos?view=partitions&partition={BATCH}")
    page.get_by_text(BATCH).first.wait_for()
    page.get_by_text("num_ok").first.wait_for()
    _keep(page, "partition")
    assert page.get_by_text("rejected_by_reason").count()


def test_preview_picture_is_drawn(page, address: str) -> None:
    page.goto(f"{address}/assets/overlay/templates?view=overview")
    page.get_by_text("[Show Markdown]").first.click()
    picture = page.locator("img[src^='data:image/png']").first
    picture.wait_for()
    page.wait_for_timeout(500)
    _keep(page, "preview")
    assert picture.evaluate("image => image.naturalWidth") > 300
