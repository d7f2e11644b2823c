"""The tables of responses: those that are kept, conversations, and what is made in the background."""

from __future__ import annotations

from gpt2giga.store.orm import (
    BlobField,
    BooleanField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)


class KeptRow(Model):
    """What is kept for a while, as far as there is room; no table of its own. `created` is in seconds of Unix time,
    `size` in bytes of `body`."""

    id = TextField(primary_key=True)
    created = DoubleField(index=True)
    size = IntegerField()
    body = BlobField()


class KeptResponse(KeptRow):
    """What one turn added to a conversation."""

    tenant = TextField()
    previous = TextField(null=True)

    class Meta:
        table_name = "responses"


class KeptConversation(KeptRow):
    """`created` is when its items changed last, `begun` when it was made; `body` is its metadata, and `size` counts its
    items too. items: how many there are. places: how many there were."""

    tenant = TextField()
    begun = DoubleField()
    items = IntegerField(default=0)
    places = IntegerField(default=0)

    class Meta:
        table_name = "conversations"


class ConversationItem(Model):
    """Goes with its conversation, so that none is ever kept in part."""

    conversation = ForeignKeyField(KeptConversation, column_name="conversation", on_delete="CASCADE", index=False)
    place = IntegerField()
    id = TextField()
    body = BlobField()

    class Meta:
        table_name = "conversation_items"
        primary_key = CompositeKey("conversation", "place")
        indexes = ((("conversation", "id"), False),)


class BackgroundResponse(Model):
    """A response that is made without its client, from when it was asked for until its events are dropped. `body` is
    the request, and `turn` what is known of the response until it is among the others: both are empty after the end.
    asker: OnBehalf as JSON. size: of all that is kept of it, in bytes. number: of its next event. streams: events are
    kept. Moments are in seconds of Unix time."""

    id = TextField(primary_key=True)
    tenant = TextField(index=True)
    asker = TextField()
    created = DoubleField()
    ended = DoubleField(null=True, index=True)
    is_begun = BooleanField(default=False)
    attempts = IntegerField(default=0)
    streams = BooleanField()
    number = IntegerField()
    size = IntegerField()
    body = BlobField()
    turn = BlobField()

    class Meta:
        table_name = "background_responses"


class BackgroundEvents(Model):
    """Some of its events as a list of JSON, from number `first` to `last`."""

    response = ForeignKeyField(BackgroundResponse, column_name="response", on_delete="CASCADE", index=False)
    first = IntegerField()
    last = IntegerField()
    body = BlobField()

    class Meta:
        table_name = "background_events"
        primary_key = CompositeKey("response", "first")
