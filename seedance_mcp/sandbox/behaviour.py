"""What the sandbox can be asked to get wrong, in the prompt: `sandbox: fail real_person, slow 4`.

The words are found in whatever body a vendor is sent, so every vendor and every way of calling it can be tried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing to ask for. In `takes`, N is a number and words in brackets may be left out."""

    name: str
    help: str
    takes: str = ""
    choices: tuple[str, ...] = ()
    lossy: bool = False
    """The job is taken and billed, and its answer is not what it should be."""

    @property
    def usage(self) -> str:
        """How it is written: `fail content_policy|real_person|generation_failed`."""
        return " ".join(filter(None, (self.name, "|".join(self.choices), self.takes)))


BEHAVIOURS: tuple[Behaviour, ...] = (
    Behaviour(
        "fail",
        "the task fails when its time is up, in the vendor's own words",
        choices=("content_policy", "real_person", "generation_failed"),
    ),
    Behaviour(
        "refuse",
        "the job is refused (N: only the first N times); nothing is charged",
        "[N]",
        ("content_policy", "real_person", "auth", "no_credit", "rate_limited", "busy", "invalid_request", "not_found"),
    ),
    Behaviour("lose-answer", "the job is taken and charged, then the connection is lost", "[N]", lossy=True),
    Behaviour("lose-request", "the connection is lost before the job is taken; nothing is charged", "[N]"),
    Behaviour("unreachable", "no connection at all (over HTTP: the same as lose-request)", "[N]"),
    Behaviour("hang", "the job is taken and charged, and never answered", "[N]", lossy=True),
    Behaviour("error-500", "the job is taken and charged, then HTTP 500", "[N]", lossy=True),
    Behaviour("html", "the job is taken and charged, then an HTML page with HTTP 200", "[N]", lossy=True),
    Behaviour("truncate", "the job is taken and charged, then half of the JSON", "[N]", lossy=True),
    Behaviour("no-id", "the job is taken and charged, then an answer without its id", "[N]", lossy=True),
    Behaviour("slow", "the task takes N seconds", "N"),
    Behaviour("instant", "the task is done at the first look"),
    Behaviour("odd-state", "while it runs, the task is in a state that the vendor does not document"),
    Behaviour("status-500", "the first N looks at the task are answered with HTTP 500", "N"),
    Behaviour("expired-link", "the first link to the film answers 403; the next look gives one that works"),
    Behaviour("cut-video", "the first download of the film breaks off in the middle"),
    Behaviour("other-video", "the film is half as long and half as wide as asked for, and silent"),
    Behaviour("wrong-type", "the film is an HTML page"),
)
"""Every behaviour. `N` after a refused or lost request counts the times the same request is sent."""

LOSSY = tuple(b.name for b in BEHAVIOURS if b.lossy)


def _pattern() -> re.Pattern[str]:
    forms: list[str] = []
    for behaviour in BEHAVIOURS:
        form = re.escape(behaviour.name)
        form += rf"\s+(?:{'|'.join(behaviour.choices)})" if behaviour.choices else ""
        form += {"N": r"\s+\d+(?:\.\d+)?", "[N]": r"(?:\s+\d+)?", "": ""}[behaviour.takes]
        forms.append(form)
    return re.compile(rf"\s*({'|'.join(forms)})(?![\w-])\s*,?", re.IGNORECASE)


_START = re.compile(r"sandbox:", re.IGNORECASE)
_ITEM = _pattern()


@dataclass(frozen=True, slots=True)
class Directives:
    """What one request asks the sandbox to do: each behaviour's word, with what follows it."""

    asked: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def read(cls, text: str) -> Directives:
        """Find the behaviours in a prompt or a body; after «sandbox:», the list ends at the first other word."""
        asked: dict[str, str] = {}
        for start in _START.finditer(text):
            at = start.end()
            while item := _ITEM.match(text, at):
                name, _, rest = item[1].lower().partition(" ")
                asked[name] = rest.strip()
                at = item.end()
        return cls(asked)

    def __contains__(self, name: str) -> bool:
        return name in self.asked

    def what(self, name: str) -> str:
        """The choice that follows a word («real_person»), or nothing."""
        return next((part for part in self.asked.get(name, "").split() if not part[0].isdigit()), "")

    def number(self, name: str) -> float | None:
        """The number that follows a word, or None."""
        return next((float(part) for part in self.asked.get(name, "").split() if part[0].isdigit()), None)

    def now(self, name: str, time: int, otherwise: float = float("inf")) -> bool:
        """Whether a word holds the `time`-th time that the same request comes (1 for the first)."""
        number = self.number(name)
        return name in self.asked and time <= (otherwise if number is None else number)
