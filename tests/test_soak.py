"""Five hundred streams, with everything going wrong at random: nothing is left behind, and nothing half is whole."""

from __future__ import annotations

import random
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai

from gpt2giga_sandbox.server import SandboxServer
from tests.service import Service
from tests.sockets import eventually, HELLO

SEED = 4
STREAMS = 500
AT_A_TIME = 40
SLOTS = 8
WORDS = " ".join(f"слово-{number}" for number in range(30))
MIB = 1024 * 1024
MEMORY = 24 * MIB


def random_step(chance: random.Random) -> dict[str, Any]:
    step: dict[str, Any] = {"text": WORDS, "frame_delay": chance.choice([0, 0, 0.002, 0.01])}
    faults: list[dict[str, Any]] = [
        {"status": 429},
        {"status": 429, "headers": {"Retry-After": "0.05"}},
        {"status": 500},
        {"status": 502, "body": "<html>"},
        {"fault": "reset"},
        {"fault": "close"},
        {"cut_after": chance.randrange(8)},
        {"reset_after": chance.randrange(8)},
        {"hang_after": chance.randrange(8)},
        {"split": chance.randrange(1, 50)},
        {"delay": 0.1},
    ]
    return {**step, **chance.choice(faults)} if chance.random() < 0.4 else step


class Crowd:
    """Clients, of which every third leaves after some chunks."""

    def __init__(self, client: openai.OpenAI, sandbox: SandboxServer) -> None:
        self._client, self._sandbox = client, sandbox
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()

    def run(self, count: int) -> None:
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            for outcome in pool.map(self._one, range(count)):
                self.outcomes[outcome] += 1

    def _one(self, number: int) -> str:
        chance = random.Random(SEED * 1000 + number)
        if number % 60 == 59:
            self._sandbox.state.revoke_tokens()
        leaves_after = chance.randrange(6) if chance.random() < 0.33 else None
        text, finish = "", None
        try:
            with self._client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True) as stream:
                for count, chunk in enumerate(stream):
                    if count == leaves_after:
                        return "left"
                    text += chunk.choices[0].delta.content or ""
                    finish = chunk.choices[0].finish_reason or finish
        except openai.APIStatusError as error:
            assert error.status_code in (429, 502, 503, 504), error.response.text
            assert not text
            return f"status {error.status_code}"
        except openai.APIError as error:
            assert WORDS.startswith(text) and finish is None and error.code, (text, error)
            return "cut"
        assert text == WORDS and finish == "stop", "an answer that was not cut is complete"
        return "whole"


def worker(service: Service) -> Path:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(service.process.pid)], capture_output=True, text=True)
    [pid] = found.stdout.split()
    return Path("/proc") / pid


def memory(process: Path) -> int:
    return int((process / "statm").read_text().split()[1]) * 4096


def descriptors(process: Path) -> int:
    return len([*(process / "fd").iterdir()])


def test_soak(start_service: Callable[..., Service], sandbox: SandboxServer) -> None:
    settings = {
        "GPT2GIGA_MAX_CONCURRENCY": str(SLOTS),
        "GPT2GIGA_HEARTBEAT": "0.2",
        "GIGACHAT_RETRY_BACKOFF_FACTOR": "0.02",
        "GIGACHAT_TIMEOUT": "0.5",
    }
    service = start_service(**settings)
    process = worker(service)
    chance = random.Random(SEED)
    with service.client() as client:
        crowd = Crowd(client, sandbox)
        sandbox.state.script(*(random_step(chance) for _ in range(4 * STREAMS)))
        crowd.run(100)
        before = memory(process)
        crowd.run(STREAMS - 100)
    assert crowd.outcomes.total() == STREAMS
    assert all(crowd.outcomes[outcome] > 10 for outcome in ("whole", "left", "cut")), crowd.outcomes

    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    sandbox.state.reset()
    with service.client() as client, ThreadPoolExecutor(SLOTS) as pool:
        # As many as there are slots are there at once.
        sandbox.state.script({"text": WORDS, "hang_after": 1, "times": SLOTS})
        streams = [*pool.map(lambda _: create(client), range(SLOTS))]
        assert sandbox.state.wait_for(lambda counters: counters.peak_streams == SLOTS, timeout=1)
        for stream in streams:
            stream.close()
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 0)
    assert memory(process) - before < MEMORY
    assert eventually(lambda: descriptors(process) < 60 + SLOTS), "connections are left"
    assert "Traceback" not in service.log.read_text()


def create(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model="GigaChat", messages=HELLO, stream=True)
