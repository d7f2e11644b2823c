"""A deterministic value that conforms to a JSON Schema."""

from __future__ import annotations

import math
from typing import Any

# Below this depth only what the schema demands is sampled, which ends recursive schemas.
SHALLOW = 4
BOTTOM = 40
# Items of a list, letters of a text: who demands more gets an answer that is too short.
LONGEST = 1000
TEXTS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "email": "sandbox@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "hostname": "example.com",
    "duration": "PT1H",
}
Schema = dict[str, Any]


def sample(schema: Schema | bool, optional: bool = True) -> Any:
    """`optional=False` leaves out the properties that are not required."""
    root = schema if isinstance(schema, dict) else {}
    return _Sampler(root, optional).value(schema, 0)


class _Sampler:
    def __init__(self, root: Schema, optional: bool) -> None:
        self.root = root
        self.optional = optional

    def value(self, schema: Schema | bool, depth: int) -> Any:
        if not isinstance(schema, dict) or depth > BOTTOM:
            return None
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        for union in ("anyOf", "oneOf"):
            if union in schema:
                beside = {key: value for key, value in schema.items() if key != union}
                branches = [_object(branch) for branch in schema[union]]
                return self.value(merge(beside, self.branch(branches, depth)), depth + 1)
        if "default" in schema:
            return schema["default"]
        return self.typed(schema, depth)

    def resolved(self, schema: Schema) -> Schema:
        """Without $ref and allOf at the top; a chain of references that never ends gives {}."""
        for _ in range(BOTTOM):
            if "$ref" in schema:
                beside = {key: value for key, value in schema.items() if key != "$ref"}
                schema = merge(self.target(schema["$ref"]), beside)
            elif "allOf" in schema:
                parts = schema["allOf"]
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema = merge(schema, _object(part))
            else:
                return schema
        return {}

    def target(self, reference: str) -> Schema:
        node: Any = self.root
        for step in reference.removeprefix("#").split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            node = node.get(step) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def branch(self, branches: list[Schema], depth: int) -> Schema:
        """The first branch that is not null; deep down a branch that ends the recursion."""
        nulls = [branch for branch in branches if branch.get("type") == "null"]
        plain = [branch for branch in branches if "$ref" not in branch and branch not in nulls]
        others = [branch for branch in branches if branch not in nulls]
        ranked = others + nulls if depth < SHALLOW else nulls + plain + others
        return ranked[0] if ranked else {}

    def typed(self, schema: Schema, depth: int) -> Any:
        kind = _type(schema)
        if kind == "object":
            return self.object(schema, depth)
        if kind == "array":
            return self.array(schema, depth)
        if kind == "string":
            return _text(schema)
        if kind in ("integer", "number"):
            return _number(schema, kind)
        return True if kind == "boolean" else None

    def object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        required = schema.get("required", [])
        whole = self.optional and depth < SHALLOW
        names = [name for name in properties if whole or name in required]
        names += [name for name in required if name not in properties]
        return {name: self.value(properties.get(name, {"type": "string"}), depth + 1) for name in names}

    def array(self, schema: Schema, depth: int) -> list[Any]:
        least = _count(schema, "minItems")
        count = max(least, 1) if depth < SHALLOW and schema.get("maxItems", 1) > 0 else least
        head = schema.get("prefixItems", [])[:count]
        rest = [schema.get("items", {"type": "string"})] * (count - len(head))
        return [self.value(item, depth + 1) for item in [*head, *rest]]


def merge(first: Schema, second: Schema) -> Schema:
    """Both at once, as allOf means it; `second` wins where a keyword cannot hold two values."""
    merged = {**first, **second}
    if "properties" in first and "properties" in second:
        merged["properties"] = {**first["properties"], **second["properties"]}
    if "required" in first and "required" in second:
        merged["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return merged


def _object(schema: Any) -> Schema:
    """true and false are schemas as well."""
    return schema if isinstance(schema, dict) else {}


def _type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((name for name in kind if name != "null"), "null")
    if kind is None:
        return "object" if "properties" in schema else "array" if "items" in schema else "string"
    return str(kind)


def _text(schema: Schema) -> str:
    text = TEXTS.get(schema.get("format", ""), "образец")
    text = text.ljust(_count(schema, "minLength"), "ъ")
    return text[: _count(schema, "maxLength")] if "maxLength" in schema else text


def _count(schema: Schema, keyword: str) -> int:
    return int(min(schema.get(keyword, 0), LONGEST))


def _number(schema: Schema, kind: str) -> Any:
    step = schema.get("multipleOf", 1 if kind == "integer" else 0.5)
    low = schema.get("minimum", -math.inf)
    high = schema.get("maximum", math.inf)
    if "exclusiveMinimum" in schema:
        low = max(low, math.nextafter(schema["exclusiveMinimum"], math.inf))
    if "exclusiveMaximum" in schema:
        high = min(high, math.nextafter(schema["exclusiveMaximum"], -math.inf))
    value = step
    if value < low:
        value = math.ceil(low / step) * step
    if value > high:
        value = math.floor(high / step) * step
    if not low <= value <= high:
        return low  # A range narrower than the step: only a fraction fits.
    return int(value) if kind == "integer" else value
