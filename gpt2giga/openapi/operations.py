"""What each endpoint does, by the name of its view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from gpt2giga.dialects.ollama.views import CHANGES
from gpt2giga.dialects.openai.batch_views import MOST as MOST_BATCHES
from gpt2giga.dialects.openai.batches import ANCHOR, LEAST_KEPT, MOST_KEPT
from gpt2giga.dialects.openai.files import MOST_FILES
from gpt2giga.dialects.openai.speech import FORMATS
from gpt2giga.dialects.openai.timed_transcripts import TEXTS
from gpt2giga.dialects.openai.transcriptions import GRANULARITIES, TIMED
from gpt2giga.openapi.schema import COUNT, integer, number, one_of, Schema, TEXT
from gpt2giga.telemetry.usage_report import MOST_DAYS, MOST_OFFSET
from gpt2giga.web.framing import Framing
from gpt2giga.web.json_lines import JSON_LINES
from gpt2giga.web.sse import SSE

BYTES: Mapping[str, Schema] = {"application/octet-stream": {}}


@dataclass(frozen=True)
class Operation:
    """Names are those of schemas. other: what an answer may be besides JSON. is_open: no key is asked.
    other_shapes: of the answer, for other APIs' clients.
    asks_gigachat: errors may come from there. error: the form of errors. asked_by: the parameter that asks for events.
    framing: how they are written. may_be_missing: the answer may be 501."""

    tag: str
    summary: str
    answer: str = ""
    body: str = ""
    events: str = ""
    query: Mapping[str, Schema] = field(default_factory=dict)
    other: Mapping[str, Schema] = field(default_factory=dict)
    form: Schema | None = None
    error: str = "Error"
    other_shapes: tuple[str, ...] = ()
    asks_gigachat: bool = True
    is_open: bool = False
    asked_by: str = "stream: true"
    framing: Framing = SSE
    may_be_missing: bool = False


def _pages(most: int) -> dict[str, Schema]:
    return {"after": TEXT, "limit": integer(1, most), "order": one_of("asc", "desc")}


FILE_FORM: Schema = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "purpose": {**TEXT, "description": "`batch`: requests for POST /batches, which are kept here"},
        "expires_after[anchor]": {"const": ANCHOR},
        "expires_after[seconds]": {**integer(LEAST_KEPT, MOST_KEPT), "description": "For files with purpose `batch`"},
    },
    "required": ["file"],
}
RECORDING_FORM: Schema = {
    "type": "object",
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "model": TEXT,
        "response_format": {"type": "string", "enum": ["json", "text", *TIMED]},
        "stream": {"type": "boolean"},
        "language": TEXT,
        "prompt": TEXT,
        "temperature": number(0, 1),
        "timestamp_granularities[]": {"type": "array", "items": {"type": "string", "enum": [*GRANULARITIES]}},
    },
    "required": ["file"],
}
TRANSCRIPTS: Mapping[str, Schema] = {media_type: {} for media_type, _ in TEXTS.values()}
SOUNDS: Mapping[str, Schema] = {media_type: {} for media_type, _ in FORMATS.values()}
SERVICE, PAGE, OPENAI, ANTHROPIC, OLLAMA = "service", "page", "openai", "anthropic", "ollama"
GEMINIS = partial(Operation, "gemini", error="GoogleError")
OLLAMAS = partial(Operation, OLLAMA, error="OllamaError")
OF_LINES = partial(OLLAMAS, asked_by="stream: true`, the default, or without `stream", framing=JSON_LINES)
OPERATIONS: Mapping[str, Operation] = {
    "health.root": Operation(
        SERVICE, "Is anybody there; in a browser the page", "Name", other={"text/html": {}}, asks_gigachat=False
    ),
    "health.alive": Operation(
        SERVICE, "Is the process alive; never asks GigaChat", "Health", asks_gigachat=False, is_open=True
    ),
    "health.ready": Operation(SERVICE, "Would GigaChat answer; the cause if not", "Health"),
    "metrics.show": Operation(SERVICE, "Figures for Prometheus", other={"text/plain": {}}, asks_gigachat=False),
    "openapi.document": Operation(SERVICE, "This description", "OpenApi", asks_gigachat=False, is_open=True),
    "openai_chat.create_chat_completion": Operation(
        OPENAI,
        "Chat, whole and streamed; takes bodies of the Responses API too, as Cursor sends them",
        "ChatCompletion",
        "ChatCompletionRequest",
        events="ChatCompletionChunk",
    ),
    "openai_chat.create_completion": Operation(
        OPENAI, "Legacy completions, whole and streamed", "Completion", "CompletionRequest", events="Completion"
    ),
    "openai.create_embeddings": Operation(OPENAI, "Embeddings", "Embeddings", "EmbeddingsRequest"),
    "openai_moderations.create_moderation": Operation(
        OPENAI, "Would GigaChat's filter stop a text; it names no category", "Moderation", "ModerationRequest"
    ),
    "openai.create_images": Operation(OPENAI, "Images that GigaChat draws", "Images", "ImagesRequest"),
    "openai_audio.create_transcription": Operation(
        OPENAI,
        "What is said in a recording; with timestamps if SaluteSpeech is set up",
        "Transcription",
        events="TranscriptEvent",
        other=TRANSCRIPTS,
        form=RECORDING_FORM,
    ),
    "openai_audio.create_translation": Operation(
        OPENAI,
        "What is said in a recording, in English",
        "Transcription",
        events="TranscriptEvent",
        other=TRANSCRIPTS,
        form=RECORDING_FORM,
    ),
    "openai_audio.create_speech": Operation(
        OPENAI,
        "Speech, by SaluteSpeech",
        body="SpeechRequest",
        events="SpeechEvent",
        other=SOUNDS,
        asked_by="stream_format: sse",
        may_be_missing=True,
    ),
    "openai.list_model_info": Operation(OPENAI, "The models in LiteLLM's shape", "ModelInfo"),
    "models.list_models": Operation(OPENAI, "The models", "Models", other_shapes=("AnthropicModels", "GoogleModels")),
    "models.retrieve_model": Operation(OPENAI, "One model", "Model", other_shapes=("AnthropicModel", "GoogleModel")),
    "openai_files.upload_file": Operation(
        OPENAI, "Upload a file to GigaChat, or the requests of a batch", "File", form=FILE_FORM
    ),
    "openai_files.list_files": Operation(
        OPENAI, "The files at GigaChat and those of batches", "Files", query={"purpose": TEXT, **_pages(MOST_FILES)}
    ),
    "openai_files.retrieve_file": Operation(OPENAI, "One file", "File"),
    "openai_files.retrieve_file_content": Operation(OPENAI, "What is in a file", other=BYTES),
    "openai_files.delete_file": Operation(OPENAI, "Delete a file", "Deleted"),
    "openai_batches.create_batch": Operation(
        OPENAI, "Have a file of requests answered, behind everything else", "Batch", "BatchRequest", asks_gigachat=False
    ),
    "openai_batches.list_batches": Operation(
        OPENAI,
        "The batches, the newest first",
        "Batches",
        query={"after": TEXT, "limit": integer(1, MOST_BATCHES)},
        asks_gigachat=False,
    ),
    "openai_batches.retrieve_batch": Operation(OPENAI, "One batch, and how far it is", "Batch", asks_gigachat=False),
    "openai_batches.cancel_batch": Operation(OPENAI, "Cancel a batch", "Batch", asks_gigachat=False),
    "responses.create": Operation(
        OPENAI, "The Responses API, whole and streamed", "Response", "ResponseRequest", events="ResponseEvent"
    ),
    "responses.input_tokens": Operation(
        OPENAI, "The tokens of a request, counted by GigaChat", "InputTokens", "ResponseRequest"
    ),
    "responses.compact": Operation(
        OPENAI, "A conversation made short, to go on with", "CompactedResponse", "CompactRequest"
    ),
    "responses.retrieve": Operation(
        OPENAI,
        "A response that was kept, or is made in the background",
        "Response",
        events="ResponseEvent",
        query={"stream": {"type": "boolean"}, "starting_after": COUNT},
        asks_gigachat=False,
        asked_by="stream=true in the query",
    ),
    "responses.cancel": Operation(OPENAI, "Give up a response in the background", "Response", asks_gigachat=False),
    "responses.delete": Operation(OPENAI, "Forget a response", "Deleted", asks_gigachat=False),
    "responses.input_items": Operation(
        OPENAI, "The input of a response that was kept", "InputItems", query=_pages(100), asks_gigachat=False
    ),
    "responses.create_conversation": Operation(
        OPENAI, "Begin a conversation", "Conversation", "ConversationRequest", asks_gigachat=False
    ),
    "responses.retrieve_conversation": Operation(OPENAI, "A conversation", "Conversation", asks_gigachat=False),
    "responses.update_conversation": Operation(
        OPENAI, "Change its metadata", "Conversation", "ConversationUpdate", asks_gigachat=False
    ),
    "responses.delete_conversation": Operation(
        OPENAI, "Forget a conversation and its items", "Deleted", asks_gigachat=False
    ),
    "responses.add_items": Operation(
        OPENAI, "Add items to a conversation", "ConversationItems", "ItemsRequest", asks_gigachat=False
    ),
    "responses.list_items": Operation(
        OPENAI, "The items of a conversation", "ConversationItems", query=_pages(100), asks_gigachat=False
    ),
    "responses.retrieve_item": Operation(OPENAI, "One item", "ConversationItem", asks_gigachat=False),
    "responses.delete_item": Operation(
        OPENAI, "Take an item out of its conversation", "Conversation", asks_gigachat=False
    ),
    "anthropic_messages.create": Operation(
        ANTHROPIC,
        "Anthropic's chat, whole and streamed",
        "Message",
        "MessageRequest",
        events="MessageEvent",
        error="AnthropicError",
    ),
    "anthropic_messages.count_tokens": Operation(
        ANTHROPIC, "The tokens of such a request", "CountedTokens", "CountTokensRequest", error="AnthropicError"
    ),
    "ollama.chat": OF_LINES("Ollama's chat", "OllamaChat", "OllamaChatRequest", events="OllamaChat"),
    "ollama.generate": OF_LINES("A text", "OllamaGenerated", "OllamaGenerateRequest", events="OllamaGenerated"),
    "ollama.embed": OLLAMAS("Embeddings", "OllamaEmbeddings", "OllamaEmbedRequest"),
    "ollama.embeddings": OLLAMAS("One embedding", "OllamaEmbedding", "OllamaEmbeddingRequest"),
    "ollama.tags": OLLAMAS("The models", "OllamaModels"),
    "ollama.ps": OLLAMAS("The models that are loaded, which all are", "OllamaModels"),
    "ollama.show": OLLAMAS("One model", "OllamaModel", "OllamaModelRequest"),
    "ollama.pull": OLLAMAS("Is a model there", "OllamaStatus", "OllamaModelRequest"),
    "ollama.version": OLLAMAS("The version of Ollama that this is like", "OllamaVersion", asks_gigachat=False),
    **{
        f"ollama.{name}": OLLAMAS("Not possible with GigaChat's models: 501", asks_gigachat=False, may_be_missing=True)
        for name in CHANGES
    },
    "gemini.generate_content": GEMINIS("Gemini's chat", "GenerateContentResponse", "GenerateContentRequest"),
    "gemini.stream_generate_content": GEMINIS(
        "The same, streamed: as one array, or as events",
        "GenerateContentResponses",
        "GenerateContentRequest",
        events="GenerateContentResponse",
        query={"alt": TEXT},
        asked_by="alt=sse",
    ),
    "gemini.count_tokens": GEMINIS("The tokens of such a request", "CountTokensResponse", "CountContentTokensRequest"),
    "gemini.embed_content": GEMINIS("One embedding", "EmbedContentResponse", "EmbedContentRequest"),
    "gemini.batch_embed_contents": GEMINIS("Embeddings", "BatchEmbedContentsResponse", "BatchEmbedContentsRequest"),
    "ui.asset": Operation(
        PAGE, "A file of the page", other={"text/css": {}, "text/javascript": {}}, asks_gigachat=False, is_open=True
    ),
    "ui.show_usage": Operation(
        PAGE,
        "What was used in the last days",
        "UsageReport",
        query={"days": integer(1, MOST_DAYS), "offset": integer(-MOST_OFFSET, MOST_OFFSET)},
        asks_gigachat=False,
    ),
    "ui.show_packages": Operation(
        PAGE, "What is left of GigaChat's packages of tokens", "PackagesLeft", asks_gigachat=False
    ),
    "ui.clients": Operation(PAGE, "How clients are connected", "Clients", asks_gigachat=False),
    "ui.facts": Operation(PAGE, "What is known of a model", "Facts", query={"model": TEXT}),
    "ui.openclaw": Operation(PAGE, "OpenClaw's settings", "OpenClawSettings"),
}
# How the stream of each kind of events ends.
ENDS = {
    "ChatCompletionChunk": "then `[DONE]`",
    "Completion": "then `[DONE]`",
    "TranscriptEvent": "the last is transcript.text.done",
    "SpeechEvent": "the last is speech.audio.done",
    "ResponseEvent": "each with its type as the event's name; the last is response.completed, incomplete or failed",
    "MessageEvent": "each with its type as the event's name; the last is message_stop",
    "GenerateContentResponse": "the last of each candidate with a finishReason",
    **dict.fromkeys(("OllamaChat", "OllamaGenerated"), "the last with `done: true`"),
}
