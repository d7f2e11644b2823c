"""One question, one answer: python examples/chat.py "Почему небо синее?" """

import os
import sys

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)

answer = client.chat.completions.create(
    model="GigaChat-2-Max",
    messages=[
        {"role": "system", "content": "Отвечай коротко."},
        {"role": "user", "content": " ".join(sys.argv[1:]) or "Привет!"},
    ],
)
print(answer.choices[0].message.content)
