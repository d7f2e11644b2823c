"""Batches in OpenAI's shape: the request for one, the lines of its files, the batch itself. Pure; raises BadRequest
naming the parameter."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import orjson

from gpt2giga.bounded_json import is_writable, parse, TooManyValues
from gpt2giga.chat import Usage
from gpt2giga.dialects import fields
from gpt2giga.dialects.fields import Body, invalid
from gpt2giga.errors import BadRequest

if TYPE_CHECKING:
    from gpt2giga.store.batches import Batch

ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings", "/v1/responses")
WINDOW = "24h"
OUTPUT_KEPT, ANCHOR = "output_expires_after", "created_at"
LEAST_KEPT, MOST_KEPT = 3600, 30 * 86400  # seconds; the longest is what files have that name none
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 16, 64, 512
LONGEST_ID = 512
KNOWN = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", OUTPUT_KEPT})
LINE = frozenset({"custom_id", "method", "url", "body"})
# A line has one answer, and waits for it.
NOT_IN_LINES = ("stream", "background")

# The line's own fault: sent again, it would be answered in the same way.
FAULTS = frozenset({400, 404, 405, 413, 415, 422, 501})
# It may be the line's, if others are answered: a model that is not open, an answer that never has the right form.
DOUBTFUL = frozenset({403, 500, 502, 504})
NOT_AUTHENTICATED, BAD_GATEWAY = 401, 502

EXPIRED, CANCELLED = "batch_expired", "batch_cancelled"
MISSED = {
    EXPIRED: "This request could not be executed before the completion window expired.",
    CANCELLED: "The batch was cancelled before this request was executed.",
}


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """output_seconds: how long the files of results are kept."""

    input_file_id: str
    endpoint: str
    metadata: Mapping[str, str]
    output_seconds: int


@dataclass(frozen=True, slots=True)
class Line:
    """body: JSON. model: empty where none is named, or what cannot be the name of one."""

    custom_id: str
    body: bytes
    model: str


class BadLine(Exception):
    """What is wrong with a line of the input, as OpenAI tells it. param: the field of the line."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param

    def to_error(self, number: int | None) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "param": self.param, "line": number}


