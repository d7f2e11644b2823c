"""Home Assistant itself, without a browser: installed once into the user's cache folder, set up by its own web API."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.clients.npm import cached
from tests.service import free_port
from tests.sockets import eventually

VERSION = "2025.4.4"  # the last that every Python 3.13 runs
PARTS = ("ollama", "frontend", "onboarding", "light", "input_boolean", "template")
INSTALL_SECONDS, START_SECONDS = 600, 120
LIGHT = "light.kitchen"
# A light that is only a switch in its memory.
CONFIGURATION = """
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
config:
conversation:
onboarding:
input_boolean:
  lamp:
light:
  - platform: template
    lights:
      kitchen:
        friendly_name: Kitchen
        value_template: "{{{{ is_state('input_boolean.lamp', 'on') }}}}"
        turn_on: {{action: input_boolean.turn_on, target: {{entity_id: input_boolean.lamp}}}}
        turn_off: {{action: input_boolean.turn_off, target: {{entity_id: input_boolean.lamp}}}}
"""


def install() -> Path:
    """Its folder of programs; skips the test where there is no Python for it."""
    folder = cached(f"home-assistant-{VERSION}")
    if not (folder / "complete").exists():
        subprocess.run([_python(), "-m", "venv", folder], check=True)
        _pip(folder, [f"homeassistant=={VERSION}"])
        [components] = folder.glob("lib/python*/site-packages/homeassistant/components")
        _pip(folder, [*_requirements(components, PARTS), "numpy"], components.parent / "package_constraints.txt")
        (folder / "complete").touch()
    return folder / "bin"


def _python() -> str:
    found = [shutil.which("python3.13"), *Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13")]
    for python in found:
        if python and subprocess.run([python, "--version"], capture_output=True).returncode == 0:
            return str(python)
    pytest.skip("needs Python 3.13")


def _pip(folder: Path, packages: Iterable[str], constraints: Path | None = None) -> None:
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages]
    subprocess.run([*command, *(["-c", constraints] if constraints else [])], check=True, timeout=INSTALL_SECONDS)


def _requirements(components: Path, names: Iterable[str]) -> set[str]:
    """It would install them by itself, from servers of its own too."""
    waiting, seen, found = [*names], set[str](), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            manifest = json.loads((components / name / "manifest.json").read_text())
            waiting += manifest.get("dependencies", [])
            found |= {*manifest.get("requirements", [])}
    return found


class HomeAssistant:
    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()

    def call(self, path: str, **body: Any) -> Any:
        response = self._session.post(f"{self.url}{path}", json=body, timeout=60)
        assert response.ok, response.text
        return response.json()

    def onboard(self) -> None:
        """The first user, who may do everything."""
        client = f"{self.url}/"
        user = {"name": "a", "username": "a", "password": "a secret", "language": "ru", "client_id": client}
        code = self.call("/api/onboarding/users", **user)["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": client}
        token = requests.post(f"{self.url}/auth/token", data=form, timeout=60).json()["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def add_ollama(self, url: str, model: str) -> list[str]:
        """As a user adds the integration, who then lets it control the house. The models it offers."""
        flows = "/api/config/config_entries/flow"
        flow = self.call(flows, handler="ollama")["flow_id"]
        asked = self.call(f"{flows}/{flow}", url=url)["data_schema"][0]["selector"]["select"]["options"]
        entry = self.call(f"{flows}/{flow}", model=model)["result"]["entry_id"]
        flows = "/api/config/config_entries/options/flow"
        flow = self.call(flows, handler=entry)["flow_id"]
        self.call(
            f"{flows}/{flow}", prompt="Ты — дом.", llm_hass_api="assist", num_ctx=8192, max_history=20, keep_alive=-1
        )
        return [option["value"] for option in asked]

    def states(self) -> dict[str, str]:
        found = self._session.get(f"{self.url}/api/states", timeout=60).json()
        return {entity["entity_id"]: entity["state"] for entity in found}

    def say(self, agent: str, text: str) -> str:
        """As soon as the agent is there, for with other options the integration begins anew."""
        assert eventually(lambda: self.states().get(agent, "unavailable") != "unavailable"), self.states()
        answer = self.call("/api/conversation/process", text=text, agent_id=agent, language="ru")["response"]
        said: str = answer["speech"]["plain"]["speech"]
        assert answer["response_type"] == "action_done", said
        return said


@contextlib.contextmanager
def home_assistant(folder: Path) -> Iterator[HomeAssistant]:
    port, programs = free_port(), install()
    folder.mkdir()
    (folder / "configuration.yaml").write_text(CONFIGURATION.format(port=port))
    command = [programs / "hass", "--config", folder, "--skip-pip"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        found = HomeAssistant(f"http://127.0.0.1:{port}")
        _wait(found, process, folder / "log")
        yield found
    finally:
        process.terminate()
        process.wait(30)


def _wait(started: HomeAssistant, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(f"{started.url}/api/onboarding", timeout=5).ok:
                return
        time.sleep(0.2)
    pytest.fail(log.read_text()[-3000:], pytrace=False)
