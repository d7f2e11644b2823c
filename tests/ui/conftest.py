"""The page in Debian's Chromium, driven over WebDriver, against the service with the sandbox behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from tests.service import Service
from tests.ui.page import Page, start_chromium


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    found = start_chromium(tmp_path_factory.mktemp("profile"))
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
