"""Images shown to GigaChat, over the running service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import BMP, data_url, GIF, JPEG, png, TIFF
from tests.service import Service
from tests.sockets import Caller, eventually

CHAT = "/v1/chat/completions"
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@pytest.fixture
def deleting(contrary: Service) -> Service:
    """A service that deletes what it uploaded, fetches nothing, and takes as many requests at a time as come."""
    return contrary


def image(content: bytes = b"", media_type: str = "image/png", *, url: str = "") -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url or data_url(content or png(), media_type)}}


def shows(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": "Что здесь?"}, *parts]}


def body(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "GigaChat-2-Max", "messages": [*messages], **fields}


def attached(sandbox: SandboxServer, number: int = -1) -> list[list[str]]:
    return [message.get("attachments", []) for message in sandbox.state.chats()[number]["messages"]]


def uploads(sandbox: SandboxServer) -> int:
    return sum(request["method"] == "POST" for request in sandbox.state.requests("/files"))


def refused(service: Service, sandbox: SandboxServer, *messages: Any, **fields: Any) -> dict[str, Any]:
    """The error; nothing of such a request may reach the chat."""
    response = service.post(CHAT, body(*messages, **fields))
    assert response.status_code == 400, response.text
    assert sandbox.state.chats() == []
    error: dict[str, Any] = response.json()["error"]
    return error


@pytest.mark.parametrize(
    "content, media_type, ending",
    [
        (png(1), "image/png", "png"),
        (JPEG, "image/jpeg", "jpg"),
        (JPEG, "image/jpg", "jpg"),
        (BMP, "image/bmp", "bmp"),
        (TIFF, "image/tiff", "tiff"),
        (TIFF, "IMAGE/TIFF;charset=utf-8", "tiff"),
    ],
    ids=["png", "jpeg", "jpg", "bmp", "tiff", "in capitals"],
)
def test_data_urls(service: Service, sandbox: SandboxServer, content: bytes, media_type: str, ending: str) -> None:
    answer = service.post(CHAT, body(shows(image(content, media_type)))).json()
    assert "файлов: 1" in answer["choices"][0]["message"]["content"]
    [file] = sandbox.state.files().values()
    assert (file.content, file.kind, file.name) == (content, "image", f"image.{ending}")
    assert attached(sandbox) == [[file.id]]


def test_a_plain_string_instead_of_an_object(service: Service, sandbox: SandboxServer) -> None:
    service.post(CHAT, body(shows({"type": "image_url", "image_url": data_url(png(2), "image/png")})))
    assert len(sandbox.state.files()) == 1


BAD = {
    "base64": (image(url="data:image/png;base64,####"), "base64 is not valid"),
    "base64 cut": (image(url="data:image/png;base64,aGVsbG8"), "base64 is not valid"),
    "empty": (image(url="data:image/png;base64,"), "has 0 bytes"),
    "no data url": (image(url="data:image/png"), "no data URL"),
    "type": (image(b"<svg/>", "image/svg+xml"), "no files of type image/svg+xml"),
    "no type": (image(url="data:;base64,aGVsbG8="), "no files of type unknown"),
    "a document": (image(b"hello", "text/plain"), "an image is expected, not text/plain"),
    "too large": (image(bytes(15 * 1024 * 1024 + 1), "image/png"), "takes from 1 to 15728640"),
    "not converted": (image(GIF[:20], "image/gif"), "image/gif"),
    "loopback": (image(url="http://127.0.0.1:8080/a.png"), "not a public address"),
    "file": (image(url="file:///etc/passwd"), "only http and https"),
    "bare base64": (image(url="aGVsbG8="), "only http and https"),
    "no url": ({"type": "image_url", "image_url": {}}, "messages[0].content[1].image_url.url"),
    "a number": ({"type": "image_url", "image_url": 5}, "messages[0].content[1].image_url"),
}


@pytest.mark.parametrize("part, said", BAD.values(), ids=BAD)
def test_images_that_cannot_be_used(service: Service, sandbox: SandboxServer, part: Any, said: str) -> None:
    error = refused(service, sandbox, shows(part))
    assert said in error["message"] and error["param"].startswith("messages")
    assert uploads(sandbox) == 0


def test_limits(service: Service, sandbox: SandboxServer) -> None:
    eleven = refused(service, sandbox, shows(*(image(png(shade)) for shade in range(11))))
    assert "10 images a request" in eleven["message"]
    text = {"type": "file", "file": {"file_data": data_url(b"hi", "text/plain"), "filename": "a.txt"}}
    mixed = refused(service, sandbox, shows(image(), text))
    assert "one kind of file a request, not document and image" in mixed["message"]
    assert uploads(sandbox) == 0


@pytest.mark.parametrize("model", ["GigaChat-2", "GigaChat-2-Lite", "GigaChat-Plus"])
def test_models_that_do_not_see(service: Service, sandbox: SandboxServer, model: str) -> None:
    assert "takes no images" in refused(service, sandbox, shows(image()), model=model)["message"]
    as_file = {"type": "file", "file": {"file_data": data_url(png(), "image/png")}}
    assert "takes no images" in refused(service, sandbox, shows(as_file), model=model)["message"]


def test_a_conversation_with_images(service: Service, sandbox: SandboxServer) -> None:
    """Ten turns, each with all before it: every image is uploaded once and stays with its message."""
    messages: list[Any] = []
    for shade in range(10):
        messages.append(shows(image(png(shade + 100))))
        assert service.post(CHAT, body(*messages)).status_code == 200
        messages.append({"role": "assistant", "content": "Точка."})
    assert uploads(sandbox) == 10
    assert [len(ids) for ids in attached(sandbox)] == [1, 0] * 9 + [1]


def test_the_same_image_at_the_same_time(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "files", "delay": 0.2})
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: service.post(CHAT, body(shows(image(png(50))))).status_code, range(8)))
    assert statuses == [200] * 8 and uploads(sandbox) == 1


def test_an_upload_that_failed_is_no_upload(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "files", "status": 400, "body": {"status": 400, "message": "why not"}})
    assert "why not" in service.post(CHAT, body(shows(image(png(51))))).text
    assert service.post(CHAT, body(shows(image(png(51))))).status_code == 200


def test_an_upload_is_tried_again(service: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"route": "files", "status": 500})
    assert service.post(CHAT, body(shows(image(png(52))))).status_code == 200


@STREAMED
def test_a_file_that_gigachat_lost(service: Service, sandbox: SandboxServer, stream: bool) -> None:
    request = body(shows(image(png(60 + stream))), stream=stream)
    assert service.post(CHAT, request).status_code == 200
    [lost] = sandbox.state.files()
    sandbox.state.delete_file(lost)
    assert service.post(CHAT, request).status_code == 200
    [[found]] = attached(sandbox)
    assert found != lost and found in sandbox.state.files()


def test_an_id_that_nobody_knows_is_asked_for_once(service: Service, sandbox: SandboxServer) -> None:
    response = service.post(CHAT, body(shows({"type": "file", "file": {"file_id": "11111111-none"}})))
    assert response.status_code == 404 and response.json()["error"]["code"] == "not_found"
    assert len(sandbox.state.chats()) == 1


def test_fetching_can_be_switched_off(deleting: Service, sandbox: SandboxServer) -> None:
    error = refused(deleting, sandbox, shows(image(url="https://example.com/a.png")))
    assert "GPT2GIGA_FETCH_URLS" in error["message"]


def test_deleted_after_the_answer(deleting: Service, sandbox: SandboxServer) -> None:
    for fields in ({}, {"stream": True}, {"n": 2}, {"response_format": {"type": "json_object"}}):
        sandbox.state.script(*[{"text": "{}"}] * fields.get("n", 1))
        assert deleting.post(CHAT, body(shows(image()), **fields)).status_code == 200
        assert any(attached(sandbox)) and eventually(lambda: not sandbox.state.files())


def test_deleted_when_gigachat_refuses(deleting: Service, sandbox: SandboxServer) -> None:
    sandbox.state.script({"status": 422})
    assert deleting.post(CHAT, body(shows(image()))).status_code == 400
    assert uploads(sandbox) == 1 and eventually(lambda: not sandbox.state.files())


@STREAMED
def test_deleted_when_the_client_hangs_up(deleting: Service, sandbox: SandboxServer, stream: bool) -> None:
    sandbox.state.script({"text": "Раз два три четыре пять шесть", "hang_after": 1 if stream else 0})
    with Caller(deleting, **body(shows(image())), stream=stream) as caller:
        if stream:
            caller.read_until("Раз")
        assert eventually(lambda: sandbox.state.chats())
        assert len(sandbox.state.files()) == 1
    assert eventually(lambda: not sandbox.state.files())


def test_what_others_uploaded_stays(deleting: Service, sandbox: SandboxServer) -> None:
    """A file that the request only names is its client's; and a request at the same time has a file of its own."""
    with deleting.client() as client:
        kept = client.files.create(file=("a.png", png(9)), purpose="vision").id
    sandbox.state.script({"text": "Раз два три четыре", "hang_after": 1})
    with Caller(deleting, **body(shows(image())), stream=True) as caller:
        caller.read_until("Раз")
        assert deleting.post(CHAT, body(shows(image()))).status_code == 200
        assert deleting.post(CHAT, body(shows({"type": "file", "file": {"file_id": kept}}))).status_code == 200
        assert eventually(lambda: len(sandbox.state.files()) == 2)
        assert attached(sandbox, 0)[0][0] in sandbox.state.files()
    assert eventually(lambda: list(sandbox.state.files()) == [kept])


