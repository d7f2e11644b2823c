"""Several accounts behind one service: each with its slot, its tokens, its files and its faults."""

from __future__ import annotations

import base64
import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from gpt2giga.chat import ChatRequest, Message, Text, Usage
from gpt2giga.upstream.caller import Priority
from gpt2giga.upstream.pool import set_aside
from gpt2giga.upstream.pool.pool import Pool
from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, png
from tests.sockets import eventually, HELLO

CHAT = "/v1/chat/completions"
NAMES = ("first", "second", "third")
KEYS = ",".join(base64.b64encode(f"{name}:secret".encode()).decode() for name in NAMES)
IMAGE = {"type": "image_url", "image_url": {"url": data_url(png(), "image/png")}}
QUESTION = {"type": "text", "text": "Что здесь?"}


@pytest.fixture
def app(app_with: Callable[..., Flask], sandbox: SandboxServer) -> Flask:
    """Three accounts of one slot each."""
    sandbox.state.settings.max_streams = 1
    return app_with(GIGACHAT_CREDENTIALS=KEYS, GPT2GIGA_MAX_RETRIES="0")


@pytest.fixture
def at_once() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as threads:
        yield threads


def chat(app: Flask, session: str = "", path: str = CHAT, **body: Any) -> TestResponse:
    headers = {"X-Session-ID": session} if session else {}
    return app.test_client().post(path, json={"messages": HELLO, **body}, headers=headers, buffered=True)


def pool_of(app: Flask) -> Pool:
    pool = app.extensions["accounts"].own
    assert isinstance(pool, Pool)
    return pool


def asked(sandbox: SandboxServer, path: str = "/chat/completions") -> list[str]:
    """Of which accounts, in order."""
    return [request["account"] for request in sandbox.state.requests(path) if request["method"] == "POST"]


def ask(app: Flask, threads: ThreadPoolExecutor, number: int, **body: Any) -> list[Future[TestResponse]]:
    return [threads.submit(chat, app, **body) for _ in range(number)]


def waiting(app: Flask) -> int:
    return max(account.slots.waiting for account in pool_of(app).accounts.values())


@pytest.mark.parametrize("stream", [False, True])
def test_three_at_a_time(app: Flask, sandbox: SandboxServer, at_once: ThreadPoolExecutor, stream: bool) -> None:
    """None of them is idle while somebody waits, and GigaChat never says that there are too many."""
    sandbox.state.settings.frame_delay = 0.01
    sandbox.state.script({"text": "раз два три", "delay": 0.05, "times": 30})
    answers = [answer.result() for answer in ask(app, at_once, 30, stream=stream)]
    assert {answer.status_code for answer in answers} == {200}
    assert all("три" in answer.text for answer in answers)
    stats = sandbox.state.stats()
    assert (stats["peak_streams"], stats["refused"]) == (3, 0)
    assert set(asked(sandbox)) == set(NAMES)


