"""Anthropic's SDK, streamed. The service answers at /v1/messages, where that SDK asks by itself."""

import os

from anthropic import Anthropic

client = Anthropic(
    base_url=os.environ.get("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080"),
    api_key=os.environ.get("ANTHROPIC_API_KEY", "unused"),
)

with client.messages.stream(
    model="GigaChat-2-Max", max_tokens=200, messages=[{"role": "user", "content": "Посчитай от 1 до 5"}]
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
print()
