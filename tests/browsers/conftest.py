"""The page in Firefox and in WebKitGTK, on a real API and a real worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from server.pages.page import FOLDER
from tests.browsers.firefox import firefox
from tests.browsers.hand import Hand
from tests.browsers.webdriver import Driver
from tests.browsers.webkit import webkit
from tests.running.paths import REPOSITORY
from tests.running.site import Site

PICTURES = REPOSITORY / "build" / "browsers"
"""Where what was looked at lies afterwards."""


@pytest.fixture(scope="module", params=[firefox, webkit], ids=["firefox", "webkit"])
def driver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Driver]:
    assert (FOLDER / "index.html").is_file(), "the page is not built: sh clients/web/build.sh"
    with request.param(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def hand(driver: Driver, site: Site) -> Hand:
    site.empty()
    return Hand(driver, site.url, PICTURES / driver.name)
