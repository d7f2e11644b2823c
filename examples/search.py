"""Search by meaning: which of some texts is nearest to a question, by their embeddings."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)
TEXTS = ["Кошка спит на тёплой печке.", "Поезд в Казань отходит в полдень.", "Щи варят из капусты."]
QUESTION = "Когда отходит поезд в Казань?"


def similarity(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between them."""
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / (sum(a * a for a in one) * sum(b * b for b in other)) ** 0.5


found = client.embeddings.create(model="EmbeddingsGigaR", input=[QUESTION, *TEXTS], encoding_format="float")
question, *texts = [item.embedding for item in found.data]
ranked = sorted(zip(TEXTS, texts, strict=True), key=lambda pair: -similarity(question, pair[1]))
for text, embedding in ranked:
    print(f"{similarity(question, embedding):.2f}  {text}")