def test_none_is_idle_while_somebody_waits(app: Flask, sandbox: SandboxServer, at_once: ThreadPoolExecutor) -> None:
    """One conversation alone keeps all accounts at work."""
    sandbox.state.settings.hold_after = 1
    answers = ask(app, at_once, 5, session="one", stream=True)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 3)
    assert eventually(lambda: waiting(app) == 2)
    sandbox.state.settings.hold_after = None
    assert {answer.result().status_code for answer in answers} == {200}
    assert sandbox.state.stats()["refused"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_one_runs_dry_in_the_middle(
    app: Flask, sandbox: SandboxServer, at_once: ThreadPoolExecutor, stream: bool
) -> None:
    """No client hears of it, and it is asked once more at most by each request that was on its way."""
    sandbox.state.script({"text": "раз два", "delay": 0.03, "times": 40})
    answers = ask(app, at_once, 40, stream=stream)
    assert sandbox.state.wait_for(lambda counters: counters.finished_streams >= 10)
    sandbox.state.settings.dry = ("second",)
    assert {answer.result().status_code for answer in answers} == {200}
    assert all("два" in answer.result().text for answer in answers)
    assert sandbox.state.stats()["refused"] == 1
    before = len(asked(sandbox))
    assert {chat(app).status_code for _ in range(6)} == {200}
    assert "second" not in asked(sandbox)[before:]


def test_a_conversation_stays_with_its_account(app: Flask, sandbox: SandboxServer) -> None:
    """Where GigaChat has its prompt in the cache; and conversations are spread over all."""
    for number in range(20):
        cached = [
            chat(app, f"talk-{number}").get_json()["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in "abc"
        ]
        assert cached[0] == 0 and all(cached[1:])
    found = asked(sandbox)
    assert all(len({*found[start : start + 3]}) == 1 for start in range(0, 60, 3))
    assert set(found) == set(NAMES)


def test_without_a_word_for_the_conversation_it_is_told_by_its_beginning(app: Flask, sandbox: SandboxServer) -> None:
    talk = [{"role": "user", "content": "Расскажи о Байкале"}]
    for turn in range(4):
        answer = chat(app, messages=talk).get_json()["choices"][0]["message"]["content"]
        talk += [{"role": "assistant", "content": answer}, {"role": "user", "content": f"И ещё {turn}"}]
    assert len(set(asked(sandbox))) == 1


@pytest.mark.parametrize("status, seconds", [(402, 600), (403, 600), (404, 600), (429, 60)])
def test_what_sets_an_account_aside_for_a_model(
    app: Flask, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture, status: int, seconds: int
) -> None:
    """For the others it goes on."""
    chat(app, "talk")
    [account] = asked(sandbox)
    sandbox.state.script({"status": status})
    assert chat(app, "talk").status_code == 200
    refused, other = asked(sandbox)[1:]
    assert refused == account != other
    assert chat(app, "talk").status_code == 200 and asked(sandbox)[-1] == other
    chat(app, "talk", model="GigaChat-2-Pro")
    assert asked(sandbox)[-1] == account
    place = str(NAMES.index(account) + 1)
    assert f"Account {place} is set aside for {seconds} s (GigaChat-2-Max)" in caplog.text
    assert seconds - 5 < pool_of(app).aside.until(place, "GigaChat-2-Max") <= seconds


def test_a_rejected_key(app: Flask, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
    """Is none for any model; the log names the account and never the key."""
    sandbox.state.settings.revoked = ("first", "second")
    for model in ("GigaChat-2-Max", "GigaChat-2-Pro"):
        assert {chat(app, f"talk-{number}", model=model).status_code for number in range(20)} == {200}
    assert set(asked(sandbox)) == {"third"}
    refused = [request for request in sandbox.state.refusals() if request["path"].endswith("/oauth")]
    assert len(refused) <= 4
    assert "GigaChat rejects the key of account 1" in caplog.text and "Account 2 is set aside" in caplog.text
    assert not any(key in caplog.text for key in KEYS.split(","))


def test_what_is_used_up_is_told_before_a_rejected_key(app: Flask, sandbox: SandboxServer) -> None:
    """Whichever account is asked last: who gets 401 looks for the mistake in his own key."""
    sandbox.state.settings.oauth_per_second = None
    sandbox.state.settings.revoked, sandbox.state.settings.dry = ("first",), ("second", "third")
    for number in range(12):
        pool_of(app).aside = set_aside.SetAside()
        assert chat(app, f"talk-{number}").status_code == 402
    sandbox.state.settings.revoked = NAMES
    assert chat(app).status_code == 401


def test_another_model_answers_only_when_no_account_has_tokens(
    app_with: Callable[..., Flask], sandbox: SandboxServer
) -> None:
    """One that is busy has some; one whose key is rejected has none."""
    sandbox.state.settings.oauth_per_second = None
    fallback = "GigaChat-2-Max>GigaChat-2-Pro"

    def answer(number: int) -> TestResponse:
        app = app_with(GIGACHAT_CREDENTIALS=KEYS, GPT2GIGA_MAX_RETRIES="0", GPT2GIGA_FALLBACK=fallback)
        return chat(app, f"talk-{number}", model="GigaChat-2-Max")

    for statuses in ((402, 429, 402), (429, 402, 402), (402, 402, 429)):
        sandbox.state.script(*({"status": status} for status in statuses))
        assert answer(0).status_code == 429
    sandbox.state.settings.packages = {"GigaChat-Pro": 10_000}
    sandbox.state.settings.revoked = ("first",)
    for number in range(8):
        found = answer(number)
        assert (found.status_code, found.headers["X-Gpt2giga-Model"]) == (200, "GigaChat-2-Pro")


def test_it_is_tried_again_when_its_time_is_over(
    app: Flask, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "REFUSED", 0.3)
    sandbox.state.settings.dry = ("first", "second")
    assert {chat(app, f"talk-{number}").status_code for number in range(20)} == {200}
    sandbox.state.settings.dry = ()
    time.sleep(0.3)
    assert {chat(app, f"talk-{number}").status_code for number in range(20)} == {200}
    assert {*asked(sandbox)[-20:]} == {*NAMES}


@pytest.mark.parametrize(
    "path, body",
    [
        (CHAT, {"stream": False}),
        (CHAT, {"stream": True}),
        ("/v1/messages", {"max_tokens": 9}),
        ("/v1/embeddings", {"input": "a"}),
        ("/v1/images/generations", {"prompt": "a"}),
    ],
)
def test_all_are_dry(app: Flask, sandbox: SandboxServer, path: str, body: dict[str, Any]) -> None:
    """The client hears so in GigaChat's words; from then on one is asked for all, until one of them has tokens."""
    sandbox.state.settings.dry = NAMES
    answer = chat(app, path=path, **body)
    assert answer.status_code == 402 and "Payment Required" in answer.get_json()["error"]["message"]
    before = len(sandbox.state.refusals())
    assert before == 3
    assert chat(app, path=path, **body).status_code == 402
    assert len(sandbox.state.refusals()) == before + 1
    sandbox.state.settings.dry = ("first", "second")
    assert eventually(lambda: chat(app, path=path, **body).status_code == 200)


def test_what_all_would_say_is_said_once(app: Flask, sandbox: SandboxServer) -> None:
    for status in (400, 422, 500):
        sandbox.state.script({"status": status})
        before = len(asked(sandbox))
        assert chat(app).status_code >= 400
        assert len(asked(sandbox)) == before + 1


def test_nothing_is_repeated_once_it_was_passed_on(app: Flask, sandbox: SandboxServer) -> None:
    frame = {"choices": [{"delta": {"content": "раз", "role": "assistant"}, "index": 0}], "model": "a", "created": 1}
    sandbox.state.script({"frames": [frame, {"status": 402, "message": "Payment Required"}], "done": False})
    text = chat(app, stream=True).text
    assert text.count("раз") == 1 and "insufficient_quota" in text and len(asked(sandbox)) == 1


def test_an_image_goes_up_to_the_account_that_takes_over(app: Flask, sandbox: SandboxServer) -> None:
    """Ids of files are an account's own: the next one would answer 404."""
    messages = [{"role": "user", "content": [QUESTION, IMAGE]}]
    assert chat(app, "talk", messages=messages).status_code == 200
    [account] = asked(sandbox)
    assert asked(sandbox, "/files") == [account]
    sandbox.state.settings.dry = (account,)
    messages += [{"role": "assistant", "content": "Квадрат."}, {"role": "user", "content": "Какого цвета?"}]
    assert chat(app, "talk", messages=messages).status_code == 200
    other = asked(sandbox)[-1]
    assert other != account and asked(sandbox, "/files") == [account, other]
    assert chat(app, "talk", messages=messages).status_code == 200
    assert asked(sandbox)[-1] == other and len(asked(sandbox, "/files")) == 2, "it is remembered there"


def test_images_of_a_request_go_with_it_from_every_account(
    app_with: Callable[..., Flask], sandbox: SandboxServer
) -> None:
    app = app_with(GIGACHAT_CREDENTIALS=KEYS, GPT2GIGA_DELETE_FILES="True")
    sandbox.state.settings.dry = ("first", "second")
    for _ in range(4):
        assert chat(app, messages=[{"role": "user", "content": [IMAGE]}]).status_code == 200
    assert set(asked(sandbox, "/files")) >= {"third"}
    assert eventually(lambda: not sandbox.state.files())


def upload(app: Flask, content: bytes, name: str) -> str:
    data = {"file": (BytesIO(content), name), "purpose": "assistants"}
    found: str = app.test_client().post("/v1/files", data=data).get_json()["id"]
    return found


def test_a_file_lies_at_one_account_and_is_found(app: Flask, sandbox: SandboxServer) -> None:
    client = app.test_client()
    ids = {upload(app, f"файл {number}".encode(), f"{number}.txt"): number for number in range(40)}
    assert set(asked(sandbox, "/files")) == set(NAMES)
    assert {file["id"] for file in client.get("/v1/files").get_json()["data"]} == {*ids}
    pool_of(app).files._homes.clear()  # as in another process
    for file_id, number in ids.items():
        assert client.get(f"/v1/files/{file_id}").get_json()["filename"] == f"{number}.txt"
        assert client.get(f"/v1/files/{file_id}/content").text == f"файл {number}"
    pool_of(app).files._homes.clear()
    assert all(client.delete(f"/v1/files/{file_id}").status_code == 200 for file_id in ids)
    assert sandbox.state.files() == {} and client.get("/v1/files").get_json()["data"] == []
    assert {client.get(f"/v1/files/{file_id}").status_code for file_id in ids} == {404}


def test_files_of_others_are_listed_while_one_is_away(app: Flask, sandbox: SandboxServer) -> None:
    ids = [upload(app, b"a", f"{number}.txt") for number in range(9)]
    of = {id: file.account for id, file in sandbox.state.files().items()}
    sandbox.state.settings.revoked = ("first",)
    listed = {file["id"] for file in app.test_client().get("/v1/files").get_json()["data"]}
    assert listed == {file_id for file_id in ids if of[file_id] != "first"}
    sandbox.state.settings.revoked = NAMES
    sandbox.state.revoke_tokens()
    assert app.test_client().get("/v1/files").get_json()["error"]["code"] == "gigachat_credentials_rejected"


def test_a_chat_goes_to_the_account_of_its_file(app: Flask, sandbox: SandboxServer) -> None:
    """And gets a copy of it where it has to go elsewhere: uploaded once, whatever the conversation sends again."""
    file_id = upload(app, "Байкал".encode(), "a.txt")
    [home] = asked(sandbox, "/files")
    messages = [
        {"role": "user", "content": [{"type": "file", "file": {"file_id": file_id}}, {"type": "text", "text": "?"}]}
    ]
    for number in range(4):
        assert chat(app, f"talk-{number}", messages=messages).status_code == 200
    assert set(asked(sandbox)) == {home} and asked(sandbox, "/files") == [home]
    sandbox.state.settings.dry = (home,)
    for _ in range(3):
        assert chat(app, "talk", messages=messages).status_code == 200
    other = asked(sandbox)[-1]
    assert other != home and asked(sandbox, "/files") == [home, other]
    [copy] = [file for file in sandbox.state.files().values() if file.account == other]
    assert (copy.name, copy.content) == ("a.txt", "Байкал".encode())
    assert sandbox.state.chats()[-1]["messages"][0]["attachments"] == [copy.id]


def test_a_file_that_nobody_has(app: Flask, sandbox: SandboxServer) -> None:
    content = [{"type": "file", "file": {"file_id": "no-such-file"}}, QUESTION]
    answer = chat(app, messages=[{"role": "user", "content": content}])
    assert answer.status_code in (400, 404) and asked(sandbox, "/files") == []


def test_embeddings_pictures_and_counts(app: Flask, sandbox: SandboxServer) -> None:
    """Each from any account that can."""
    sandbox.state.settings.dry = ("first", "second")
    client = app.test_client()
    for number in range(4):  # embeddings are remembered
        assert client.post("/v1/embeddings", json={"input": ["a", f"b{number}"]}).status_code == 200
        assert client.post("/v1/images/generations", json={"prompt": "Кот"}).status_code == 200
        assert client.post("/v1/messages/count_tokens", json={"messages": HELLO}).get_json()["input_tokens"]
    served = [request["account"] for request in sandbox.state.requests("/embeddings") if request["status"] == 200]
    assert served == ["third"] * 4


def test_models_of_all_accounts(app: Flask, sandbox: SandboxServer) -> None:
    entries = [{"id": name, "object": "model", "owned_by": "salutedevices"} for name in ("GigaChat-2", "GigaChat-9")]
    for data in (entries[:1], entries[1:]):
        sandbox.state.script({"route": "models", "answer": {"object": "list", "data": data}})
    sandbox.state.script({"route": "models", "status": 403})
    found = {model["id"] for model in app.test_client().get("/v1/models").get_json()["data"]}
    assert found >= {"GigaChat-2", "GigaChat-9"} and "GigaChat-2-Max" not in found


def test_ready_when_one_would_answer(app: Flask, sandbox: SandboxServer) -> None:
    sandbox.state.settings.revoked = ("first", "third")
    assert app.test_client().get("/ready").status_code == 200


def test_not_ready_when_none_would_answer(app: Flask, sandbox: SandboxServer) -> None:
    sandbox.state.settings.revoked = NAMES
    assert app.test_client().get("/ready").status_code == 503


def test_chats_go_before_embeddings(app: Flask, sandbox: SandboxServer, at_once: ThreadPoolExecutor) -> None:
    """Whenever they come; here one account is left for all of them."""
    sandbox.state.settings.dry = ("first", "second")
    assert {chat(app, f"talk-{number}").status_code for number in range(20)} == {200}
    sandbox.state.settings.hold_after = 1
    streams = ask(app, at_once, 1, stream=True)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 1)
    vectors = at_once.submit(lambda: app.test_client().post("/v1/embeddings", json={"input": "a"}))
    assert eventually(lambda: waiting(app) == 1)
    later = ask(app, at_once, 3, stream=True)
    assert eventually(lambda: waiting(app) == 4)
    sandbox.state.settings.hold_after = None
    assert {answer.result().status_code for answer in (*streams, *later, vectors)} == {200}
    served = [request for request in sandbox.state.requests() if request["status"] == 200 and request["json"]]
    assert [request["path"].rpartition("/")[2] for request in served[-5:]] == ["completions"] * 4 + ["embeddings"]


def test_the_line_is_of_one_length_for_all(app_with: Callable[..., Flask], sandbox: SandboxServer) -> None:
    app = app_with(GIGACHAT_CREDENTIALS=KEYS, GPT2GIGA_QUEUE_TIMEOUT="0.2")
    sandbox.state.settings.hold_after = 1
    with ThreadPoolExecutor(3) as threads:
        streams = [threads.submit(chat, app, stream=True) for _ in range(3)]
        assert sandbox.state.wait_for(lambda counters: counters.open_streams == 3)
        answer = chat(app)
        sandbox.state.settings.hold_after = None
        assert [stream.result().status_code for stream in streams] == [200] * 3
    assert answer.status_code == 429 and "all 3 accounts stayed busy" in answer.get_json()["error"]["message"]
    assert answer.headers["Retry-After"] == "5"


def test_who_answers_is_told(app: Flask, sandbox: SandboxServer) -> None:
    """By the account's name and the model, once more when another takes over; of one account too."""
    told: list[tuple[str, str]] = []

    class Listening:
        priority = Priority.HIGH

        def begin_wait(self) -> None: ...

        def add_wait(self, seconds: float) -> None: ...

        def answered_by(self, account: str, model: str) -> None:
            told.append((account, model))

        def spend(self, usage: Usage | None) -> None: ...

    request = ChatRequest("", (Message("user", (Text("a"),)),), session="talk")
    sandbox.state.script({"status": 402})
    assert pool_of(app).complete(request, Listening())
    names = [str(NAMES.index(name) + 1) for name in asked(sandbox)]
    assert told == [(name, "GigaChat-2-Max") for name in names] and len(set(names)) == 2


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/messages"])
@pytest.mark.parametrize("asks", [True, False])
def test_who_asks_hears_whether_he_waits_in_line(
    app: Flask, sandbox: SandboxServer, at_once: ThreadPoolExecutor, path: str, asks: bool
) -> None:
    """The page; all others get what their API knows."""
    sandbox.state.settings.hold_after = 1
    busy = ask(app, at_once, 3, stream=True)
    assert sandbox.state.wait_for(lambda counters: counters.open_streams == 3)
    body = {"messages": HELLO, "max_tokens": 9, "stream": True} if path != "/v1/responses" else {"input": "a"}
    answer = at_once.submit(
        app.test_client().post,
        path,
        json={**body, "stream": True},
        headers={"X-Gpt2giga-Tell-Line": "1"} if asks else {},
        buffered=True,
    )
    assert eventually(lambda: waiting(app) == 1)
    time.sleep(1.2)  # it is told once a second
    sandbox.state.settings.hold_after = None
    told = answer.result().text
    assert ('{"type":"line","waits":true}' in told, '{"type":"line","waits":false}' in told) == (asks, asks)
    assert answer.result().status_code == 200 and all(one.result().status_code == 200 for one in busy)


def test_a_client_that_hangs_up_frees_the_slot(app: Flask, sandbox: SandboxServer) -> None:
    sandbox.state.settings.hold_after = 1
    request = ChatRequest("", (Message("user", (Text("раз два три"),)),))
    for _ in range(4):
        answer = pool_of(app).answer(request, stream=True)
        assert any(next(answer) for _ in range(10))
        answer.close()
    assert sandbox.state.wait_for(lambda counters: counters.aborted_streams == 4)
    assert [account.slots.held for account in pool_of(app).accounts.values()] == [0, 0, 0]


def test_a_single_account_is_no_pool(app_with: Callable[..., Flask]) -> None:
    assert not isinstance(app_with().extensions["accounts"].own, Pool)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dry", [NAMES, NAMES[:2]])
def test_a_request_is_let_go_however_it_ended(
    app: Flask, sandbox: SandboxServer, stream: bool, dry: tuple[str, ...]
) -> None:
    """Without the garbage collector: it may hold megabytes."""
    sandbox.state.settings.dry = dry
    chat(app, "warm", stream=stream).close()
    pool_of(app).aside._until.clear()
    gc.collect()
    gc.disable()
    try:
        for number in range(5):
            chat(app, f"let-go-{number}", stream=stream).close()
        left = [found for found in gc.get_objects() if isinstance(found, ChatRequest)]
        assert not any(request.session.startswith("let-go-") for request in left)
    finally:
        gc.enable()
