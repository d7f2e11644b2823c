"""The bodies of what /responses and /conversations answer."""

from __future__ import annotations

from gpt2giga.openapi.schema import (
    const,
    COUNT,
    FLAG,
    list_of,
    made_of,
    MAYBE_TEXT,
    OBJECT,
    one_of,
    or_null,
    page,
    Schema,
    TEXT,
    TIME,
)

ITEM = made_of({"id": TEXT, "type": TEXT})
ANSWERS_OF_RESPONSES: dict[str, Schema] = {
    "Response": made_of(
        {
            "id": TEXT,
            "object": const("response"),
            "created_at": TIME,
            "status": one_of("completed", "incomplete", "failed", "in_progress", "queued", "cancelled"),
            "model": TEXT,
            "output": list_of(made_of({"id": TEXT, "type": TEXT}, optional=("id",))),
            "error": or_null(OBJECT),
            "incomplete_details": or_null(OBJECT),
            "usage": or_null(OBJECT),
            "metadata": OBJECT,
            "previous_response_id": MAYBE_TEXT,
            "store": FLAG,
            "tools": list_of(OBJECT),
        }
    ),
    "CompactedResponse": made_of(
        {
            "id": TEXT,
            "object": const("response.compaction"),
            "created_at": TIME,
            "output": list_of(made_of({"id": TEXT, "type": TEXT})),
            "usage": OBJECT,
        }
    ),
    "ResponseEvent": made_of({"type": TEXT, "sequence_number": COUNT}),
    "InputItems": page(OBJECT),
    "Conversation": made_of({"id": TEXT, "object": const("conversation"), "created_at": TIME, "metadata": OBJECT}),
    "ConversationItem": ITEM,
    "ConversationItems": page(ITEM),
    "InputTokens": made_of({"object": const("response.input_tokens"), "input_tokens": COUNT}),
}
