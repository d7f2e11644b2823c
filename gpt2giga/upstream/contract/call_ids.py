"""GigaChat's functions_state_id, carried to the client and back inside the id of the call.

It is not sent back unless GPT2GIGA_SEND_STATE_ID says so: the round trip works without it, and requests were seen
to be refused because of it (contract 3.1.23, 3.1.24).
"""

from __future__ import annotations

import re
import secrets
import uuid


def call_id(state_id: str | None) -> str:
    """Letters and digits only, at most 40: OpenClaw strips and cuts the rest. GigaChat's state id survives in it."""
    try:
        return "call" + uuid.UUID(state_id or "").hex
    except ValueError:
        return "call" + secrets.token_hex(12)


def state_id(call: str) -> str | None:
    """GigaChat's state id from the id of a call that came back from a client."""
    return str(uuid.UUID(call[4:])) if re.fullmatch(r"call[0-9a-f]{32}", call) else None