CALL = {"id": "call1", "type": "function", "function": {"name": "screenshot", "arguments": "{}"}}


def tool_shows(*parts: Any) -> list[Any]:
    call = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return [
        {"role": "user", "content": "Сними экран."},
        call,
        {"role": "tool", "tool_call_id": "call1", "content": parts},
    ]


def test_an_image_in_a_tool_result(service: Service, sandbox: SandboxServer) -> None:
    assert service.post(CHAT, body(*tool_shows(image(png(70))))).status_code == 200
    last = sandbox.state.chats()[-1]["messages"][-1]
    assert last["role"] == "user" and "screenshot" in last["content"] and len(last["attachments"]) == 1


@pytest.mark.parametrize(
    "part", [image(url="data:image/png;base64,##"), image(url="http://127.0.0.1/a.png")], ids=["base64", "url"]
)
def test_a_tools_image_that_cannot_be_used_is_left_out(service: Service, sandbox: SandboxServer, part: Any) -> None:
    """The user did not choose to send it, and the agent would send it again with every turn."""
    assert service.post(CHAT, body(*tool_shows(part))).status_code == 200
    assert "screenshot" in sandbox.state.chats()[-1]["messages"][-1]["content"]
    assert attached(sandbox)[-1] == []


def test_the_newest_images_of_tools_find_room(service: Service, sandbox: SandboxServer) -> None:
    messages = [message for shade in range(12) for message in tool_shows(image(png(80 + shade)))]
    assert service.post(CHAT, body(*messages)).status_code == 200
    assert [len(ids) for ids in attached(sandbox) if ids] == [1] * 10
    assert attached(sandbox)[-1]