def from_batch_request(body: Body) -> BatchRequest:
    if unknown := sorted(body.keys() - KNOWN):
        name = unknown[0]
        raise BadRequest(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if body.get("completion_window") != WINDOW:
        raise invalid("completion_window", WINDOW)
    return BatchRequest(
        input_file_id=fields.required_string(body, "input_file_id", "", "the id of a file with purpose 'batch'"),
        endpoint=fields.one_of(body.get("endpoint"), {name: name for name in ENDPOINTS}, "endpoint"),
        metadata=_from_metadata(body),
        output_seconds=from_expires_after(fields.optional_mapping(body, OUTPUT_KEPT), OUTPUT_KEPT),
    )


def from_expires_after(given: Body, param: str) -> int:
    """Seconds. Of a form all values are texts."""
    if not given:
        return MOST_KEPT
    if given.get("anchor") != ANCHOR:
        raise invalid(f"{param}.anchor", ANCHOR)
    seconds = given.get("seconds")
    if isinstance(seconds, str) and seconds.isdecimal():
        seconds = int(seconds[:9])
    found = fields.integer({"seconds": seconds}, "seconds", LEAST_KEPT, MOST_KEPT, param)
    if found is None:
        raise invalid(f"{param}.seconds", f"an integer from {LEAST_KEPT} to {MOST_KEPT}")
    return found


def _from_metadata(body: Body) -> Mapping[str, str]:
    metadata = fields.optional_mapping(body, "metadata")
    if len(metadata) > MOST_METADATA:
        raise invalid("metadata", f"at most {MOST_METADATA} entries")
    for name, value in metadata.items():
        if len(name) > LONGEST_NAME or not isinstance(value, str) or len(value) > LONGEST_VALUE:
            raise invalid(
                f"metadata.{name[:LONGEST_NAME]}",
                f"a name of at most {LONGEST_NAME} letters and a text of at most {LONGEST_VALUE}",
            )
    return metadata


def from_line(content: bytes, endpoint: str, most_values: int, give_way: Callable[[], None]) -> Line:
    """Raises BadLine."""
    try:
        line = parse(content, most_values, mend=True, give_way=give_way)
    except TooManyValues:
        words = f"This line has more than the {most_values} values that GPT2GIGA_MAX_JSON_VALUES allows."
        raise BadLine("line_too_large", words) from None
    except orjson.JSONDecodeError as error:
        raise BadLine("invalid_json_line", f"This line is not parseable as valid JSON: {error}.") from None
    if not isinstance(line, dict):
        raise BadLine("invalid_json_line", "This line is not a JSON object.")
    if unknown := sorted(line.keys() - LINE):
        name = unknown[0][:LONGEST_NAME]
        raise BadLine("unknown_parameter", f"Unknown parameter: '{name}'.", name)
    custom_id, body = line.get("custom_id"), line.get("body")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_ID:
        raise _bad_value("custom_id", f"a text of 1 to {LONGEST_ID} letters")
    if line.get("method") != "POST":
        raise _bad_value("method", "POST")
    if line.get("url") != endpoint:
        raise _bad_value("url", f"{endpoint}, the endpoint of the batch", "mismatched_endpoint")
    if not isinstance(body, dict):
        raise _bad_value("body", "an object")
    for name in NOT_IN_LINES:
        if body.get(name):
            raise _bad_value(f"body.{name}", "false: a line of a batch has one answer")
    if not is_writable(body):
        raise _bad_value("body", "JSON that is nested less deeply")
    return Line(custom_id, orjson.dumps(body), _model_of(body))


def _model_of(body: Body) -> str:
    model = body.get("model")
    is_name = isinstance(model, str) and len(model) <= LONGEST_NAME and model.isprintable()
    return str(model) if is_name else ""


def _bad_value(param: str, expected: str, code: str = "invalid_value") -> BadLine:
    return BadLine(code, f"Invalid value for '{param}': expected {expected}.", param)


def passes(status: int, *, is_final: bool) -> bool:
    """Whether it makes sense to send a line again. is_final: clients are told not to. Whoever is out of tokens is told
    so too, and yet has some tomorrow."""
    return not (status < 400 or status in FAULTS or (is_final and status == BAD_GATEWAY))


def key_is_gone(status: int, answer: bytes) -> str:
    """Why nothing can be asked any more on behalf of whoever has asked; empty where that is not so. GigaChat's own
    refusals of this service's account have other codes."""
    if status != NOT_AUTHENTICATED:
        return ""
    error = orjson.loads(answer)["error"]
    return str(error["message"]) if error["code"] == "invalid_api_key" else ""


def to_result(custom_id: str, status: int, request_id: str, answer: bytes) -> bytes:
    """answer: JSON in one line."""
    response = {"status_code": status, "request_id": request_id, "body": orjson.Fragment(answer)}
    return _to_line(custom_id, response, None)


def to_missed(custom_id: str, code: str) -> bytes:
    """For a request that was never answered: EXPIRED or CANCELLED."""
    return _to_line(custom_id, None, {"code": code, "message": MISSED[code]})


def _to_line(custom_id: str, response: Any, error: Any) -> bytes:
    line = {"id": f"batch_req_{secrets.token_hex(16)}", "custom_id": custom_id, "response": response, "error": error}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def to_batch(batch: Batch) -> dict[str, Any]:
    """Its files are shown when they are whole."""
    moments = {
        f"{name}_at": batch.moments.get(f"{name}_at")
        for name in ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
    }
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "model": batch.model or None,
        "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
        "input_file_id": batch.input_file,
        "completion_window": WINDOW,
        "status": batch.status,
        "output_file_id": (batch.is_over and batch.output_file) or None,
        "error_file_id": (batch.is_over and batch.error_file) or None,
        "created_at": int(batch.created),
        "expires_at": int(batch.expires),
        **moments,
        "request_counts": {"total": batch.total, "completed": batch.completed, "failed": batch.failed},
        "usage": _to_usage(batch),
        "metadata": batch.metadata or None,
    }


def _to_usage(batch: Batch) -> dict[str, Any]:
    usage = Usage(batch.prompt_tokens, batch.completion_tokens, batch.cached_tokens, batch.reasoning_tokens)
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.completion,
    }
