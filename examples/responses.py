"""The Responses API: the service keeps the conversation, and each turn names the one before it."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)

previous = None
for text in ("Меня зовут Барсик", "Как меня зовут?"):
    response = client.responses.create(model="GigaChat-2-Max", input=text, previous_response_id=previous)
    previous = response.id
    print(f"> {text}\n{response.output_text}")
