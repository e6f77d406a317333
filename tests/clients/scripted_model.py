"""A model on loopback that follows a script, in the four APIs that frameworks know: it makes one video.

It reads everything from the request: with no tool result it calls create_video, then check_video with the job id that
the result names, until a result has the path of a video; then it answers with that path. So a framework has to list
the tools, call them, and give the results back in a form that its own next request can carry.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Json = dict[str, Any]

ORDER = {
    "prompt": "a fox. sandbox: instant",
    "model": "seedanceapi/seedance-2-mini",
    "duration": 4,
    "resolution": "480p",
}
"""What the model asks create_video for."""
MOST_CALLS = 6
_JOB_ID = re.compile(r"job_id\W{1,6}([0-9a-z]{8,40})")
_PATH = re.compile(r"(?<![:/\w.])/[^\s\"'\\]+\.mp4")
_CALL = "call_{}"
_OBSERVED = "Observation:\\n"
_WAITING: dict[str, Json] = {
    "WaitForMcpServers": {},
    "tool_search": {"query": "select:mcp__seedance__create_video,mcp__seedance__check_video"},
}
"""The tools by which Claude Code and Qwen Code find the tools of servers, which they do not list at once."""
_FOUND = "<functions>"
_ANSWER = "final_answer"
"""The tool by which agents of smolagents answer."""


@dataclass
class Turn:
    """One request, in the terms of no API."""

    api: str
    tools: dict[str, Json]
    """The schema of each tool's arguments, by name."""
    results: list[str]
    """The results of tools, as the framework gives them back, as JSON."""
    namespaces: dict[str, str] = field(default_factory=dict[str, str])
    """The namespace of each tool that is in one."""


@dataclass
class Conversation:
    """What the model was asked."""

    turns: list[Turn] = field(default_factory=list[Turn])
    problems: list[str] = field(default_factory=list[str])
    """Requests that no API of these would take."""

    @property
    def longest(self) -> Turn | None:
        """The request with the most results of tools."""
        return max(self.turns, key=lambda turn: len(turn.results), default=None)


@dataclass(frozen=True)
class Reply:
    """What the model answers: a call of a tool, or a text."""

    text: str = ""
    tool: str = ""
    arguments: Json = field(default_factory=dict[str, Any])
    number: int = 0
    namespace: str = ""
    """Of the tool, where it is in one."""

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return _CALL.format(self.number)


def decide(turn: Turn) -> Reply:
    """Return what the script says next."""
    names = {known: name for known in ("create_video", "check_video") for name in turn.tools if name.endswith(known)}
    number = len(turn.results)
    found = [result for result in turn.results if _FOUND in result]
    names |= {
        known: f"mcp__seedance__{known}" for known in ("create_video", "check_video") if any(known in r for r in found)
    }
    results = [result for result in turn.results if result not in found]
    waiting = next((name for name in _WAITING if name in turn.tools), "")
    if len(names) < 2 and waiting and number < MOST_CALLS:
        return Reply(tool=waiting, arguments=_WAITING[waiting], number=number)
    if len(names) < 2:
        return Reply("no tools", number=number)  # a framework that asks for a title or a summary
    job = next((match for result in results if (match := _JOB_ID.search(result))), None)
    path = _PATH.search(turn.results[-1]) if job else None
    if job is None and not any("invalid_request" in result for result in turn.results) and number < MOST_CALLS:
        return Reply(tool=names["create_video"], arguments=_filled(turn, names["create_video"]) | ORDER, number=number)
    if path is None and job is not None and number <= MOST_CALLS:
        arguments = {"job_id": job[1], "wait_seconds": 3}
        return Reply(tool=names["check_video"], arguments=arguments, number=number)
    said = f"The video is at {path[0]}" if path else f"There is no video: {turn.results[-1]}"
    if _ANSWER in turn.tools:
        return Reply(tool=_ANSWER, arguments={"answer": said}, number=number)
    return Reply(said, number=number)


def _filled(turn: Turn, tool: str) -> Json:
    """Return nothing for every argument, where a framework insists on all of them, as smolagents does.

    A switch is off, as strict function calling makes models leave it, unless its description says that it is on.
    """
    nothing: Json = {"string": "", "array": [], "integer": 0, "number": 0}
    properties: Json = turn.tools.get(tool, {}).get("properties") or {} if _ANSWER in turn.tools else {}
    return {
        name: "default true" in schema.get("description", "")
        if schema["type"] == "boolean"
        else nothing[schema["type"]]
        for name, schema in properties.items()
    }


# -- reading a request --------------------------------------------------------------------------------------------


