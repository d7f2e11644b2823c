"""/v1/batches: what is asked there is worked on when nobody else wants anything."""

from __future__ import annotations

import re
import secrets

from flask import Blueprint, request, Response

from gpt2giga.dialects.fields import invalid
from gpt2giga.dialects.openai.batches import from_batch_request, to_batch
from gpt2giga.dialects.openai.file_views import Kept, OURS, too_many, within_reach
from gpt2giga.dialects.pages import limit_of, to_list
from gpt2giga.errors import BadRequest, NotFound
from gpt2giga.store.batches import Batch, IsOver, MOST_UNFINISHED, NoSuchFile, TooManyBatches
from gpt2giga.upstream.caller import Priority
from gpt2giga.web.admission import RUNS_ONCE
from gpt2giga.web.body import json_body, json_response
from gpt2giga.web.exchange import current
from gpt2giga.web.on_behalf import OnBehalf

USUAL, MOST = 20, 100  # batches of a page
BATCH_ID = re.compile(r"batch_[0-9a-f]{32}")


def batches_blueprint(kept: Kept | None, problem: str) -> Blueprint:
    """kept: None where nothing can be; `problem` says why."""
    views = _Views(kept, problem)
    openai = Blueprint("openai_batches", __name__)
    openai.post("/batches")(views.create_batch)
    openai.get("/batches")(views.list_batches)
    openai.get("/batches/<batch_id>")(views.retrieve_batch)
    openai.post("/batches/<batch_id>/cancel")(views.cancel_batch)
    return openai


class _Views:
    def __init__(self, kept: Kept | None, problem: str) -> None:
        self._maybe_kept, self._problem = kept, problem

    @property
    def _kept(self) -> Kept:
        """Raises BadRequest."""
        if self._maybe_kept is None:
            raise BadRequest(self._problem, code="store_unavailable")
        return self._maybe_kept

    def create_batch(self) -> Response:
        kept, exchange = self._kept, current()
        if request.environ.get(RUNS_ONCE):
            words = "This service runs as a CGI script, which ends with each request: nobody could work on a batch."
            raise BadRequest(words, code="store_unavailable")
        asked = from_batch_request(json_body())
        if not OURS.fullmatch(asked.input_file_id):
            raise _no_input(asked.input_file_id)
        batch_id = f"batch_{secrets.token_hex(16)}"
        asker = OnBehalf.of(exchange, batch_id, Priority.BATCH)
        columns = {
            "asker": asker.to_json(),
            "endpoint": asked.endpoint,
            "input_file": asked.input_file_id,
            "output_seconds": asked.output_seconds,
            "metadata": asked.metadata,
        }
        try:
            with within_reach():
                batch = kept.batches.add(batch_id, exchange.tenant, **columns)
        except NoSuchFile:
            raise _no_input(asked.input_file_id) from None
        except TooManyBatches:
            raise too_many(f"{MOST_UNFINISHED} batches have not ended yet.", "too_many_batches") from None
        return self._shown(batch)

    def list_batches(self) -> Response:
        limit, after = limit_of(request.args, USUAL, MOST), request.args.get("after", "")
        tenant, batches = current().tenant, self._kept.batches
        with within_reach():
            last = batches.get(after, tenant) if BATCH_ID.fullmatch(after) else None
            if after and not last:
                raise invalid("after", "the id of a batch")
            found = batches.page(tenant, last, limit + 1)
        return json_response(to_list([to_batch(batch) for batch in found[:limit]], has_more=len(found) > limit))

    def retrieve_batch(self, batch_id: str) -> Response:
        _check_id(batch_id)
        with within_reach():
            batch = self._kept.batches.get(batch_id, current().tenant)
        return self._shown(_there(batch, batch_id))

    def cancel_batch(self, batch_id: str) -> Response:
        _check_id(batch_id)
        try:
            with within_reach():
                batch = self._kept.batches.cancel(current().tenant, batch_id)
        except IsOver as over:
            raise BadRequest(f"A batch with status '{over}' cannot be cancelled.", code="batch_is_over") from None
        return self._shown(_there(batch, batch_id))

    def _shown(self, batch: Batch) -> Response:
        if not batch.is_over and not request.environ.get(RUNS_ONCE):  # whoever had it may have died
            self._kept.wake()
        return json_response(to_batch(batch))


def _check_id(batch_id: str) -> None:
    """No database is asked for what cannot be there. Raises NotFound."""
    if not BATCH_ID.fullmatch(batch_id):
        raise _missing(batch_id)


def _there(batch: Batch | None, batch_id: str) -> Batch:
    if batch is None:
        raise _missing(batch_id)
    return batch


def _missing(batch_id: str) -> NotFound:
    return NotFound(f"There is no batch {batch_id!r}.", param="batch_id", code="batch_not_found")


def _no_input(file_id: str) -> BadRequest:
    words = f"There is no file {file_id!r} with purpose 'batch'."
    return BadRequest(words, param="input_file_id", code="file_not_found")
