"""Twilio's published OpenAPI document as a judge of every request we make and every answer the stand-in gives."""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jsonschema import FormatChecker
from openapi_schema_validator import OAS30Validator

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "twilio-oai" / "messages.json").read_text("utf-8")
)
_ERROR_KEYS = {"code", "message", "more_info", "status"}

formats = FormatChecker(formats=())


@formats.checks("date-time-rfc-2822")
def _is_rfc2822(value: object) -> bool:
    try:
        return not isinstance(value, str) or parsedate_to_datetime(value).utcoffset() is not None
    except ValueError:
        return False


class NotAsPublished(AssertionError):
    """A request or an answer that the document does not allow."""


def operation(method: str, path: str) -> dict[str, Any]:
    """The documented operation a call falls under."""
    for template, methods in DOCUMENT["paths"].items():
        pattern = "".join(
            f"(?P<{part[1:-1]}>[^/]+?)" if part.startswith("{") else re.escape(part)
            for part in re.split(r"(\{\w+\})", template)
        )
        match = re.fullmatch(pattern, path)
        if match and method.lower() in methods:
            found: dict[str, Any] = methods[method.lower()]
            for parameter in found.get("parameters", []):
                if parameter["in"] == "path":
                    _judge(parameter["schema"], match[parameter["name"]], f"path {parameter['name']}")
            return found
    raise NotAsPublished(f"no such operation: {method} {path}")


def judge_request(method: str, path: str, query: list[tuple[str, str]], body: bytes) -> None:
    """Raise unless method, path, query and form are documented, names and types."""
    documented = operation(method, path)
    known = {parameter["name"]: parameter["schema"] for parameter in documented["parameters"] if parameter["in"] == "query"}
    for name, value in query:
        if name not in known:
            raise NotAsPublished(f"query parameter {name}")
        if known[name].get("type") == "integer":
            _judge(known[name], int(value), name)
    if "requestBody" not in documented:
        if body:
            raise NotAsPublished("a body where none is documented")
        return
    schema = resolve(documented["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"])
    form = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body))
    names = [name for name, _ in form]
    if len(set(names)) != len(names):
        raise NotAsPublished("a field twice")
    unknown = set(names) - set(schema["properties"])
    missing = set(schema.get("required", ())) - set(names)
    if unknown or missing:
        raise NotAsPublished(f"unknown {sorted(unknown)}, missing {sorted(missing)}")
    for name, value in form:
        kind = schema["properties"][name]
        typed: object = {"integer": int, "number": float}.get(kind.get("type"), str)(value)
        if kind.get("type") == "boolean":
            typed = {"true": True, "false": False}[value]
        _judge(kind, typed, name)


def judge_answer(method: str, path: str, status: int, body: bytes) -> None:
    """Raise unless the status is documented and the body is exactly the documented resource, or Twilio's error form."""
    if status >= 400:
        error = json.loads(body)
        if set(error) != _ERROR_KEYS or error["status"] != status or not isinstance(error["code"], int):
            raise NotAsPublished("an error in another form than Twilio's")
        return
    documented = operation(method, path)["responses"].get(str(status))
    if documented is None:
        raise NotAsPublished(f"status {status} is not documented")
    if "content" not in documented:
        if body:
            raise NotAsPublished("a body with a status that has none")
        return
    _judge_resource(resolve(documented["content"]["application/json"]["schema"]), json.loads(body))


def resolve(schema: Any) -> Any:
    """The schema with every reference put in place."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return resolve(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        return {key: resolve(value) for key, value in schema.items()}
    return [resolve(item) for item in schema] if isinstance(schema, list) else schema


def _judge_resource(schema: dict[str, Any], value: Any) -> None:
    _judge(schema, value, schema.get("title", "resource"))
    differing = set(schema["properties"]) ^ set(value)
    if differing:
        raise NotAsPublished(f"keys {sorted(differing)}")
    for name, kind in schema["properties"].items():
        if kind.get("type") == "array" and kind["items"].get("type") == "object":
            for item in value[name]:
                _judge_resource(kind["items"], item)


def _judge(schema: dict[str, Any], value: Any, name: str) -> None:
    for error in OAS30Validator(resolve(schema), format_checker=formats).iter_errors(value):
        raise NotAsPublished(f"{name}: {error.message}")
