"""An OpenAPI description of every public route, made from the routes themselves: the application publishes none.

Routes that read their request by hand get what they look for from their source: names asked of the query, and a body of any kind.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

STREAMS = re.compile(r"/_sim/stream|/(stream|feed|events)$")
"""Server-sent events: they never end by themselves."""
_QUERY = re.compile(r"""query(?:_params)?(?:\.get\(|\[)\s*["'](\w+)["']""")
_TEXT: dict[str, Any] = {"type": "string", "maxLength": 300}
_ANY_JSON: dict[str, Any] = {
    "anyOf": [
        {"type": "object", "additionalProperties": True},
        {"type": "array", "items": {"type": "object"}, "maxItems": 5},
        {"type": "string"}, {"type": "number"}, {"type": "null"}, {"type": "boolean"},
    ]
}  # fmt: skip


def describe(routes: Sequence[BaseRoute], known: dict[str, list[str]]) -> dict[str, Any]:
    """The description; `known` are values of path parameters that lead somewhere, by name."""
    paths: dict[str, dict[str, Any]] = {}
    for path, methods, names, endpoint in _walk(routes, ""):
        parameters = [_path_parameter(name, known) for name in re.findall(r"{(\w+)(?::\w+)?}", path)]
        asked = names | _asked_for(endpoint)
        taken = {one["name"] for one in parameters}
        parameters += [{"name": name, "in": "query", "schema": _TEXT} for name in sorted(asked - taken)]
        operations = paths.setdefault(re.sub(r":\w+}", "}", path), {})
        for method in sorted(methods - {"HEAD"}):
            operation: dict[str, Any] = {
                "parameters": parameters,
                "responses": {"default": {"description": "any"}},
            }
            if method in ("POST", "PUT", "PATCH", "DELETE"):
                operation["requestBody"] = {"required": False, "content": _bodies(names)}
            operations[method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "Banyi", "version": "1"}, "paths": paths}


def _walk(routes: Sequence[BaseRoute], prefix: str) -> Iterator[tuple[str, set[str], set[str], Any]]:
    """Path, methods, declared names and function of every route, mounted applications included."""
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, Mount):
            yield from _walk(route.routes, prefix + route.path)
            continue
        path, methods = context.path, getattr(context, "methods", None) or getattr(route, "methods", None)
        if path is None or not methods:
            continue
        names: set[str] = set()
        if (dependant := getattr(route, "dependant", None)) is not None:
            names = _declared(dependant)
        yield prefix + path, set(methods), names, getattr(route, "endpoint", None)


def _declared(dependant: Any) -> set[str]:
    """What the route and its dependencies name in query and form."""
    names = {str(field.alias) for field in (*dependant.query_params, *dependant.body_params)}
    return names.union(*(_declared(one) for one in dependant.dependencies))


def _asked_for(endpoint: Any) -> set[str]:
    """Names the endpoint's module asks the query for."""
    try:
        return set(_QUERY.findall(inspect.getsource(inspect.getmodule(endpoint) or endpoint)))
    except (OSError, TypeError):
        return set()


def _path_parameter(name: str, known: dict[str, list[str]]) -> dict[str, Any]:
    free = {"type": "string", "minLength": 1, "maxLength": 60}
    schema = {"anyOf": [{"enum": known[name]}, free]} if name in known else free
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _bodies(names: set[str]) -> dict[str, Any]:
    form = {"type": "object", "properties": dict.fromkeys(names, _TEXT), "additionalProperties": False}
    return {
        "application/json": {"schema": _ANY_JSON},
        "application/x-www-form-urlencoded": {"schema": form},
        "text/xml": {"schema": {"type": "string"}},
    }
