"""Requests make no sense, over the running service: never a 5xx, a hang, a dead worker, a stream without its end.

FUZZ_REQUESTS=10000 FUZZ_SEED=1 take so many odd requests, others with another seed; -rP shows how they ended.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import chunks, gemini_chunks, message_events
from tests.fuzz import requests as odd
from tests.fuzz.common import BATCH_FILE, ITEM, KEPT, PNG_FILE, TEXT_FILE, words_of
from tests.fuzz.requests import BODIES, OddRequest
from tests.lines import lines
from tests.pictures import png
from tests.service import Service

# GigaChat's stand-in makes up what fits most schemas, but no pattern and no contradiction.
NOT_FOLLOWED = "GigaChat's answer does not follow the response format"
# The last events of streams that name their events.
ENDS = ("message_stop", "response.completed", "response.incomplete")


@pytest.fixture
def session(curt: Service) -> Iterator[requests.Session]:
    workers = Path(f"/proc/{curt.process.pid}/task/{curt.process.pid}/children")
    before = workers.read_text()
    with requests.Session() as session:
        session.trust_env = False
        yield session
    log = curt.log.read_text()
    assert "Unexpected failure" not in log and "Traceback" not in log, log[log.find("Traceback") - 500 :][:3000]
    assert workers.read_text() == before and curt.get("/health").status_code == 200


def ids_at(service: Service) -> dict[str, str]:
    """Of what the requests refer to, which is made here."""
    kept = service.post("/v1/responses", {"input": "Раз"}).json()
    text = service.post("/v1/files", files={"file": ("a.txt", b"abc", "text/plain")}).json()
    picture = service.post("/v1/files", files={"file": ("a.png", png(9), "image/png")}).json()
    lines = service.post("/v1/files", data={"purpose": "batch"}, files={"file": ("a.jsonl", b"{}")}).json()
    return {
        KEPT: kept["id"],
        ITEM: kept["output"][0]["id"],
        TEXT_FILE: text["id"],
        PNG_FILE: picture["id"],
        BATCH_FILE: lines["id"],
    }


def send(session: requests.Session, url: str, asked: OddRequest, ids: dict[str, str]) -> requests.Response:
    path, body = asked.with_ids(ids)
    prepared = session.prepare_request(requests.Request(asked.method, url, data=body, headers=asked.headers))
    prepared.url = url + path  # as it is: the library would mend it
    return session.send(prepared, timeout=20, allow_redirects=False)


def problem(asked: OddRequest, response: requests.Response) -> str:
    """Empty for a whole answer, a whole stream, or an error as the dialect's clients read it."""
    if response.status_code >= 500:
        return "" if NOT_FOLLOWED in response.text else f"{response.status_code} {response.text[:300]}"
    kind = response.headers.get("Content-Type", "")
    if kind.startswith("text/event-stream"):
        return problem_of_stream(response.content.decode(), asked.path)
    if kind.startswith("application/x-ndjson"):
        is_whole = lines(response.content.decode())[-1].get("done") or NOT_FOLLOWED in response.text
        return "" if is_whole else f"ends in {response.text[-300:]}"
    if response.status_code < 400 and asked.method == "POST" and "streamGenerateContent" in asked.path:
        return problem_of_stream(response.content.decode(), asked.path)
    # Without a body after HEAD; not JSON when gunicorn refuses what is no HTTP.
    if response.status_code < 400 or asked.method == "HEAD" or not kind.startswith("application/json"):
        return ""
    error = response.json()["error"]
    return "" if words_of(error) else f"says nothing: {error}"


def problem_of_stream(body: str, path: str) -> str:
    if "GenerateContent" in path:
        stream = gemini_chunks.chunks(body) if "alt=sse" in path else json.loads(body)
        is_whole = "finishReason" in stream[-1].get("candidates", [{}])[0]
    elif path.endswith("completions"):
        last = chunks.frames(body)[-1]
        is_whole = last == "[DONE]"
    else:
        last = message_events.events(body)[-1]["type"]
        is_whole = last in ENDS
    return "" if is_whole or NOT_FOLLOWED in body else f"ends in {body[-300:]}"


def test_unspoilt_they_are_answered(curt: Service) -> None:
    """Or nothing behind the first refusal would ever be reached."""
    ids = ids_at(curt)
    for path, good in BODIES:
        _, body = OddRequest("", path, json.dumps(good).encode()).with_ids(ids)
        response = curt.request("POST", path, data=body)
        assert response.status_code == 200, (good, response.text)


def test_odd_requests(curt: Service, session: requests.Session) -> None:
    found, statuses, ids = [], Counter[int](), ids_at(curt)
    for asked in odd.some(int(os.environ.get("FUZZ_REQUESTS", "250")), int(os.environ.get("FUZZ_SEED", "1"))):
        try:
            response = send(session, curt.url, asked, ids)
        except requests.RequestException as error:  # it took too long, or nobody answered
            found.append(f"{asked.name}\n  {error}")
            continue
        statuses[response.status_code] += 1
        if said := problem(asked, response):
            found.append(f"{asked.name}\n  {said}")
    print("statuses:", dict(sorted(statuses.items())))
    assert not found, "\n".join(found)
