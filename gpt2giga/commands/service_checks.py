"""What `gpt2giga doctor` asks of the running service, as a client would: through its URL and what is in between."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import requests

from gpt2giga import __version__
from gpt2giga.commands.report import Report, Sick
from gpt2giga.commands.stream_timing import Arrivals
from gpt2giga.config.settings import Settings

SECONDS = 60
LOCAL = ("127.0.0.1", "localhost", "::1")
BEHIND = (502, 503, 504)


class ServiceChecks:
    """`question` is what `direct` has answered without the service."""

    def __init__(self, url: str, settings: Settings, question: dict[str, Any], direct: Arrivals | None) -> None:
        self._url = url
        self._settings = settings
        self._question = question
        self._direct = direct
        self._session = requests.Session()
        # Proxies of the environment are for the way out, and many forget to leave this machine out of it.
        self._session.trust_env = urlsplit(url).hostname not in LOCAL

    def run(self, report: Report) -> None:
        failed = "" if report.run("service", self._check_health) else "service"
        for name, check in (("access", self._check_access), ("flow", self._check_flow)):
            if failed:
                report.skip(name, f"not tried, since {failed} failed")
            elif name == "flow" and self._settings.server.pass_token:
                report.skip(name, "not tried: the accounts are the clients'")
            elif not report.run(name, check):
                failed = name

    def close(self) -> None:
        self._session.close()

    def _check_health(self) -> str:
        response = self._send("GET", "/health")
        facts = _object(response.content)
        if response.status_code in BEHIND and "backend" not in facts:
            raise Sick(
                f"{self._url}: the web server there answers {response.status_code}, since it does not reach gpt2giga: "
                "start it, and compare the address in the web server's configuration with GPT2GIGA_HOST and _PORT."
            )
        if response.status_code != 200 or "backend" not in facts:
            raise Sick(
                f"{self._url}: something else answers there (HTTP {response.status_code}): another program has taken "
                "the port, or --url leads elsewhere."
            )
        return f"{self._url} answers, version {facts['version']}, in front of {facts['backend']}{self._doubt(facts)}"

    def _doubt(self, facts: dict[str, Any]) -> str:
        if facts["version"] != __version__:
            return f"; this command is {__version__}: restart the service after an update"
        if facts["backend"] != self._settings.backend:
            return f"; these settings say {self._settings.backend}: it runs with others"
        return ""

    def _check_access(self) -> str:
        without = self._send("GET", "/v1/models")
        if self._settings.server.pass_token:
            return _expected(without, 401, "the service runs without GPT2GIGA_PASS_TOKEN: restart it.")
        if not self._settings.server.api_key:
            if without.status_code == 401:
                raise Sick("the service asks for a key, and these settings hold none: name its file with --env-file.")
            return _expected(without, 200, "", "no key is asked")
        if without.status_code == 200:
            raise Sick("the service lets everybody in although GPT2GIGA_API_KEY is set: restart it.")
        shown = self._send("GET", "/v1/models", key=True)
        if _words(shown).startswith("No API key"):
            raise Sick("the web server in between keeps the header Authorization to itself: let it pass it on.")
        if shown.status_code == 401:
            raise Sick("the service does not take the key of these settings: restart it, or name its --env-file.")
        return _expected(shown, 200, "", "the key is asked and taken")

    def _check_flow(self) -> str:
        arrivals, response = Arrivals(), self._send("POST", "/v1/chat/completions", key=True, json=self._question)
        if response.status_code != 200:
            raise Sick(f"HTTP {response.status_code}: {_words(response)}")
        received = bytearray()
        try:
            for piece in response.iter_content(None):
                arrivals.note()
                received += piece
        except requests.RequestException:
            raise Sick(
                f"the stream broke off after {arrivals.last:.0f} s: raise the web server's time limits."
            ) from None
        _check_end(bytes(received))
        return self._verdict(arrivals, response)

    def _verdict(self, arrivals: Arrivals, response: requests.Response) -> str:
        held_back = arrivals.was_held_back(self._direct)
        packed = response.headers.get("Content-Encoding")
        if held_back or packed:
            how = f"packs it ({packed})" if packed else f"passes it on in {arrivals.moments} lumps"
            raise Sick(
                f"something between here and the service holds the stream back: it {how}, {arrivals}. Switch buffering "
                "and compression off for it (nginx: proxy_buffering off, gzip off)."
            )
        return f"{arrivals}; {'too fast to tell whether something holds it back' if held_back is None else 'it flows'}"

    def _send(self, method: str, path: str, *, key: bool = False, json: Any = None) -> requests.Response:
        def show(request: requests.PreparedRequest) -> requests.PreparedRequest:
            """Also without a key: or else requests looks for one in ~/.netrc."""
            if key and self._settings.server.api_key:
                request.headers["Authorization"] = f"Bearer {self._settings.server.api_key[0]}"
            return request

        try:
            return self._session.request(
                method, self._url + path, json=json, auth=show, timeout=SECONDS, stream=json is not None
            )
        except requests.exceptions.SSLError:
            raise Sick(f"{self._url}: this machine does not trust the certificate shown there.") from None
        except requests.Timeout:
            raise Sick(f"{self._url}: no answer within {SECONDS} s.") from None
        except (requests.RequestException, ValueError):  # ValueError: a URL that is none
            raise Sick(
                f"nothing answers on {self._url}: start the service (gpt2giga), or name its address with --url."
            ) from None


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(text: bytes) -> str:
    """What the service says is wrong; the page of a web server before it says nothing we could use."""
    error = _object(text).get("error")
    return str(error.get("message", "")) if isinstance(error, dict) else ""


def _words(response: requests.Response) -> str:
    return _error(response.content)


def _expected(response: requests.Response, status: int, cure: str, said: str = "each client shows its own") -> str:
    if response.status_code != status:
        raise Sick(cure or f"HTTP {response.status_code}: {_words(response) or 'no explanation'}")
    return said


def _check_end(received: bytes) -> None:
    events = [line[6:] for line in received.splitlines() if line.startswith(b"data: ")]
    if not events:
        raise Sick("the answer is not a stream: something in between has replaced it.")
    if events[-1] != b"[DONE]":
        raise Sick(f"the stream ended before its time: {_error(events[-1]) or 'something in between cut it.'}")
