"""Images, recordings and documents in messages, in the words of all APIs. Pure; raises BadRequest naming the part.

They stand there as base64, as an address, or by the id of an upload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gpt2giga.chat import File, Image, Part, Text
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid

# Where MCP and the frameworks keep base64 or an address, and where they say its type and its name.
DATA_NAMES = ("data", "base64", "image", "url")
TYPE_NAMES = ("mimeType", "mime_type", "mediaType", "media_type")
FILE_NAMES = ("filename", "name", "title")


def from_image_url(part: Body, param: str) -> Iterator[Image]:
    """Chat Completions has an object with a url, Responses the plain string."""
    param, image = f"{param}.image_url", part.get("image_url")
    image = {"url": image} if isinstance(image, str) else fields.mapping(image, param)
    yield Image(fields.required_string(image, "url", param, "a URL or a data URL"))


def from_images(message: Body, param: str, *, is_old: bool) -> Iterator[Image]:
    """Ollama's: base64 beside the content, without a type. is_old: what cannot be read is left out."""
    images, param = message.get("images"), fields.path("images", param)
    if images is not None and not isinstance(images, list) and not is_old:
        raise invalid(param, "a list of images in base64")
    for number, data in enumerate(images if isinstance(images, list) else ()):
        if isinstance(data, str) and data:
            yield Image(_as_url(data, ""))
        elif not is_old:
            raise invalid(f"{param}[{number}]", "an image in base64")


def from_input_image(part: Body, param: str) -> Iterator[Image | File]:
    return from_image_url(part, param) if part.get("file_id") is None else _stored(part, "", param)


def from_input_audio(part: Body, param: str) -> Iterator[File]:
    audio, param = fields.required_object(part, "input_audio", param)
    data = fields.required_string(audio, "data", param, "base64")
    form = fields.required_string(audio, "format", param, "wav or mp3")
    yield File(_data_url(data, f"audio/{form}"), f"audio.{form}")


def from_file(part: Body, param: str) -> Iterator[Image | File]:
    if "file" not in part and _first(part, DATA_NAMES):
        return from_media(part, param)
    return from_input_file(*fields.required_object(part, "file", param))


def from_input_file(file: Body, param: str) -> Iterator[File]:
    """OpenAI's own examples send bare base64 as well as data URLs; the name tells the type then."""
    name = fields.string(file, "filename", param)
    if file.get("file_id") is not None:
        yield from _stored(file, name, param)
    elif file.get("file_url") is not None:
        yield File(fields.required_string(file, "file_url", param), name)
    else:
        data = fields.required_string(file, "file_data", param, "a data URL, or a file_url or file_id instead")
        yield File(_as_url(data, ""), name)


def _stored(file: Body, name: str, param: str) -> Iterator[File]:
    yield File("", name, fields.required_string(file, "file_id", param, "the id of a file"))


def from_media(part: Body, param: str) -> Iterator[Image | File]:
    """Base64 beside its type, or an address: MCP's form, LangChain's and the Vercel AI SDK's."""
    media_type = _first(part, TYPE_NAMES)
    url = _as_url(fields.required_string({"data": _first(part, DATA_NAMES)}, "data", param, "base64"), media_type)
    if part.get("type") == "image" or media_type.startswith("image/"):
        yield Image(url)
    else:
        yield File(url, _first(part, FILE_NAMES))


def from_resource(part: Body, param: str) -> Iterator[Part]:
    """What an MCP server embeds in a result."""
    resource, param = fields.required_object(part, "resource", param)
    uri = fields.string(resource, "uri", param)
    if text := fields.string(resource, "text", param):
        yield Text("\n".join(words for words in (uri, text) if words))
    else:
        blob = fields.required_string(resource, "blob", param, "base64")
        yield from from_media({**resource, "data": blob, "name": uri.rpartition("/")[2]}, param)


def from_resource_link(part: Body, param: str) -> Iterator[Text]:
    yield Text(
        "\n".join(words for name in ("name", "description", "uri") if (words := fields.string(part, name, param)))
    )


def _first(part: Body, names: Iterable[str]) -> str:
    return next((part[name] for name in names if isinstance(part.get(name), str)), "")


def _as_url(data: str, media_type: str) -> str:
    return data if data.startswith(("data:", "http://", "https://")) else _data_url(data, media_type)


def _data_url(data: str, media_type: str) -> str:
    return f"data:{media_type};base64,{data}"


def from_image(part: Body, param: str) -> Iterator[Image | File]:
    if "source" not in part and _first(part, DATA_NAMES):
        yield from from_media(part, param)
        return
    source, param = fields.required_object(part, "source", param)
    kind = source.get("type")
    if kind == "base64":
        yield Image(_source_url(source, "", param))
    elif kind == "url":
        yield Image(fields.required_string(source, "url", param, "a URL"))
    elif kind == "file":
        yield from _stored(source, "", param)
    else:
        raise invalid(f"{param}.type", "base64, url or file")


def from_source(source: Body, title: str, param: str) -> Iterator[File]:
    """What an Anthropic document is read from, unless it is text."""
    kind = source.get("type")
    if kind == "base64":
        yield File(_source_url(source, "application/pdf", param), title)
    elif kind == "url":
        yield File(fields.required_string(source, "url", param, "a URL"), title)
    elif kind == "file":
        yield from _stored(source, title, param)
    else:
        raise invalid(f"{param}.type", "base64, text, url, content or file")


def _source_url(source: Body, default_type: str, param: str) -> str:
    typed = {"media_type": source.get("media_type") or default_type}
    media_type = fields.required_string(typed, "media_type", param, "a type such as image/png")
    return _data_url(fields.required_string(source, "data", param, "base64"), media_type)
