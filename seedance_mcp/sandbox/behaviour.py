"""What a prompt can ask the sandbox to do differently: `sandbox: fail real_person, slow 4`.

Directives are found anywhere in the body of a request, so that they work with every vendor and every way to call it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that a prompt can ask for."""

    name: str
    help: str
    takes: str = ""
    """Its argument: N is a number, `[N]` an optional one."""
    choices: tuple[str, ...] = ()
    lossy: bool = False
    """The vendor accepts and charges the job, but does not answer as it should."""

    @property
    def usage(self) -> str:
        """How to write it: `fail content_policy|real_person|generation_failed`."""
        return " ".join(filter(None, (self.name, "|".join(self.choices), self.takes)))


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "fail",
        "the task fails at its end, with the vendor's own message",
        choices=("content_policy", "real_person", "generation_failed"),
    ),
    Behaviour(
        "refuse",
        "the vendor refuses the job (N: only the first N times) and charges nothing",
        "[N]",
        (
            "content_policy",
            "real_person",
            "auth",
            "no_credit",
            "rate_limited",
            "busy",
            "invalid_request",
            "not_found",
            "model_not_open",
        ),
    ),
    Behaviour("lose-answer", "the vendor accepts and charges the job, then the connection is lost", "[N]", lossy=True),
    Behaviour("lose-request", "the connection is lost before the vendor accepts the job; nothing is charged", "[N]"),
    Behaviour("unreachable", "no connection at all (over HTTP: the same as lose-request)", "[N]"),
    Behaviour("hang", "the vendor accepts and charges the job, and never answers", "[N]", lossy=True),
    Behaviour("error-500", "the vendor accepts and charges the job, then answers HTTP 500", "[N]", lossy=True),
    Behaviour(
        "html", "the vendor accepts and charges the job, then answers HTTP 200 with an HTML page", "[N]", lossy=True
    ),
    Behaviour("truncate", "the vendor accepts and charges the job, then sends half of the JSON", "[N]", lossy=True),
    Behaviour(
        "no-id", "the vendor accepts and charges the job, then leaves its id out of the answer", "[N]", lossy=True
    ),
    Behaviour(
        "charge",
        "the vendor charges N of its units instead of the quoted price, even if the task fails (seedanceapi and "
        "jimmyai report it)",
        "N",
    ),
    Behaviour("slow", "the task takes N seconds", "N"),
    Behaviour("instant", "the task is done at the first poll"),
    Behaviour("odd-state", "while it runs, the task has a status that the vendor does not document"),
    Behaviour("status-500", "the first N polls of the task are answered with HTTP 500", "N"),
    Behaviour("expired-link", "the first link to the video answers HTTP 403; the next poll gives a link that works"),
    Behaviour("cut-video", "the first download of the video breaks off halfway"),
    Behaviour("other-video", "the video has half the requested length, width and height, and no audio"),
    Behaviour("wrong-type", "the video is an HTML page"),
)
"""Every behaviour. `[N]` counts how often the same request is sent."""

LOSSY = tuple(b.name for b in BEHAVIOURS if b.lossy)


def _directive_pattern() -> re.Pattern[str]:
    forms: list[str] = []
    for behaviour in BEHAVIOURS:
        form = re.escape(behaviour.name)
        form += rf"\s+(?:{'|'.join(behaviour.choices)})" if behaviour.choices else ""
        form += {"N": r"\s+\d+(?:\.\d+)?", "[N]": r"(?:\s+\d+)?", "": ""}[behaviour.takes]
        forms.append(form)
    return re.compile(rf"\s*({'|'.join(forms)})(?![\w-])\s*,?", re.IGNORECASE)


_START = re.compile(r"sandbox:", re.IGNORECASE)
_DIRECTIVE = _directive_pattern()


@dataclass(frozen=True, slots=True)
class Directives:
    """What one request asks the sandbox to do: each behaviour's name, with its arguments as text."""

    values: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def read(cls, text: str) -> Directives:
        """Find the directives in a prompt or a body; a list after "sandbox:" ends at the first unknown word."""
        values: dict[str, str] = {}
        for start in _START.finditer(text):
            position = start.end()
            while directive := _DIRECTIVE.match(text, position):
                name, _, arguments = directive[1].lower().partition(" ")
                values[name] = arguments.strip()
                position = directive.end()
        return cls(values)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def choice(self, name: str) -> str:
        """Return the choice after a directive's name ("real_person"), or an empty text."""
        return next((part for part in self.values.get(name, "").split() if not part[0].isdigit()), "")

    def number(self, name: str) -> float | None:
        """Return the number after a directive's name, or None."""
        return next((float(part) for part in self.values.get(name, "").split() if part[0].isdigit()), None)

    def applies(self, name: str, attempt: int, default: float = float("inf")) -> bool:
        """Whether a directive still applies to this attempt (1: the first); `default` replaces a missing N."""
        number = self.number(name)
        return name in self.values and attempt <= (default if number is None else number)
