"""The JSON schema of a plan as servers of language models want it, derived from the classes in `plan.py`.

Strict and flat: every property required, null by a union of types, no further properties, no references, no recursion.
A schema bounds the form only; `plan.read` checks what it cannot say (ids, references, one condition a step).
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

import msgspec
from msgspec import inspect

from .plan import Plan

Schema = dict[str, object]
_SCALARS = MappingProxyType(
    {inspect.StrType: "string", inspect.BoolType: "boolean", inspect.IntType: "integer", inspect.FloatType: "number"}
)


@cache
def plan_schema() -> Schema:
    """The schema of `Plan`; do not change it, it is made once."""
    return _schema(inspect.type_info(Plan))


def _schema(kind: inspect.Type) -> Schema:
    if isinstance(kind, inspect.StructType):
        return {
            "type": "object",
            "properties": {field.encode_name: _schema(field.type) for field in kind.fields},
            "required": [field.encode_name for field in kind.fields],
            "additionalProperties": False,
        }
    if isinstance(kind, inspect.VarTupleType):
        return {"type": "array", "items": _schema(kind.item_type)}
    if isinstance(kind, inspect.LiteralType):
        return {"type": "string", "enum": sorted(map(str, kind.values))}
    if isinstance(kind, inspect.UnionType):
        return _union(kind)
    return {"type": _SCALARS[type(kind)]}


def _union(kind: inspect.UnionType) -> Schema:
    """The one structured alternative, if any, and the names of the types of all the others."""
    merged: Schema = {}
    names: list[object] = []
    for schema in (_schema(one) for one in kind.types if not isinstance(one, inspect.NoneType)):
        names.append(schema["type"])
        merged |= schema
    if kind.includes_none:
        names.append("null")
    return merged | {"type": names}


def described() -> str:
    """The schema as one line of JSON, for a prompt."""
    return msgspec.json.encode(plan_schema()).decode()
