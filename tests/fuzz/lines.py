"""Lines for a server on standard input: requests that its own schemas describe, and everything around them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any, cast

from tests.fuzz.values import HOSTILE, Values

MODERN = "2026-07-28"
LONGEST_LINE = 400_000
"""Characters of a line: more than a call may have, and few enough that memory is the server's own."""
_METHODS = (
    "ping", "tools/list", "resources/list", "resources/templates/list", "prompts/list", "server/discover", "initialize",
    "logging/setLevel", "sampling/createMessage", "tools/run", "", "notifications/initialized", "__init__",
)  # fmt: skip


class Lines:
    """Draws lines for one era of the protocol."""

    def __init__(self, random: Random, era: str, tools: list[dict[str, Any]]) -> None:
        """`tools` is what the server lists."""
        self.job_ids: list[str] = []
        """Ids of jobs that the server has named; calls use them."""
        self.questions: list[dict[str, Any]] = []
        """Calls that the server has answered with a question, with the state of that; they are repeated."""
        self._random, self._era, self._tools = random, era, tools
        self._values = Values(random, self.job_ids)
        self._last_id = 0

    def line(self) -> str:
        """Return one line without its end."""
        while len(text := self._text()) > LONGEST_LINE:
            pass
        if self._random.random() < 0.05:
            text = self._damaged(text)
        return text.replace("\n", " ").replace("\r", " ")

    def _text(self) -> str:
        if self._random.random() < 0.04:
            return json.dumps(self._notification())
        return json.dumps(self._request(), ensure_ascii=self._random.random() < 0.8)

    def _request(self) -> dict[str, Any]:
        """Return a request, most of the time with parameters of the right shape."""
        random = self._random
        self._last_id += 1
        request_id: Any = self._last_id if random.random() < 0.8 else f"{random.choice('abc')}-{self._last_id}"
        method, params = self._call() if random.random() < 0.75 else self._other()
        if self._era == MODERN and isinstance(params, dict):
            params = cast("dict[str, Any]", params) | {"_meta": envelope()}
        if random.random() < 0.03:
            params = self._values.anything()
        return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}

    def _call(self) -> tuple[str, Any]:
        random = self._random
        if self.questions and random.random() < 0.3:
            call = self.questions.pop() if random.random() < 0.5 else random.choice(self.questions)
            action = random.choice(("accept", "accept", "decline", "cancel", 7))
            content = random.choice(({"ok": True}, {"ok": True}, {"ok": False}, {}, None, "yes"))
            return "tools/call", call | {"inputResponses": {"confirm": {"action": action, "content": content}}}
        tool: Mapping[str, Any] = random.choice(self._tools)
        name = tool["name"] if random.random() < 0.98 else random.choice(HOSTILE)
        return "tools/call", {"name": name, "arguments": self._values.arguments(tool["inputSchema"])}

    def _other(self) -> tuple[str, Any]:
        random, job = self._random, self._random.choice((*self.job_ids[-20:], "none", *HOSTILE[:12]))
        videos, models = f"seedance://videos/{job}", f"seedance://models/{job}"
        own = ("seedance://models", "seedance://models/ope/seedance-2-0", "ui://seedance/player.html")
        uri = random.choice((videos, f"{videos}/content", models, f"seedance://{job}", job, *own))
        match random.randint(0, 5):
            case 0:
                return "resources/read", {"uri": uri}
            case 1:
                return random.choice(("resources/subscribe", "resources/unsubscribe")), {"uri": uri}
            case 2:
                name = random.choice(("storyboard", "animate_image", "resume", random.choice(HOSTILE)))
                some = {
                    n: random.choice(HOSTILE) for n in ("idea", "model", "image", "motion") if random.random() < 0.5
                }
                return "prompts/get", {"name": name, "arguments": some}
            case 3:
                reference = {"type": "ref/prompt", "name": "storyboard"}
                argument = {"name": random.choice(("model", "job_id", "motion")), "value": random.choice(HOSTILE)}
                return "completion/complete", {"ref": reference, "argument": argument}
            case _:
                return random.choice(_METHODS), {"cursor": random.choice(HOSTILE)} if random.random() < 0.2 else {}

    def _notification(self) -> dict[str, Any]:
        random = self._random
        method = random.choice(("notifications/progress", "notifications/roots/list_changed", "tools/call", "x"))
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": self._values.anything()}
        if random.random() < 0.3:  # an answer to a question that was never asked
            message = {"jsonrpc": "2.0", "id": random.randint(1, 9) + 10**6, "result": self._values.anything()}
        return message

    def _damaged(self, text: str) -> str:
        random, at = self._random, self._random.randrange(len(text))
        match random.randint(0, 4):
            case 0:
                return text[:at]
            case 1:
                return text[:at] + random.choice('{}[]",:\\\x7f\u2028é') + text[at + 1 :]
            case 2:
                return text.replace('"2.0"', random.choice(('"1.0"', "2", "null")), 1)
            case 3:
                return text.replace(":", ": " + "[" * random.choice((50, 3000)), 1)
            case _:
                return random.choice((f"[{text}]", text * 2, "\ufeff" + text, "not JSON", "[]", "0", '""'))


def envelope() -> dict[str, Any]:
    """Return what each request of 2026-07-28 carries."""
    return {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "fuzz", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
    }


def expected_id(line: str) -> str | int | None:
    """Return the id under which a line has to be answered; None if it is not a request with an id."""
    try:
        message: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not isinstance(message.get("method"), str):  # pyright: ignore[reportUnknownMemberType]  (any JSON)
        return None
    given: Any = message.get("id")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  (any JSON)
    return given if isinstance(given, str | int) and not isinstance(given, bool) else None
