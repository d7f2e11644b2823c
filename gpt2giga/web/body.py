"""Bodies: a request's, read whole within a limit and understood as JSON whatever its type says, and a response's."""

from __future__ import annotations

import io
import re
import socket
import struct
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import Any, TYPE_CHECKING

import orjson
from flask import Request, Response
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import get_input_stream

from gpt2giga import bounded_json
from gpt2giga.bounded_json import is_writable, TooManyValues
from gpt2giga.concurrency.memory import give_back_soon, LARGE
from gpt2giga.concurrency.waiting import gevent_is_on, give_way
from gpt2giga.config.limits import LimitSettings
from gpt2giga.errors import BadRequest, BodyTimeout, BodyTooLarge, ClientGone, ProxyError
from gpt2giga.web.exchange import current, Exchange, SAFE_METHODS
from gpt2giga.web.signs import WRITTEN_PATH

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STEP = 1024 * 1024
# So much of a refused body is still read, for most clients look for the answer only when they have sent everything.
MOST_DISCARDED = STEP
# Seconds for that. Whoever refused it, it takes no key to send it.
PATIENCE = 3.0
# struct linger: on, no seconds.
AT_ONCE = struct.pack("ii", 1, 0)

# /api/v1 is OpenRouter's and GigaChat's own, /openai/v1 Groq's, /v1beta/openai Gemini's for OpenAI's clients, and
# /v1beta and /v1alpha its own; deploy/htaccess has them too.
PREFIXES = re.compile(r"^(?:/(?:api/v1|openai/v1|v1beta/openai|v1(?:alpha|beta)?))+(?=/|$)")

# In the WSGI environment: nothing is left of the body.
WAS_READ = "gpt2giga.body_was_read"


# Lists of tools inside of the entries of another list.
INNER_TOOLS = ("tools", "functionDeclarations", "function_declarations")
IGNORED_HEADER = "X-Gpt2giga-Ignored"
# Characters; nginx takes 4 KB as the head of a response.
LONGEST_IGNORED = 1000


class RequestInMemory(Request):
    def _get_file_stream(self, *_: Any, **__: Any) -> io.BytesIO:
        """Of an uploaded file: werkzeug would copy a large one from memory to /tmp, which may be full."""
        return io.BytesIO()


def read(exchange: Exchange) -> None:
    """Before the view does; werkzeug would silently cut a chunked one at the limit."""
    if exchange.request.method in SAFE_METHODS:
        return
    with _silence(exchange.request.environ.get("gunicorn.socket"), exchange.limits.body_timeout):
        body = _read_body(exchange.request, exchange.limits.max_body)
    if len(body) > LARGE:
        give_back_soon()
        exchange.on_end(give_back_soon)
    # Terminated: not every server says so, and werkzeug would take the end of what is read for a hang-up.
    exchange.request.environ |= {
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": str(len(body)),
        WAS_READ: True,
    }


def mending_paths(inner: WSGIApplication) -> WSGIApplication:
    """A base URL that ends in a slash and a path that begins with one make two; Flask would answer with a redirect.
    One that ends in /v1 and a client that adds it make two of these; and many clients keep another vendor's prefix, or
    its other word for models."""

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "//" in (path := environ.get("PATH_INFO", "")):
            path = re.sub("//+", "/", path)
        environ[WRITTEN_PATH] = path
        environ["PATH_INFO"] = PREFIXES.sub("/v1", path).replace("/tunedModels/", "/models/", 1)
        return inner(environ, start_response)

    return call


@contextmanager
def _silence(connection: socket.socket | None, seconds: float) -> Iterator[None]:
    """Raises BodyTimeout when nothing comes for so long. Apache has a time limit of its own."""
    if connection is None:
        yield
        return
    before = connection.gettimeout()
    connection.settimeout(seconds)
    try:
        yield
    except TimeoutError:
        raise BodyTimeout(f"The request body stopped coming for {seconds:g} seconds (GPT2GIGA_BODY_TIMEOUT).") from None
    finally:
        connection.settimeout(before)


def _read_body(request: Request, most: int) -> bytes:
    encoding = request.environ.get("HTTP_CONTENT_ENCODING", "identity")
    if encoding.lower() != "identity":
        raise BadRequest(
            f"Content-Encoding {encoding!r} is not taken: send the body as it is.", code="invalid_encoding"
        )
    declared = request.content_length or 0
    body = bytearray()
    if declared <= most:
        for piece in _pieces(request.environ):
            body += piece
            if len(body) > most or len(body) == declared:
                break
    if max(declared, len(body)) > most:
        raise BodyTooLarge(f"The request body is larger than the {most} bytes that GPT2GIGA_MAX_BODY allows.")
    if len(body) < declared:
        raise ClientGone("The connection ended in the middle of the request body.")
    return bytes(body)


def _pieces(environ: WSGIEnvironment) -> Iterator[bytes]:
    """What is left of the body. gevent changes to others only where a socket has nothing to read, so without
    giving way a fast sender would hold up everybody."""
    stream = get_input_stream(environ)
    try:
        while piece := stream.read(STEP):
            yield piece
            if len(piece) == STEP:  # a shorter one is the last
                give_way()
    except (TimeoutError, GeneratorExit):  # see _silence; and who has enough closes this
        raise
    except (OSError, ClientDisconnected):
        raise ClientGone("The connection ended in the middle of the request body.") from None
    except _broken_chunks() as error:
        raise BadRequest(f"The request body is broken: {error}.") from None


