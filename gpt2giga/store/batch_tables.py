"""The tables of batches and of the files that they read and write."""

from __future__ import annotations

from peewee import BigIntegerField, BlobField, BooleanField, CompositeKey, DoubleField, IntegerField, Model, TextField


class LocalFile(Model):
    """A file that is kept here and not at GigaChat: what a batch reads and writes. `size` is in bytes, `taken` is what
    counts as room for it, moments are in seconds of Unix time. One that is not whole is still being written."""

    id = TextField(primary_key=True)
    tenant = TextField(index=True)
    purpose = TextField()
    name = TextField()
    size = BigIntegerField()
    taken = BigIntegerField()
    created = DoubleField()
    expires = DoubleField(index=True)
    is_whole = BooleanField()

    class Meta:
        table_name = "local_files"


class FilePiece(Model):
    """A line of a file with its end, by its number from 1. One whose line is not there is not written yet."""

    file = TextField()
    number = IntegerField()
    body = BlobField()

    class Meta:
        table_name = "file_pieces"
        primary_key = CompositeKey("file", "number")


class KeptBatch(Model):
    """`asker` is who asked for it (web/on_behalf.py), as JSON, and `moments` when it reached which state, in seconds of
    Unix time, by the names that OpenAI has for them. `output_seconds` is how long its files are kept."""

    id = TextField(primary_key=True)
    tenant = TextField(index=True)
    asker = TextField()
    endpoint = TextField()
    input_file = TextField(index=True)
    output_file = TextField(default="")
    error_file = TextField(default="")
    status = TextField(index=True)
    created = DoubleField()
    expires = DoubleField()
    output_seconds = IntegerField()
    metadata = TextField()
    moments = TextField(default="{}")
    errors = TextField(default="[]")
    model = TextField(default="")
    total = IntegerField(default=0)
    completed = IntegerField(default=0)
    failed = IntegerField(default=0)
    prompt_tokens = BigIntegerField(default=0)
    cached_tokens = BigIntegerField(default=0)
    completion_tokens = BigIntegerField(default=0)
    reasoning_tokens = BigIntegerField(default=0)

    class Meta:
        table_name = "batches"
