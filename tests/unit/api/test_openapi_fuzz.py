"""The control API against its own OpenAPI document: whatever is sent, nothing is a fault of ours.

Requests are drawn from the document's parameters and bodies, right ones and wrong ones, and go to a
running engine: each is answered with a status that the API means, and with JSON.
"""

import asyncio
import math
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.waiting import PATIENCE_S, until

from .house import TOKEN, Answer, House, buy, house, scope_of

STREAM = "/v1/events"
STREAM_S = 0.05
NAMES = st.sampled_from(["one", "two", "all", "account:one", "fx", "EURUSD", "strategy:fx", ""])
ANY_TEXT = NAMES | st.text(max_size=12) | st.sampled_from(["9" * 5_000, "\x00", "é", "-1", "1e9"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


class Api:
    """A running engine, its loop, and what its document says."""

    def __init__(self, runner: asyncio.Runner, built: House) -> None:
        self.runner = runner
        self.house = built
        self.document: dict[str, Any] = runner.run(built.get("/schema/openapi.json"))
        self.operations = [
            (method.upper(), path, told)
            for path, methods in sorted(self.document["paths"].items())
            for method, told in sorted(methods.items())
        ]

    def request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Make one request and read its answer; of a stream only what comes at once."""
        return self.runner.run(self._request(method, url, body, headers))

    async def _request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer = Answer()
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        sent = False

        async def receive() -> dict[str, Any]:
            nonlocal sent
            if sent:
                if url.startswith(STREAM):
                    await until(lambda: answer.status, "an answer to hang up on")
                await asyncio.sleep(STREAM_S if url.startswith(STREAM) else PATIENCE_S)
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async with asyncio.timeout(PATIENCE_S):
            await self.house.app(scope_of(method, url, TOKEN, pairs), receive, answer.take)
        return answer

    def values(self, schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
        """Draw what a schema of the document allows."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return self.values(self.document["components"]["schemas"][name], depth)
        for several in ("oneOf", "anyOf"):
            if several in schema:
                return st.one_of([self.values(one, depth) for one in schema[several]])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if "const" in schema:
            return st.just(schema["const"])
        match schema.get("type"):
            case "integer":
                return st.integers(schema.get("minimum"), schema.get("maximum"))
            case "number":
                return st.floats(allow_nan=False, allow_infinity=False)
            case "boolean":
                return st.booleans()
            case "null":
                return st.none()
            case "array":
                return st.lists(self.values(schema.get("items", {}), depth + 1), max_size=3)
            case "object":
                return self._objects(schema, depth + 1)
        return ANY_TEXT

    def _objects(self, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
        named = schema.get("properties", {})
        needed = set(schema.get("required", ()))
        every = {name: self.values(told, depth) for name, told in named.items()}
        return st.fixed_dictionaries(
            {name: drawn for name, drawn in every.items() if name in needed},
            optional={name: drawn for name, drawn in every.items() if name not in needed},
        )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Give one engine, with an order in it, to all examples."""
    directory: Path = tmp_path_factory.mktemp("fuzz")
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        built = runner.run(stack.enter_async_context(house(directory)))
        runner.run(built.signal(buy()))
        yield Api(runner, built)
        runner.run(stack.aclose())


def _written(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(_finite(value)).decode()


def _finite(value: Any) -> Any:
    """Write what JSON has no word for as text, and text that is none as ``?``."""
    match value:
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return value.encode("utf-8", "replace").decode()
        case list():
            return [_finite(one) for one in value]
        case dict():
            return {_finite(key): _finite(one) for key, one in value.items()}
    return value


def _draw(data: st.DataObject, api: Api, told: dict[str, Any], path: str) -> tuple[Any, ...]:
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    for parameter in told.get("parameters", ()):
        right = api.values(parameter.get("schema", {}))
        name, place = parameter["name"], parameter["in"]
        if place != "path" and not parameter.get("required") and data.draw(st.booleans()):
            continue
        value = _written(data.draw(right | ANYTHING, label=name))
        if place == "path":
            path = path.replace(f"{{{name}}}", quote(value[:200], safe="") or "x")
        elif place == "query":
            query[name] = value
        else:
            headers[name.lower()] = value.encode("latin-1", "replace").decode("latin-1")
    body = b""
    for content in told.get("requestBody", {}).get("content", {}).values():
        drawn = data.draw(api.values(content["schema"]) | ANYTHING, label="body")
        body = data.draw(st.just(msgspec.json.encode(_finite(drawn))) | st.binary(max_size=40))
    return path + (f"?{urlencode(query)}" if query else ""), body, headers


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_request_is_our_fault(api: Api, data: st.DataObject) -> None:
    """Every operation of the document answers below 500, or 503 where it says that it waits."""
    method, path, told = data.draw(st.sampled_from(api.operations))
    url, body, headers = _draw(data, api, told, path)
    answer = api.request(method, url, body, headers)
    assert 200 <= answer.status < 500 or answer.status == 503, (url, body, answer.body)
    if answer.status >= 400:
        said = answer.json()
        assert {"code", "text"} <= set(said) or "status" in said, said


@pytest.mark.parametrize("number", ["9" * 5_000, "9" * 19, str(2**63), "-1"])
def test_a_sequence_beyond_all_measure_is_no_fault(api: Api, number: str) -> None:
    """As a header it is passed over, as a parameter refused."""
    assert api.request("GET", STREAM, b"", {"last-event-id": number}).status == 200
    assert api.request("GET", f"{STREAM}?after={number}", b"", {}).status == 400


def test_every_operation_is_in_the_document(api: Api) -> None:
    """What is fuzzed is what the API has."""
    paths = {(method, path) for method, path, _ in api.operations}
    assert {("GET", "/v1/status"), ("POST", "/v1/arm"), ("GET", STREAM)} <= paths
    assert len(paths) >= 18


def test_the_engine_still_serves(api: Api) -> None:
    """After all of that it answers, and its journal is whole."""
    answer = api.request("GET", "/healthz", b"", {})
    assert (answer.status, answer.json()) == (200, {"status": "ok"})
