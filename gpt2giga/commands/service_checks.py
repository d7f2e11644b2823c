"""What `gpt2giga doctor` asks of the running service, as a client would: through its URL and what is in between."""

from __future__ import annotations

import json
from typing import Any

import requests

from gpt2giga import __version__
from gpt2giga.commands.report import ACCOUNTS_OF_CLIENTS, CheckFailed, not_tried_since, Report
from gpt2giga.commands.service_client import bearer, open_session
from gpt2giga.commands.stream_timing import StreamTiming
from gpt2giga.config.settings import Settings
from gpt2giga.language import _, ngettext

READ_SECONDS = 60
# A web server answers so when what is behind it does not answer.
GATEWAY_STATUSES = (502, 503, 504)


class ServiceChecks:
    """key: to show to it. `question` is what `direct` has answered without the service."""

    def __init__(
        self, url: str, key: str, settings: Settings, question: dict[str, Any], direct: StreamTiming | None
    ) -> None:
        self._url, self._key = url, key
        self._settings = settings
        self._question = question
        self._direct = direct
        self._session = open_session(url)
        self._lacks_key = False

    def run(self, report: Report) -> None:
        failed = "" if report.run("service", self._check_health) else "service"
        for name, check in (("access", self._check_access), ("flow", self._check_flow)):
            if failed:
                report.skip(name, not_tried_since(failed))
            elif name == "flow" and self._settings.server.pass_token:
                report.skip(name, _(ACCOUNTS_OF_CLIENTS))
            elif name == "flow" and self._lacks_key:
                report.skip(name, _("not tried: it takes a key of gpt2giga keys, which --api-key can name"))
            elif not report.run(name, check):
                failed = name

    def close(self) -> None:
        self._session.close()

    def _check_health(self) -> str:
        response = self._send("GET", "/health")
        facts = _object(response.content)
        if response.status_code in GATEWAY_STATUSES and "backend" not in facts:
            raise CheckFailed(
                _(
                    "{url}: the web server there answers {status}, since it does not reach gpt2giga: start it, and "
                    "compare the address in the web server's configuration with GPT2GIGA_HOST and _PORT.",
                    url=self._url,
                    status=response.status_code,
                )
            )
        if response.status_code != 200 or "backend" not in facts:
            raise CheckFailed(
                _(
                    "{url}: something else answers there (HTTP {status}): another program has taken the port, or --url "
                    "leads elsewhere.",
                    url=self._url,
                    status=response.status_code,
                )
            )
        found = _(
            "{url} answers, version {version}, in front of {backend}",
            url=self._url,
            version=facts["version"],
            backend=facts["backend"],
        )
        return found + self._doubt(facts)

    def _doubt(self, facts: dict[str, Any]) -> str:
        if facts["version"] != __version__:
            return _("; this command is {version}: restart the service after an update", version=__version__)
        if facts["backend"] != self._settings.backend:
            return _("; these settings say {backend}: it runs with others", backend=self._settings.backend)
        return ""

    def _check_access(self) -> str:
        without = self._send("GET", "/v1/models")
        _check_own_key(without)
        if self._settings.server.pass_token:
            return _check_status(without, 401, _("the service runs without GPT2GIGA_PASS_TOKEN: restart it."))
        if not self._key:
            if without.status_code == 401:
                self._lacks_key = self._settings.store.may_hold_keys
            if self._lacks_key:
                return _("a key of gpt2giga keys is asked for")
            if without.status_code == 401:
                raise CheckFailed(
                    _("the service asks for a key, and these settings hold none: name its file with --env-file.")
                )
            return _check_status(without, 200, "", _("no key is asked"))
        if without.status_code == 200:
            raise CheckFailed(_("the service lets everybody in although GPT2GIGA_API_KEY is set: restart it."))
        with_key = self._send("GET", "/v1/models", key=True)
        _check_own_key(with_key)
        if _error(with_key.content).startswith("No API key"):
            raise CheckFailed(
                _("the web server in between keeps the header Authorization to itself: let it pass it on.")
            )
        if with_key.status_code == 401:
            raise CheckFailed(
                _("the service does not take the key of these settings: restart it, or name its --env-file.")
            )
        return _check_status(with_key, 200, "", _("the key is asked and taken"))

    def _check_flow(self) -> str:
        timing, response = StreamTiming(), self._send("POST", "/v1/chat/completions", key=True, json=self._question)
        if response.status_code != 200:
            raise CheckFailed(f"HTTP {response.status_code}: {_error(response.content)}")
        received = bytearray()
        try:
            for piece in response.iter_content(None):
                timing.note()
                received += piece
        except requests.RequestException:
            raise CheckFailed(
                _(
                    "the stream broke off after {seconds:.0f} s: raise the web server's time limits.",
                    seconds=timing.last,
                )
            ) from None
        _check_end(bytes(received))
        return self._verdict(timing, response)

    def _verdict(self, timing: StreamTiming, response: requests.Response) -> str:
        held_back = timing.was_held_back(self._direct)
        packed = response.headers.get("Content-Encoding")
        if held_back or packed:
            lumps = ngettext("it passes it on in {count} lump", "it passes it on in {count} lumps", timing.moments)
            how = _("it packs it ({how})", how=packed) if packed else lumps
            raise CheckFailed(
                _(
                    "something between here and the service holds the stream back: {how}, {timing}. Switch buffering "
                    "and compression off for it (nginx: proxy_buffering off, gzip off).",
                    how=how,
                    timing=timing,
                )
            )
        verdict = _("too fast to tell whether something holds it back") if held_back is None else _("it flows")
        return f"{timing}; {verdict}"

    def _send(self, method: str, path: str, *, key: bool = False, json: Any = None) -> requests.Response:
        auth = bearer(self._key if key else "")
        try:
            return self._session.request(
                method, self._url + path, json=json, auth=auth, timeout=READ_SECONDS, stream=json is not None
            )
        except requests.exceptions.SSLError:
            raise CheckFailed(
                _("{url}: this machine does not trust the certificate shown there.", url=self._url)
            ) from None
        except requests.Timeout:
            raise CheckFailed(_("{url}: no answer within {seconds} s.", url=self._url, seconds=READ_SECONDS)) from None
        except (requests.RequestException, ValueError):  # ValueError: a URL that is none
            raise CheckFailed(
                _(
                    "nothing answers on {url}: start the service (gpt2giga), or name its address with --url.",
                    url=self._url,
                )
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


def _check_own_key(response: requests.Response) -> None:
    """A 401 as well, but not for what the client has shown."""
    error = _object(response.content).get("error")
    if isinstance(error, dict) and error.get("code") == "gigachat_credentials_rejected":
        raise CheckFailed(
            _(
                "GigaChat rejects the key that the service runs with: once the key in .env is right, "
                "restart the service."
            )
        )


def _check_status(response: requests.Response, status: int, cure: str, verdict: str = "") -> str:
    if response.status_code != status:
        explanation = _error(response.content) or _("no explanation")
        raise CheckFailed(cure or f"HTTP {response.status_code}: {explanation}")
    return verdict or _("each client shows its own")


def _check_end(received: bytes) -> None:
    events = [line[6:] for line in received.splitlines() if line.startswith(b"data: ")]
    if not events:
        raise CheckFailed(_("the answer is not a stream: something in between has replaced it."))
    if events[-1] != b"[DONE]":
        raise CheckFailed(
            _("the stream ended before its time: {why}", why=_error(events[-1]) or _("something in between cut it."))
        )
