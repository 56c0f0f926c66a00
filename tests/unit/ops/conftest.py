import pytest

from ops.crawl import errors as crawl_errors


@pytest.fixture(autouse=True)
def _forgiving_breaker() -> None:
    """What one test's server refused is not held against the next one's, which has the same host."""
    crawl_errors.BREAKER.__init__()  # type: ignore[misc]
