"""An answer as an object of your own class, checked against its schema."""

import os

from openai import OpenAI
from pydantic import BaseModel

client = OpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)


class Recipe(BaseModel):
    title: str
    minutes: int
    ingredients: list[str]


answer = client.chat.completions.parse(
    model="GigaChat-2-Max", messages=[{"role": "user", "content": "Простой рецепт борща"}], response_format=Recipe
)
recipe = answer.choices[0].message.parsed
print(f"{recipe.title}, {recipe.minutes} min: {', '.join(recipe.ingredients)}")
