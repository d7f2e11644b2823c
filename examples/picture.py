"""A question about a picture: python examples/picture.py photo.jpg "Что здесь нарисовано?" """

import base64
import os
import sys
from pathlib import Path

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)
path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "files/circle.png"
question = sys.argv[2] if len(sys.argv) > 2 else "Что на картинке?"
kind = "png" if path.suffix == ".png" else "jpeg"
url = f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"

answer = client.chat.completions.create(
    model="GigaChat-2-Max",
    messages=[
        {
            "role": "user",
            "content": [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": url}}],
        }
    ],
)
print(answer.choices[0].message.content)
