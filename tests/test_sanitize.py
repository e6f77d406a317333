"""Text that others wrote: nothing invisible is left in it, and no API key."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from seedance_mcp.sanitize import Secrets, clean, map_text

KEY = "sk-live+0123/456=789"
SECRETS = Secrets([KEY, "another-key", "short"])


@pytest.mark.parametrize(
    "hidden",
    [
        "\x00", "\x7f", "\xad", "\u034f", "\u061c", "\u115f", "\u17b4", "\u180e", "\u200b", "\u202e", "\u2028",
        "\u2064", "\u3164", "\ue000", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\u0378", "\uffff", "\U0001d173",
        "\U000e0041", "\U000e0100", "\U0010fffd",
    ],
    ids=lambda c: f"U+{ord(c):04X}",
)  # fmt: skip
def test_what_people_do_not_see_becomes_one_space(hidden: str) -> None:
    assert clean(f"a{hidden}{hidden}b{hidden}") == "a b"


@pytest.mark.parametrize("text", ["ein Fuchs – café", "雪中的狐狸", "a 🦊 b", "e\u0301", "שלום", "नमस्ते"])
def test_what_people_see_stays(text: str) -> None:
    assert clean(text) == text


def test_at_most_500_characters_remain() -> None:
    assert clean("x" * 10**6) == "x" * 499 + "…"


def in_base64(before: str) -> str:
    return base64.b64encode(f"{before}{KEY} and more".encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"the key {KEY} is wrong",
        f"/v1?key={quote(KEY, safe='')}&x=1",
        f"/v1?key={quote(KEY, safe='').lower()}",
        f"/v1?key={quote(quote(KEY, safe=''), safe='')}",
        "".join(f"%{ord(c):02X}" for c in KEY),
        "".join(f"\\u{ord(c):04x}" for c in KEY),
        "Basic " + base64.b64encode(KEY.encode()).decode(),
        "Basic " + base64.b64encode(f":{KEY}".encode()).decode(),
        "Basic " + base64.urlsafe_b64encode(f"me:{KEY}".encode()).decode().rstrip("="),
        in_base64(""), in_base64("a"), in_base64("ab"), in_base64("Bearer "),
    ],
)  # fmt: skip
def test_a_key_is_removed_however_it_is_coded(text: str) -> None:
    left = SECRETS.remove(text)
    assert "***" in left
    assert KEY not in left
    assert "0123" not in left
    assert base64.b64encode(KEY.encode())[4:16].decode() not in left


def test_text_without_a_key_stays_as_it_is() -> None:
    assert SECRETS.remove("a short text about another fox, 0123") == "a short text about another fox, 0123"
    assert Secrets([]).remove(KEY) == KEY


def test_every_string_of_a_json_value_is_changed_the_names_of_fields_included() -> None:
    assert map_text({"a": ["a", 1, None, {"b": True}]}, str.upper) == {"A": ["A", 1, None, {"B": True}]}
