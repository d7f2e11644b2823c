"""Responses that are sent while they are made."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from itertools import chain

from flask import Response

from gpt2giga.web.exchange import Exchange, Outcome


def stream(
    exchange: Exchange, pieces: Generator[bytes, None, None], mimetype: str, headers: Mapping[str, str]
) -> Response:
    """Waits for the first piece: what is refused until then is raised and becomes a real status."""
    first = next(pieces)
    exchange.outcome = Outcome.CLIENT_GONE  # a server that finds the client gone asks for no more
    exchange.on_end(pieces.close)
    response = Response(mimetype=mimetype, headers=dict(headers), direct_passthrough=True)
    response.response = _Body(chain([first], pieces), response)
    return response


class _Body:
    """What a server iterates over: the pieces themselves, without the two generators that werkzeug puts around them."""

    def __init__(self, pieces: Iterator[bytes], response: Response) -> None:
        self._pieces = pieces
        self._response: Response | None = response

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Called by the server, or by the response, which closes what it holds."""
        response, self._response = self._response, None
        if response is not None:
            response.close()
