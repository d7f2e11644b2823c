"""Whose client is it that asks, whatever becomes of its request?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flask import request

# Google's: its versions, and a model with a method behind it. Its clients may show their key in the address there, and
# nobody anywhere else: addresses stand in the logs of web servers.
GOOGLES_PATHS = re.compile(
    r"(/v1)*/v1(alpha|beta)(?!/openai)(/|$)|.+:((stream)?[gG]enerateContent|countTokens|(embed|batchEmbed)Contents?)$"
)
# In the WSGI environment: the path as the client wrote it, where ours is another (see body.mending_paths).
WRITTEN_PATH = "gpt2giga.written_path"


@dataclass(frozen=True, slots=True)
class Signs:
    """What only the clients of one dialect show. paths: from their beginning, also those that do not exist. headers,
    query: names of headers and of a parameter behind the path."""

    paths: re.Pattern[str] | None = None
    headers: tuple[str, ...] = ()
    query: str = ""

    def are_shown(self) -> bool:
        if any(header in request.headers for header in self.headers):
            return True
        if self.query and self.query in request.args:
            return True
        paths = (request.path, request.environ.get(WRITTEN_PATH, ""))
        return self.paths is not None and any(map(self.paths.match, paths))
