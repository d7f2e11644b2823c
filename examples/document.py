"""A question about a document, which is uploaded once and may be asked about again: PDF, Word, text and others."""

import os
import sys
from pathlib import Path

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)
path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "files/contract.txt"
question = sys.argv[2] if len(sys.argv) > 2 else "О чём этот документ?"

file = client.files.create(file=path, purpose="user_data")
try:
    answer = client.chat.completions.create(
        model="GigaChat-2-Max",
        messages=[
            {
                "role": "user",
                "content": [{"type": "file", "file": {"file_id": file.id}}, {"type": "text", "text": question}],
            }
        ],
    )
    print(answer.choices[0].message.content)
finally:
    client.files.delete(file.id)
