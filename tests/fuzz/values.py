"""Values for arguments: legal ones, those beside a limit, and those that no sane client sends. All from one seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

HOSTILE = (
    "", " ", "\x00", "a\x00b", "../../etc/passwd", "/etc/passwd", "~root", "file:///etc/passwd", "https://",
    "http://[::1", "https://127.0.0.1/x.png", "asset://", "asset://..", "asset://local-" + "0" * 64,
    "data:image/png;base64,AAAA", "%00%2e%2e", "'; DROP TABLE jobs; --", "${jndi:ldap://x}", "{{7*7}}", "<script>",
    "\u202egnp.x", "\u200b" * 40, "\ud83e", "\U000e0041\U000e0042", "e\u0301" * 30, "𝕏" * 20, "@image1",
    "@image" + "9" * 5000, "@image99 @video0 @audio7", "sandbox: refuse auth", "\r\nContent-Length: 0", "null", "NaN",
    "-0", "1e400", "真人" * 10, "a" * 300, "b" * 5000, "@video1 " * 2000, "x" * 300_000,
)  # fmt: skip
"""Texts that have broken programs."""
NUMBERS = (
    0, -1, 1, 2, 5, 5.0, -0.0, 0.1, 4.9999999, 50, 51, 10**6, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(10**30),
    1e-320, 1e300, 1.7e308, 10**400,
)  # fmt: skip
DIRECTIVES = ("instant", "refuse no_credit", "refuse rate_limited", "html", "no-id", "lose-answer", "truncate", "fail")
FEW = ("a fox in the snow", "ein Fuchs", "雪中的狐狸", "a hare, @image1 beside it")


class Values:
    """Draws values for the properties of a JSON Schema."""

    def __init__(self, random: Random, job_ids: list[str]) -> None:
        """`job_ids` are the jobs so far; the caller adds to them."""
        self._random, self._job_ids = random, job_ids

    def arguments(self, schema: Mapping[str, Any]) -> Any:
        """Return arguments for a tool or prompt: most of them nearly right, a few of another kind altogether."""
        if self._random.random() < 0.02:
            return self.anything()
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = schema.get("required", ())
        chosen = [n for n in properties if n in required or self._random.random() < 0.2]
        given = {name: self.value(name, properties[name]) for name in chosen if self._random.random() > 0.03}
        if self._random.random() < 0.08:
            given[self._random.choice((*HOSTILE[:20], "Prompt", "durations", "__proto__", "self"))] = self.anything()
        if self._random.random() < 0.01:
            given |= {f"name{number}": number for number in range(self._random.choice((45, 60, 3000)))}
        return given

    def value(self, name: str, schema: Mapping[str, Any]) -> Any:
        """Return a value for a property: two of three times a legal one, as far as the schema says."""
        return self.legal(name, schema) if self._random.random() < 0.67 else self.anything()

    def legal(self, name: str, schema: Mapping[str, Any]) -> Any:
        """Return a value of the type of a schema."""
        random = self._random
        if "enum" in schema:
            return random.choice(schema["enum"])
        if name in {"job_id", "cursor"} and self._job_ids:
            return random.choice(self._job_ids)
        if name == "wait_seconds":
            return random.choice((0, 0.0, 1, 1.0))  # a longer wait is legal, and is not what is measured here
        kinds: Mapping[str, Callable[[], Any]] = {
            "integer": lambda: self._whole(schema.get("minimum", 0), schema.get("maximum", 20)),
            "number": lambda: random.choice((0, 0.5, 1, 2.0, 30)),
            "boolean": lambda: random.choice((True, False)),
            "array": lambda: [
                self.legal(name, schema.get("items", {})) for _ in range(random.choice((1, 1, 2, 3, 101)))
            ],
        }
        return kinds.get(schema.get("type", ""), lambda: self._text(name))()

    def _whole(self, least: int, most: int) -> int | float:
        number = self._random.choice((least, most, self._random.randint(least, most), least - 1, most + 1))
        return float(number) if self._random.random() < 0.3 else number

    def _text(self, name: str) -> str:
        random = self._random
        if name == "prompt":
            return f"{random.choice(FEW)} {random.randint(0, 10**6)}. sandbox: {random.choice(DIRECTIVES)}"
        if "frame" in name or "reference" in name or "url" in name:
            return f"https://example.com/{random.randint(0, 99)}.png"
        if name == "model":
            return random.choice(("seedanceapi/seedance-2-mini", "ope/seedance-2-0", "jimmyai/seedance2.0-mini"))
        return random.choice(("seedanceapi/seedance-2-mini", "ope/seedance-2-0", "720p", "16:9", "succeeded", "text"))

    def anything(self, depth: int = 0) -> Any:
        """Return any JSON value."""
        random = self._random
        kind = random.randint(0, 9)
        if kind < 4:
            return random.choice(HOSTILE)
        if kind < 7:
            return random.choice(NUMBERS)
        if kind == 7 or depth > 3:
            return random.choice((None, True, False))
        if kind == 8:
            return [self.anything(depth + 1) for _ in range(random.choice((0, 1, 3, 150)))][:150]
        return {random.choice(HOSTILE[:30]): self.anything(depth + 1) for _ in range(random.choice((0, 1, 3)))}
