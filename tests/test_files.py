"""Files over the running service: stored at GigaChat by the real client, and attached to chats."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from gpt2giga_sandbox.server import SandboxServer
from tests.pictures import data_url, png
from tests.service import Service

CHAT = "/v1/chat/completions"
PDF = b"%PDF-1.4 nothing"


def body(*parts: Any) -> dict[str, Any]:
    return {"model": "GigaChat-2-Max", "messages": [{"role": "user", "content": [*parts]}]}


def file(**fields: str) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def document(content: bytes = PDF, name: str = "a.pdf") -> dict[str, Any]:
    return file(file_data=data_url(content, "application/pdf"), filename=name)


@pytest.mark.usefixtures("without_batches")
def test_from_upload_to_deletion(client: OpenAI, sandbox: SandboxServer) -> None:
    made = client.files.create(file=("Отчёт.pdf", PDF), purpose="user_data")
    assert (made.object, made.filename, made.bytes, made.purpose) == ("file", "Отчёт.pdf", len(PDF), "user_data")
    assert made.status == "processed" and made.created_at
    assert [found.id for found in client.files.list()] == [made.id]
    assert client.files.retrieve(made.id).bytes == len(PDF)
    assert client.files.content(made.id).read() == PDF
    assert client.files.delete(made.id).deleted and sandbox.state.files() == {}


def test_an_uploaded_file_in_a_chat(client: OpenAI, sandbox: SandboxServer) -> None:
    made = client.files.create(file=("a.txt", b"hello", "text/plain"), purpose="assistants")
    answer = client.chat.completions.create(**body({"type": "text", "text": "Что там?"}, file(file_id=made.id)))
    assert "файлов: 1" in (answer.choices[0].message.content or "")
    assert sandbox.state.chats()[0]["messages"][0]["attachments"] == [made.id]


@pytest.mark.parametrize("name, content", [("a.png", png()), ("a.jpeg", b"j"), ("a.mp3", b"m"), ("a.docx", b"d")])
def test_the_name_tells_the_type(client: OpenAI, sandbox: SandboxServer, name: str, content: bytes) -> None:
    made = client.files.create(file=(name, content, "application/octet-stream"), purpose="vision")
    assert sandbox.state.files()[made.id].kind in ("image", "audio", "text")


@pytest.mark.parametrize("name, content", [("a.exe", b"MZ\0"), ("a.pdf", b""), ("log.txt.gz", b"\x1f\x8b")])
def test_files_that_gigachat_does_not_take(client: OpenAI, sandbox: SandboxServer, name: str, content: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        client.files.create(file=(name, content, "application/octet-stream"), purpose="assistants")
    assert caught.value.param == "file" and sandbox.state.files() == {}


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"file": "a"}},
        {"data": {"purpose": "vision"}},
        {"files": {"other": ("a.txt", b"a")}},
        {"data": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"data": b"", "headers": {"Content-Type": "multipart/form-data"}},
    ],
    ids=["json", "no file", "another name", "nonsense", "no boundary"],
)
def test_uploads_without_a_file(service: Service, options: Any) -> None:
    response = service.request("POST", "/v1/files", **options)
    assert (response.status_code, response.json()["error"]["param"]) == (400, "file"), response.text


def test_ids_that_are_not_there(client: OpenAI) -> None:
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(NotFoundError):
            call("11111111-2222-4333-8444-555555555555")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    "file_id", ["..%2fmodels", "%2e%2e", "a%20b", "a%3fb", "a%23", "a.b", "a" * 200, "%00", "a%0d%0aX"]
)
def test_tricks_with_paths_never_reach_gigachat(
    service: Service, sandbox: SandboxServer, method: str, file_id: str
) -> None:
    response = service.request(method, f"/v1/files/{file_id}")
    assert response.status_code == 404 and response.json()["error"]["type"] == "invalid_request_error"
    assert service.request("GET", f"/v1/files/{file_id}/content").status_code == 404
    assert sandbox.state.requests("") == []


FILES = {
    "data url": (document(PDF + b"1"), "a.pdf", "text"),
    "the name decides": (
        file(file_data=data_url(PDF + b"2", "application/octet-stream"), filename="b.pdf"),
        "b.pdf",
        "text",
    ),
    "bare base64": (file(file_data=base64.b64encode(PDF + b"3").decode(), filename="c.pdf"), "c.pdf", "text"),
    "no name": (file(file_data=data_url(PDF + b"4", "application/pdf")), "document.pdf", "text"),
    "wav": ({"type": "input_audio", "input_audio": {"data": "aGVsbG8=", "format": "wav"}}, "audio.wav", "audio"),
    "mp3": ({"type": "input_audio", "input_audio": {"data": "aGVsbG9v", "format": "mp3"}}, "audio.mp3", "audio"),
}


@pytest.mark.parametrize("part, name, kind", FILES.values(), ids=FILES)
def test_attached(service: Service, sandbox: SandboxServer, part: Any, name: str, kind: str) -> None:
    response = service.post(CHAT, body({"type": "text", "text": "Что там?"}, part))
    assert response.status_code == 200, response.text
    [attached] = sandbox.state.files().values()
    assert (attached.name, attached.kind) == (name, kind)
    assert sandbox.state.chats()[-1]["messages"] == [
        {"role": "user", "content": "Что там?", "attachments": [attached.id]}
    ]


BAD = {
    "two documents": ([document(), document(b"other")], "one document a request"),
    "mixed": ([document(), FILES["wav"][0]], "one kind of file a request, not audio and document"),
    "no type": ([file(file_data="AA==")], "no files of type unknown"),
    "no data": ([file(filename="a.pdf")], "file.file_data"),
    "a number": ([{"type": "file", "file": {"file_id": 5}}], "file.file_id"),
    "name": ([{"type": "file", "file": {"file_data": "YQ==", "filename": 5}}], "file.filename"),
    "flac": ([{"type": "input_audio", "input_audio": {"data": "YQ==", "format": "flac"}}], "type audio/flac"),
    "no format": ([{"type": "input_audio", "input_audio": {"data": "YQ=="}}], "input_audio.format"),
    "no base64": ([{"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}}], "base64 is not valid"),
    "video": ([{"type": "video_url", "video_url": {"url": "a"}}], "parts of type 'video_url' are not supported"),
    "no kind": ([{"type": ["text"]}], "messages[0].content[0].type"),
}


@pytest.mark.parametrize("parts, said", BAD.values(), ids=BAD)
def test_parts_that_cannot_be_used(service: Service, sandbox: SandboxServer, parts: Any, said: str) -> None:
    response = service.post(CHAT, body(*parts))
    error = response.json()["error"]
    assert response.status_code == 400 and said in f"{error['message']} {error['param']}"
    assert sandbox.state.requests("/files") == sandbox.state.chats() == []


def test_the_same_document_in_two_turns(service: Service, sandbox: SandboxServer) -> None:
    request = body({"type": "text", "text": "Раз"}, document(b"twice"))
    later = [{"role": "assistant", "content": "Два"}, {"role": "user", "content": [document(b"twice")]}]
    assert service.post(CHAT, {**request, "messages": request["messages"] + later}).status_code == 200
    [uploaded] = sandbox.state.requests("/files")
    assert uploaded["method"] == "POST" and len(sandbox.state.files()) == 1
