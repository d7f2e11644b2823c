"""Which schemas may go up as they were written."""

from __future__ import annotations

from typing import Any

import pytest

from gpt2giga.chat import Tool
from gpt2giga.upstream.contract.functions import to_functions
from gpt2giga.upstream.contract.schema.native import used_keywords
from gpt2giga.upstream.contract.tool_names import ToolNames

TEXT = {"type": "string"}


def holding(node: Any, **around: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": TEXT, "b": node}, "required": ["a"], **around}


@pytest.mark.parametrize(
    ("schema", "used"),
    [
        (holding(TEXT), set()),
        (holding({"type": "array", "items": {"type": "integer", "minimum": 1}}), set()),
        (holding({"anyOf": [TEXT, {"type": "null"}]}), {"unions"}),
        (holding({"allOf": [{"$ref": "#/$defs/A"}]}, **{"$defs": {"A": TEXT}}), {"unions", "references"}),
        (holding({"type": ["string", "null"]}), {"type_lists"}),
        (holding({"enum": [1, 2]}), {"integer_enums"}),
        (holding({"const": "x"}), {"const"}),
        (holding({**TEXT, "format": "uri"}), {"formats"}),
        (holding({**TEXT, "format": "date"}), set()),
        (holding({"type": "object"}, additionalProperties=False), {"open_objects", "additional_properties"}),
        (holding({"oneOf": [{"type": ["string", "null"]}]}), {"unions", "type_lists"}),
        (holding({"anyOf": TEXT}), None),
        (holding({"not": TEXT}), None),
        (holding({}), None),
        (holding(True), None),
        (TEXT, None),
    ],
)
def test_what_a_schema_needs(schema: dict[str, Any], used: set[str] | None) -> None:
    assert used_keywords(schema) == used


def test_it_goes_up_as_it_is_where_all_of_that_is_known_to_pass() -> None:
    schema = holding({"anyOf": [TEXT, {"type": "null"}]}, **{"$schema": "https://json-schema.org/draft/2020-12/schema"})

    def sent(*keywords: str) -> Any:
        tools = [Tool("f", "", schema)]
        (function,) = to_functions(tools, ToolNames(["f"]), 1000, frozenset(keywords))
        return function["parameters"]

    assert sent("unions", "const") == {name: value for name, value in schema.items() if name != "$schema"}
    assert sent("const") == sent() != sent("unions")
    assert "anyOf" not in str(sent("const"))
