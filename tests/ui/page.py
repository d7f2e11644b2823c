"""What tests do with the page, and what they read off it."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

SECONDS = 10


def start_chromium(profile: Path) -> webdriver.Chrome:
    driver, browser = shutil.which("chromedriver"), shutil.which("chromium")
    assert driver and browser, "needs Debian's packages chromium and chromium-driver"
    options = Options()
    options.binary_location = browser
    # Root's Chromium wants --no-sandbox; small machines have little shared memory. Nothing is asked of the network.
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={profile}")
    options.add_argument("--host-resolver-rules=MAP evil.example 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, Driver(driver))


class Page:
    def __init__(self, browser: webdriver.Chrome, url: str, shots: Path | None) -> None:
        self.browser = browser
        self.url = url
        self.shots = shots

    def open(self, language: str, theme: str, width: int, height: int) -> None:
        self.browser.switch_to.new_window("tab")
        agent = self.browser.execute_script("return navigator.userAgent")
        self._cdp("Network.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        self._cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self._cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.browser.get_log("browser")
        self.browser.get_log("performance")
        self.browser.get(self.url)

    def close(self) -> None:
        self.browser.execute_script("localStorage.clear(); sessionStorage.clear()")
        self.browser.close()
        self.browser.switch_to.window(self.browser.window_handles[0])

    def _cdp(self, command: str, **parameters: Any) -> Any:
        return self.browser.execute_cdp_cmd(command, parameters)

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        # textContent, for a test may run while something is being redrawn.
        script = "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent.trim())"
        found: list[str] = self.browser.execute_script(script, selector)
        return found

    def text(self, selector: str) -> str:
        return " | ".join(self.texts(selector))

    def wait_for(self, selector: str, words: str = "") -> str:
        """The text of what `selector` finds, as soon as `words` are in it."""
        WebDriverWait(self.browser, SECONDS, 0.03).until(
            lambda _: self.texts(selector) and words in self.text(selector), f"{words!r} does not come up in {selector}"
        )
        return self.text(selector)

    def ready(self) -> Page:
        self.wait_for("#models.good")
        self.wait_for("#gigachat.good")
        self.wait_for("#snippet pre")
        self.wait_for("#scope", "POST")
        return self

    def script(self, source: str, *arguments: Any) -> Any:
        return self.browser.execute_script(source, *arguments)

    def module(self, name: str, expression: str) -> Any:
        """What `expression` makes of `found`, a module of the page's."""
        source = (
            f"import('/ui/{name}').then((found) => arguments[0]({expression}), (error) => arguments[0](String(error)))"
        )
        return self.browser.execute_async_script(source)

    def choose(self, selector: str, value: str) -> None:
        Select(self.find(selector)).select_by_value(value)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def press(self, key: str) -> None:
        """Where the focus is."""
        self.browser.switch_to.active_element.send_keys(getattr(Keys, key))

    def ask(self, text: str) -> None:
        self.find("#text").send_keys(text, Keys.ENTER)

    def allow_clipboard(self) -> None:
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self._cdp("Browser.grantPermissions", origin=self.url, permissions=permissions)

    def clipboard(self) -> str:
        read = "const done = arguments[0]; navigator.clipboard.readText().then(done, (error) => done(String(error)))"
        return str(self.browser.execute_async_script(read))

    def enter_key(self, key: str) -> None:
        self.find("#key").send_keys(key, Keys.ENTER)

    def style(self, selector: str, name: str) -> str:
        return self.find(selector).value_of_css_property(name)

    def complaints(self) -> list[str]:
        """What the console shows, violations of the Content-Security-Policy among it."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def addresses(self) -> set[str]:
        """Everything the page has asked for."""
        messages = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        sent = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        return {address for address in sent if not address.startswith("data:")}

    def shoot(self, name: str, *, whole: bool = True) -> None:
        """whole: also what does not fit into the window."""
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            shot = self._cdp("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
            (self.shots / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
