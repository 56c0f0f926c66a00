"""Pages are drawn without what they would run or load."""

import pytest

from ops.outcomes import BadInputError
from ops.skins.importers import browser

PAGE = browser.Page("<div></div>", (), "", 40, 30)


def test_scripts_and_embedded_pages_are_taken_out() -> None:
    text = '<a><script async src="x"></script><META http-equiv=refresh><iframe src=y>z</iframe><b></a>'
    assert browser.without_scripts(text) == "<a><b></a>"


def test_without_a_browser_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser.shutil, "which", lambda name: None)
    with pytest.raises(BadInputError, match="apt-get install chromium"):
        browser.shoot(PAGE, [browser.State()])