def _list(value: Any) -> list[Any]:
    """Return a list, or nothing where something else is allowed too."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _as_json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _read_chat(body: Any) -> Turn:
    tools: dict[str, Json] = {
        tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in _list(body.get("tools"))
    }
    asked = {call["id"] for message in body["messages"] for call in _list(message.get("tool_calls"))}
    results = [m for m in body["messages"] if m["role"] == "tool"]
    for result in results:
        _require(result["tool_call_id"] in asked, "a tool result without its call")
        _require(
            all(part["type"] == "text" for part in _list(result["content"])),
            "a tool result of a type that this API refuses",
        )
    seen = [m for m in body["messages"] if _ANSWER in tools and _OBSERVED in _as_json(m["content"])]
    return Turn("OpenAI chat", tools, [_as_json(result["content"]) for result in results + seen])


def _read_responses(body: Any) -> Turn:
    tools: dict[str, Json] = {}
    namespaces: dict[str, str] = {}
    for tool in _list(body.get("tools")):
        if tool["type"] == "function":
            tools[tool["name"]] = tool.get("parameters") or {}
        if tool["type"] == "namespace":
            tools |= {inner["name"]: inner.get("parameters") or {} for inner in _list(tool.get("tools"))}
            namespaces |= {inner["name"]: tool["name"] for inner in _list(tool.get("tools"))}
    items = _list(body["input"])
    results = [item for item in items if item.get("type") == "function_call_output"]
    asked = {item.get("call_id") for item in items if item.get("type") == "function_call"}
    _require(all(result["call_id"] in asked for result in results), "a tool result without its call")
    return Turn("OpenAI responses", tools, [_as_json(result["output"]) for result in results], namespaces)


def _read_messages(body: Any) -> Turn:
    blocks = [b for m in body["messages"] for b in _list(m["content"])]
    results = [b for b in blocks if b["type"] == "tool_result"]
    for result in results:
        known = {"text", "image", "search_result", "document", "tool_reference"}
        types = {part["type"] for part in _list(result.get("content"))}
        _require(types <= known, f"a tool result of the types {types - known}")
    names: dict[str, Json] = {tool["name"]: tool.get("input_schema") or {} for tool in _list(body.get("tools"))}
    return Turn("Anthropic", names, [_as_json(result.get("content", "")) for result in results])


def _read_generate(body: Any) -> Turn:
    groups = [
        tool.get("functionDeclarations") or tool.get("function_declarations") for tool in _list(body.get("tools"))
    ]
    tools: dict[str, Json] = {tool["name"]: {} for group in groups for tool in _list(group)}
    parts = [part for content in body["contents"] for part in _list(content.get("parts"))]
    results = [part.get("functionResponse") or part.get("function_response") for part in parts]
    return Turn("Gemini", tools, [_as_json(result["response"]) for result in results if result])


def _require(fine: bool, problem: str) -> None:
    if not fine:
        raise ValueError(problem)


# -- writing an answer --------------------------------------------------------------------------------------------

Events = list[tuple[str, Json]]
"""Server-sent events: (name, data)."""


def _chat(reply: Reply) -> tuple[Json, Events]:
    call = {"id": reply.call_id, "type": "function"} | {
        "function": {"name": reply.tool, "arguments": json.dumps(reply.arguments)}
    }
    message: Json = {"role": "assistant", "content": reply.text or None}
    if reply.tool:
        message["tool_calls"] = [call]
    head = {"id": "chatcmpl-1", "created": 1, "model": "scripted"}
    ended = "tool_calls" if reply.tool else "stop"
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    choice = {"index": 0, "finish_reason": ended, "logprobs": None}
    whole = head | {"object": "chat.completion", "usage": usage, "choices": [choice | {"message": message}]}
    delta = message | ({"tool_calls": [call | {"index": 0}]} if reply.tool else {})
    chunk = head | {"object": "chat.completion.chunk"}
    events: Events = [
        ("", chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        ("", chunk | {"choices": [choice | {"delta": {}}], "usage": usage}),
    ]
    return whole, events


def _responses(reply: Reply) -> tuple[Json, Events]:
    item: Json
    namespace = {"namespace": reply.namespace} if reply.namespace else {}
    if reply.tool:
        item = {"type": "function_call", "id": f"fc_{reply.number}", "call_id": reply.call_id, "name": reply.tool}
        item |= {"arguments": json.dumps(reply.arguments), "status": "completed"} | namespace
    else:
        content: Json = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [content]}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    head = {"id": f"resp_{reply.number}", "object": "response", "created_at": 1, "model": "scripted", "error": None}
    head |= {"incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": False}
    head |= {"temperature": 1, "tool_choice": "auto", "tools": [], "top_p": 1}
    whole = head | {"status": "completed", "output": [item], "usage": usage}
    added: Json = item | (
        {"arguments": "", "status": "in_progress"} if reply.tool else {"content": [], "status": "in_progress"}
    )
    events: Events = [
        ("response.created", {"response": head | {"status": "in_progress", "output": [], "usage": None}}),
        ("response.output_item.added", {"output_index": 0, "item": added}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    if reply.tool:
        done = {"item_id": item["id"], "output_index": 0, "arguments": item["arguments"], "name": reply.tool}
        events.insert(2, ("response.function_call_arguments.done", done))
    else:
        where: Json = {"item_id": item["id"], "output_index": 0, "content_index": 0, "logprobs": []}
        events[2:2] = [
            ("response.content_part.added", where | {"part": item["content"][0] | {"text": ""}}),
            ("response.output_text.delta", where | {"delta": reply.text}),
            ("response.output_text.done", where | {"text": reply.text}),
            ("response.content_part.done", where | {"part": item["content"][0]}),
        ]
    return whole, [(name, data | {"type": name, "sequence_number": n}) for n, (name, data) in enumerate(events)]


def _messages(reply: Reply) -> tuple[Json, Events]:
    block: Json = {"type": "text", "text": reply.text}
    if reply.tool:
        block = {"type": "tool_use", "id": f"toolu_{reply.number}", "name": reply.tool, "input": reply.arguments}
    head = {"id": f"msg_{reply.number}", "type": "message", "role": "assistant", "model": "scripted"}
    ended = {"stop_reason": "tool_use" if reply.tool else "end_turn", "stop_sequence": None}
    usage = {"input_tokens": 1, "output_tokens": 1}
    whole = head | ended | {"content": [block], "usage": usage}
    empty: Json = block | ({"input": {}} if reply.tool else {"text": ""})
    delta: Json = {"type": "text_delta", "text": reply.text}
    if reply.tool:
        delta = {"type": "input_json_delta", "partial_json": json.dumps(reply.arguments)}
    start: Json = head | {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
    events: Events = [
        ("message_start", {"message": start}),
        ("content_block_start", {"index": 0, "content_block": empty}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": ended, "usage": {"output_tokens": 1}}),
        ("message_stop", {}),
    ]
    return whole, [(name, {"type": name} | data) for name, data in events]


def _generate(reply: Reply) -> tuple[Json, Events]:
    part: Json = {"text": reply.text}
    if reply.tool:
        part = {"functionCall": {"name": reply.tool, "args": reply.arguments, "id": reply.call_id}}
    candidate = {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [part]}}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    whole = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"}
    return whole, [("", whole)]


_APIS = {
    "/chat/completions": (_read_chat, _chat),
    "/responses": (_read_responses, _responses),
    "/messages": (_read_messages, _messages),
    "enerateContent": (_read_generate, _generate),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    conversation: Conversation

    def do_HEAD(self) -> None:
        self._send(200, b"", "text/plain")

    def do_GET(self) -> None:
        self._send_json(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}], "models": []})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        api = next((api for end, api in _APIS.items() if path.endswith(end)), None)
        if api is None:
            self._send_json(200, {"input_tokens": 1, "totalTokens": 1})  # they count tokens, or report their use
            return
        read, write = api
        try:
            body = cast("Json", json.loads(raw))
            turn = read(body)
        except (ValueError, KeyError, TypeError) as error:
            self.conversation.problems.append(f"{path}: {error!r}")
            self._send_json(400, {"error": {"message": repr(error), "type": "invalid_request_error", "code": 400}})
            return
        self.conversation.turns.append(turn)
        reply = decide(turn)
        whole, events = write(replace(reply, namespace=turn.namespaces.get(reply.tool, "")))
        if not body.get("stream") and "stream" not in path:
            self._send_json(200, whole)
            return
        lines = [(f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n" for name, data in events]
        if path.endswith("/chat/completions"):
            lines.append("data: [DONE]\n\n")
        self._send(200, "".join(lines).encode(), "text/event-stream")

    def _send_json(self, status: int, body: Json) -> None:
        self._send(status, json.dumps(body).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (named by the base class)
        """Write nothing: what counts is in the conversation."""


@contextmanager
def serving() -> Generator[tuple[str, Conversation]]:
    """Serve the model on loopback; yield its address and what it is asked."""
    conversation = Conversation()
    handler = type("Handler", (_Handler,), {"conversation": conversation})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", conversation
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def environ(address: str) -> dict[str, str]:
    """Return the variables by which clients find the model instead of a real one."""
    return {
        "OPENAI_BASE_URL": f"{address}/v1",
        "OPENAI_API_BASE": f"{address}/v1",
        "OPENAI_API_KEY": "for-tests",
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_API_KEY": "for-tests",
        "GOOGLE_GEMINI_BASE_URL": address,
        "GEMINI_API_KEY": "for-tests",
        "GOOGLE_API_KEY": "for-tests",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
