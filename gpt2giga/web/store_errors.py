"""What a client is told of a database that cannot be used: neither addresses nor folders of this machine, which only
the log names."""

from __future__ import annotations

import logging

from gpt2giga.errors import Unavailable
from gpt2giga.store.database import Unusable

log = logging.getLogger(__name__)


def store_unavailable(
    what: str, unusable: Unusable, advice: str = "", *, param: str | None = None, is_news: bool = True
) -> Unavailable:
    """what: begins a sentence, as "Usage cannot be read". advice: a sentence for the client. is_news: the log has not
    just said it."""
    if is_news:
        log.warning("%s: %s", what, unusable)
    setting = f" ({unusable.setting})" if unusable.setting else ""
    words = f"{what} at the moment: the database is out of reach{setting}, and the log of the service says why."
    return Unavailable(f"{words} {advice}".rstrip(), param=param, code="store_unavailable")
