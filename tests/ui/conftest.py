"""The page in Debian's Chromium, driven over WebDriver, against the service with the sandbox behind it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver

from tests.service import Service
from tests.ui.page import Page


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    driver, browser = shutil.which("chromedriver"), shutil.which("chromium")
    assert driver and browser, "needs Debian's packages chromium and chromium-driver"
    options = Options()
    options.binary_location = browser
    profile = tmp_path_factory.mktemp("profile")
    # Root's Chromium wants --no-sandbox; small machines have little shared memory. Nothing is asked of the network.
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument("--host-resolver-rules=MAP evil.example 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options, Driver(driver))
    yield found
    found.quit()


@pytest.fixture
def open_page(chromium: webdriver.Chrome) -> Iterator[Callable[..., Page]]:
    """open_page(service, language="ru", theme="dark", width=400): a fresh tab, as a visitor who was never here."""
    opened: list[Page] = []

    def open_page(
        service: Service, language: str = "en", theme: str = "light", width: int = 1280, height: int = 900
    ) -> Page:
        page = Page(chromium, service.url, shots())
        page.open(language, theme, width, height)
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        page.close()


def shots() -> Path | None:
    """GPT2GIGA_... would be cleaned away: screenshots go where UI_SCREENSHOTS says, for people to look at."""
    folder = os.environ.get("UI_SCREENSHOTS")
    return Path(folder) if folder else None
