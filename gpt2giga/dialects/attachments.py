"""Recordings, and files that stand in a request as base64 or by the id of an upload."""

from __future__ import annotations

from gpt2giga.chat import File
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body


def data_url(data: str, media_type: str = "") -> str:
    return f"data:{media_type};base64,{data}"


def from_audio(part: Body, param: str) -> File:
    param = f"{param}.input_audio"
    audio = fields.mapping(part.get("input_audio"), param)
    data = fields.required_string(audio, "data", param, "base64")
    form = fields.required_string(audio, "format", param, "wav or mp3")
    return File(data_url(data, f"audio/{form}"), f"audio.{form}")


def from_file_data(file: Body, name: str, param: str, expected: str) -> File:
    """OpenAI's own examples send bare base64 as well as data URLs; the name tells the type then."""
    data = fields.required_string(file, "file_data", param, expected)
    return File(data if data.startswith("data:") else data_url(data), name)


def from_file_id(file: Body, name: str, param: str) -> File:
    return File("", name, fields.required_string(file, "file_id", param, "the id of a file"))
