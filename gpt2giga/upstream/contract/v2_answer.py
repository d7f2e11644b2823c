"""GigaChat's answers on v2, whole or streamed, -> events. Pure."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any, Literal

from gpt2giga.chat import Done, Event, HostedCall, HostedTool, Picture, ReasoningDelta, TextDelta, Usage
from gpt2giga.errors import UpstreamError
from gpt2giga.language import _
from gpt2giga.upstream.caller import ANYBODY, Spend
from gpt2giga.upstream.contract import answers
from gpt2giga.upstream.contract.answers import BROKEN_CALL, LEAK, MISREADINGS, string, Unreadable, whole_number
from gpt2giga.upstream.contract.call_ids import call_id
from gpt2giga.upstream.contract.citations import Citations
from gpt2giga.upstream.contract.stream import Stream
from gpt2giga.upstream.contract.tool_names import ToolNames

# Contract 5.14. A request_whitelist is a question that has a fixed answer, which is one like any other (SPEC).
FINISH: dict[str, Literal["stop", "length", "content_filter"]] = {
    "length": "length",
    "blacklist": "content_filter",
    "request_blacklist": "content_filter",
    "response_blacklist": "content_filter",
    "request_filter": "content_filter",
}
# SPEC's example has another name for image_generate.
HOSTED: dict[str, HostedTool] = {
    "web_search": "web_search",
    "url_content_extraction": "url_content_extraction",
    "image_generate": "image_generate",
    "image_generation": "image_generate",
}
COMPLETED = ("success", "complete", "completed", "done")
FAILED = ("fail", "failed", "failure", "error")
# Whose texts are not the model's words to the user.
SILENT = ("function_in_progress", "tool", "function", "user", "system")
# What most documents of a stream have, and nothing else.
OF_A_DELTA = frozenset({"messages", "model", "created_at"})
# Of which an answer has at least one.
DOCUMENTED = {"messages", "finish_reason", "usage", "tool_execution", "inline_data", "model"}
# Characters of GigaChat's own words about an error.
MOST_WORDS = 500
# Calls, uses of tools and pictures of an answer. A model that goes on and on would keep the service from everybody.
MOST_ITEMS = 1000


def from_completion(document: Any, names: ToolNames, spend: Spend = ANYBODY.spend) -> list[Event]:
    """`document` is JSON as it came. Raises Unreadable, UpstreamCut, UpstreamError."""
    answer = Answer(names)
    try:
        events = answer.look_ahead(document)
        answer.add(document, events)
        return events + answer.end()
    except Unreadable:
        with suppress(*MISREADINGS, Unreadable):  # it was paid for all the same
            answer.usage = _usage(document["usage"])
        raise
    finally:
        spend(answer.usage)


class Answer(answers.Answer):
    def __init__(self, names: ToolNames) -> None:
        super().__init__(names)
        # Characters of text that were passed on.
        self._passed = 0
        self._citations = Citations()
        self._running: dict[HostedTool, str] = {}
        self._told: set[HostedTool] = set()
        self._is_censored = False
        self._shown: set[str] = set()
        # Calls of the document that is being read, and how often each was in those before.
        self._found: list[tuple[dict[str, Any], Any]] = []
        self._called_before: Counter[str] = Counter()
        self._call_ids: set[str] = set()
        self._items = 0

    def add(self, document: Any, events: list[Event]) -> None:
        try:
            messages = document.get("messages")
            for message in messages or ():
                role, content = message.get("role"), message.get("content")
                if len(message) > 2 or not content:  # what can stand in a part, can stand beside the parts too
                    self._add_part(message, message, events)
                for part in content or ():
                    text = part.get("text")
                    if len(part) > 1 or role != "assistant" or not isinstance(text, str):
                        self._add_part(part, message, events)
                        continue
                    if LEAK[0] in text or self._held:  # most pieces have not even the first letter
                        text = self._safe(text)
                    if self._thoughts or self._citations.held or "<" in text or "[" in text:
                        self._say(text, events)
                    elif text:
                        self._has_spoken = self._has_spoken or not text.isspace()
                        self._backticks += text.count("`")
                        self._passed += len(text)
                        events.append(TextDelta(text))
            if not messages or not document.keys() <= OF_A_DELTA:
                self._add_rest(document, events)
            if self._found:
                self._add_calls(events)
            self._line = b""
        except MISREADINGS as error:
            raise Unreadable(document) from error

    def look_ahead(self, document: Any) -> list[Event]:
        """A whole answer's sources, before its text. It does not tell of a search (contract 5.21), but they do."""
        events: list[Event] = []
        try:
            messages = document.get("messages") or ()
            places = [place for message in messages for place in (message, *(message.get("content") or ()))]
            if not any("tool_execution" in place for place in (document, *places)):
                for place in (document, *places):
                    self._learn(place, events)
        except MISREADINGS as error:
            raise Unreadable(document) from error
        return events

    def end(self) -> list[Event]:
        """Tools that nobody has told the end of have ended too."""
        if self._finish in BROKEN_CALL and self._is_censored:  # so a censored drawing ends in the SDK's own tests
            self._finish = "request_filter"
        finish = self._check_finish()
        events: list[Event] = []
        self._pass_on(self._end_of_text(), events)
        self._let_go(events)
        events += self._citations.end(self._passed)
        events += [HostedCall(id, tool, "completed") for tool, id in self._running.items()]
        return [*events, Done("tool_calls" if self._called else FINISH.get(finish, "stop"), self.usage)]

    def _add_part(self, part: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        """All that a part may be, or a message beside its parts."""
        role = message.get("role")
        if execution := part.get("tool_execution"):
            self._add_execution(execution, events)
        self._learn(part, events)
        if thought := part.get("reasoning_content") or part.get("reasoning"):
            events.append(ReasoningDelta(_thought(thought)))
        if text := part.get("text"):
            if role == "reasoning":  # contract 5.20
                events.append(ReasoningDelta(string(text)))
            elif role not in SILENT:
                self._say(self._safe(string(text)), events)
        for file in part.get("files") or ():
            self._add_file(file, events)
        if call := part.get("function_call"):
            self._found.append((call, message.get("tool_state_id") or message.get("tools_state_id")))
            self._count_items(0)
        if finish := part.get("finish_reason"):
            self._finish = string(finish)

    def _add_rest(self, document: dict[str, Any], events: list[Event]) -> None:
        """What a document says beside its messages (contract 5.31)."""
        error = document.get("error_details")
        event = self._line.partition(b":")[2].strip()
        is_error = event == b"response.error"
        if error or (is_error and "status" not in document):
            raise UpstreamError(_("GigaChat's answer broke off: {words}.", words=_words(error or document)))
        if is_error or (DOCUMENTED.isdisjoint(document) and not event.startswith(b"response.tool.")):
            raise Unreadable(document)
        if finish := document.get("finish_reason"):
            self._finish = string(finish)
        if usage := document.get("usage"):
            self.usage = _usage(usage)
        if execution := document.get("tool_execution"):
            self._add_execution(execution, events)
        self._learn(document, events)

    def _say(self, text: str, events: list[Event]) -> None:
        """Text that may have thoughts or markers in it."""
        if self._thoughts or "<" in text:
            self._pass_on(self._part(text), events)
        elif text:
            self._has_spoken = self._has_spoken or not text.isspace()
            self._backticks += text.count("`")
            self._pass_on([TextDelta(text)], events)

    def _pass_on(self, said: list[Event], events: list[Event]) -> None:
        for event in said:
            if isinstance(event, TextDelta):
                text, cited = self._citations.feed(event.text, self._passed)
                if text:
                    self._passed += len(text)
                    events.append(TextDelta(text))
                events += cited
            else:
                events.append(event)

    def _let_go(self, events: list[Event]) -> None:
        """Of what has not become a marker."""
        if text := self._citations.held:
            self._citations.held = ""
            self._passed += len(text)
            events.append(TextDelta(text))

    def _learn(self, place: dict[str, Any], events: list[Event]) -> None:
        """The pages of a search (contract 5.22); they may be all that tells of it."""
        if inline := place.get("inline_data"):
            cited = self._citations.learn(inline.get("sources"))
            if self._citations.has_pages and not self._told - {"image_generate"}:
                self._tell("web_search", "completed", events)
            events += cited

    def _add_execution(self, execution: dict[str, Any], events: list[Event]) -> None:
        """Told in a part, a message, a document or several of them, and again while it runs (contract 5.21)."""
        self._is_censored = self._is_censored or bool(execution.get("censored"))
        tool = HOSTED.get(str(execution.get("name")))
        if not tool:
            return
        status = str(execution.get("status")).lower()
        if status in FAILED or b"tool.failed" in self._line:
            self._tell(tool, "failed", events)
        elif status in COMPLETED or b"tool.completed" in self._line:
            self._tell(tool, "completed", events)
        else:
            self._tell(tool, "running", events)

    def _tell(self, tool: HostedTool, status: Literal["running", "completed", "failed"], events: list[Event]) -> None:
        if tool not in self._running:
            if status != "running" and tool in self._told:
                return
            self._count_items()
            self._told.add(tool)
            self._running[tool] = call_id(None)
            events.append(HostedCall(self._running[tool], tool, "running"))
        if status != "running":
            events.append(HostedCall(self._running.pop(tool), tool, status))

    def _add_file(self, file: dict[str, Any], events: list[Event]) -> None:
        """Only pictures have a place in an answer (contract 5.23); they too may be all that tells of their tool."""
        id, mime = string(file["id"]), string(file.get("mime") or "")
        target = file.get("target") or ("image" if mime.startswith("image/") else "")
        if target == "image" and id not in self._shown:
            self._count_items()
            self._shown.add(id)
            if "image_generate" not in self._told:
                self._tell("image_generate", "completed", events)
            events.append(Picture(id, mime or "image/jpeg"))

    def _add_calls(self, events: list[Event]) -> None:
        """A call that was in an earlier document is the same, also without an id (contract 5.10, 5.17)."""
        found, self._found = self._found, []
        count = Counter[str]()
        for raw, state in found:
            id = raw.get("id")
            # The first one carries the state (contract 5.24), as on v1.
            call = self._call(raw, self._new_call_id(id if self._called else state or id))
            key = f"{id} {call.name} {call.arguments!r}"
            count[key] += 1
            if count[key] <= self._called_before[key]:
                continue
            self._count_items()
            self._called = True
            self._call_ids.add(call.id)
            self._pass_on(self._end_before_call(), events)
            self._let_go(events)
            events.append(call)
        for key, times in count.items():  # not |=, which looks at all that came before
            self._called_before[key] = max(times, self._called_before[key])

    def _count_items(self, new: int = 1) -> None:
        """Raises UpstreamError: of all so far, or of one document."""
        self._items += new
        if max(self._items, len(self._found)) > MOST_ITEMS:
            raise UpstreamError(f"GigaChat's answer has more than {MOST_ITEMS} calls and pictures.")

    def _new_call_id(self, gigachats: Any) -> str:
        found = call_id(gigachats)
        return call_id(None) if found in self._call_ids else found


class StreamedAnswer(Stream, Answer):
    _text_key = "text"

    def _texts(self, document: Any) -> list[dict[str, Any]]:
        silent = ("reasoning", *SILENT)
        spoken = [message for message in document["messages"] if message.get("role") not in silent]
        return [part for message in spoken for part in message["content"] if "text" in part]


def _thought(thought: Any) -> str:
    """Text, or an object that holds it."""
    if isinstance(thought, dict):
        thought = thought.get("reasoning") or thought.get("text") or ""
    return string(thought)


def _words(error: Any) -> str:
    words = error.get("message") if isinstance(error, dict) else error
    return words[:MOST_WORDS].rstrip(". \n") if words and isinstance(words, str) else "no explanation"


def _usage(usage: dict[str, Any]) -> Usage:
    """Cached tokens are among those of the input (contract 5.15); after a search they may be more (contract 5.30)."""
    details = usage.get("input_tokens_details") or {}
    prompt, completion = whole_number(usage.get("input_tokens") or 0), whole_number(usage.get("output_tokens") or 0)
    return Usage(prompt, completion, min(prompt, whole_number(details.get("cached_tokens") or 0)))