def _broken_chunks() -> tuple[type[Exception], ...]:
    """gunicorn complains in a class of its own, and does not exist everywhere."""
    errors = sys.modules.get("gunicorn.http.errors")
    return (errors.ParseException,) if errors else ()


def discard_rest(exchange: Exchange, response: Response) -> None:
    """An answer given before the body was read: closing the connection at once could lose it on its way."""
    environ = exchange.request.environ
    if WAS_READ not in environ:
        response.call_on_close(partial(_discard, environ))


def _discard(environ: WSGIEnvironment) -> None:
    """When the answer has been sent: who looks for it early, as nginx does, is not kept waiting."""
    connection = environ.get("gunicorn.socket")
    has_ended = False
    with _patience(), suppress(BodyTimeout), _silence(connection, PATIENCE):
        has_ended = _has_ended(environ)
        if not has_ended and gevent_is_on():
            time.sleep(PATIENCE)  # the answer gets so much time to be read
    if not has_ended:
        _hang_up(connection)


def _has_ended(environ: WSGIEnvironment) -> bool:
    """Reads what is left of the body; False for one that is too long. A client that has gone sends no more."""
    left = MOST_DISCARDED
    with suppress(ProxyError):
        for piece in _pieces(environ):
            left -= len(piece)
            if left < 0:
                return False
    return True


def _patience() -> AbstractContextManager[Any]:
    """Ends what is inside when its time is over. Under gevent only: threads cannot be interrupted."""
    if not gevent_is_on():
        return nullcontext()
    import gevent

    silent: Any = False  # it ends the block and raises nothing
    return gevent.Timeout(PATIENCE, silent)


def _hang_up(connection: socket.socket | None) -> None:
    """Or gunicorn would read on to the end of the body, which may never come.

    Lingering for no time makes the close a reset: a sender that waits for room to send would not hear of anything else.
    """
    if connection is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            connection.shutdown(socket.SHUT_RDWR)


def json_body() -> Mapping[str, Any]:
    """The request's JSON object, whatever its Content-Type says: curl users forget the header.

    What is not UTF-8, NaN and nesting without end are refused.
    """
    exchange = current()
    limits = exchange.limits
    most, content = limits.max_json_values, exchange.request.environ["wsgi.input"].getvalue()
    try:
        body = bounded_json.parse(content, most, mend=True, give_way=give_way)
    except TooManyValues:
        raise BodyTooLarge(f"The body has more than the {most} values that GPT2GIGA_MAX_JSON_VALUES allows.") from None
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_json")
    # Each entry of a list takes a byte at least, so most bodies are too short for any that is too long.
    if len(content) > min(limits.max_messages, limits.max_tools, limits.max_parts):
        _check_lengths(body, limits)
    if exchange.keeps_content and is_writable(body):
        exchange.body = body
    return body


def _check_lengths(body: Mapping[str, Any], limits: LimitSettings) -> None:
    """Of the lists that cost the most; each dialect has some of them."""
    for name, most, setting in (
        ("messages", limits.max_messages, "GPT2GIGA_MAX_MESSAGES"),
        ("input", limits.max_messages, "GPT2GIGA_MAX_MESSAGES"),
        ("items", limits.max_messages, "GPT2GIGA_MAX_MESSAGES"),
        ("contents", limits.max_messages, "GPT2GIGA_MAX_MESSAGES"),
        ("requests", limits.max_messages, "GPT2GIGA_MAX_MESSAGES"),
        ("tools", limits.max_tools, "GPT2GIGA_MAX_TOOLS"),
        ("functions", limits.max_tools, "GPT2GIGA_MAX_TOOLS"),
        ("images", limits.max_parts, "GPT2GIGA_MAX_PARTS"),
    ):
        found = body.get(name)
        found = [found] if isinstance(found, dict) else found  # so may Gemini's clients write a list of one
        if not isinstance(found, list):
            continue
        if len(found) > most:
            raise BodyTooLarge(f"'{name}' has {len(found)} entries; {setting} allows {most}.", param=name)
        if (parts := _count_parts(found)) > limits.max_parts:
            raise BodyTooLarge(
                f"The entries of '{name}' have {parts} parts; GPT2GIGA_MAX_PARTS allows {limits.max_parts}.", param=name
            )
        if name in ("input", "tools"):
            _check_inner_tools(name, found, limits)


def _check_inner_tools(name: str, items: list[Any], limits: LimitSettings) -> None:
    """Codex's come in items of the input, Gemini's in one of the tools."""
    values = [item.get(inner) for item in items if isinstance(item, dict) for inner in INNER_TOOLS]
    if (number := sum(len(value) for value in values if isinstance(value, list))) > limits.max_tools:
        words = f"The items of '{name}' bring {number} tools; GPT2GIGA_MAX_TOOLS allows {limits.max_tools}."
        raise BodyTooLarge(words, param=name)


def _count_parts(entries: list[Any]) -> int:
    """Whatever they are called: content, calls, items."""
    found = [entry.values() for entry in entries if isinstance(entry, dict)]
    return sum([len(value) for values in found for value in values if isinstance(value, list)])


def json_response(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, mimetype="application/json")


def name_ignored(response: Response, names: Collection[str]) -> Response:
    """Some of the names are a client's own words, which a header may not hold as they are."""
    if names:
        told = ", ".join(ascii(name)[1:-1] for name in names)
        response.headers[IGNORED_HEADER] = told[:LONGEST_IGNORED]
    return response
