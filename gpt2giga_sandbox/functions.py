"""Strict checks of the declared functions (contract 3.1.1, 3.1.2, 3.1.3, 3.1.9).

Where these rules call something disputed or weak, or say nothing, the sandbox refuses it:
a client that passes here sends only what every account of the service agrees on. Characters let more pass.
"""

from __future__ import annotations

import re
from typing import Any

from gpt2giga_sandbox.catalog import Model
from gpt2giga_sandbox.character import Character, SCHEMAS
from gpt2giga_sandbox.refusal import bad_json, check_types, invalid, Refusal
from gpt2giga_sandbox.schemas import Schemas

BAD_NAME = (
    "Invalid function names. Only Latin letters (A-Z or a-z), underscore (_), hyphen (-), dot (.)"
    " and digits (not leading) are allowed.: [{}]"
)
BUILT_IN = {
    "code_interpreter",
    "get_file_content",
    "image_generate",
    "model_3d_generate",
    "text2image",
    "text2model3d",
    "url_content_extraction",
    "web_search",
}
DECLARATION: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "description": str,
    "parameters": dict,
    "few_shot_examples": list,
    "return_parameters": dict,
}


def check_functions(functions: list[Any], character: Character, model: Model) -> None:
    names: set[str] = set()
    schemas = Schemas([kind for kind in SCHEMAS if character.passes(kind, model)])
    for function in functions:
        if not isinstance(function, dict):
            raise bad_json()
        check_types(function, DECLARATION)
        _check_name(function.get("name", ""), names, character)
        _check_examples(function.get("few_shot_examples", []))
        if "parameters" not in function:
            raise Refusal(422, "Field 'parameters' is missing")
        schemas.check(function["parameters"])


def _check_name(name: str, seen: set[str], character: Character) -> None:
    letters = rf"[A-Za-z_][A-Za-z0-9_{re.escape(character.name_marks)}]*"
    if len(name) > character.longest_name or not re.fullmatch(letters, name):
        raise invalid(BAD_NAME.format(name))
    if name in BUILT_IN:
        raise invalid(f"function name {name} is taken by a built-in function")
    if name in seen:
        raise invalid(f"function name {name} is not unique")
    seen.add(name)


def _check_examples(examples: list[Any]) -> None:
    for example in examples:
        if not isinstance(example, dict):
            raise bad_json()
        check_types(example, {"request": str, "params": dict})
