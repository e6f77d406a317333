"""The vendors' own pages, line by line: what each says, where the program holds it, and how the two compare.

`facts/coverage/<vendor>.yaml` has the lines. A line that says something about the API has checks, which are carried out
against the program; `docs/coverage.md` is printed from the same lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import yaml

from seedance_mcp.catalog import Model
from seedance_mcp.catalog.check import Checked, check
from seedance_mcp.catalog.price import price
from seedance_mcp.vendors import Answer, Vendor, known_vendors
from tests.about import ABOUT
from tests.facts import FACTS, FILES, FOLDER

ROOT = FOLDER.parent
VERDICTS = ("same", "stronger", "weaker", "missing", "wrong", "n/a")
PAGE_LINES = {slug: ABOUT[slug].page_lines for slug in FILES}
"""The number of lines of each vendor's own page, as SEED counts them."""
_URLS = {
    "IMG": "https://example.com/a.png",
    "VID": "https://example.com/a.mp4",
    "AUD": "https://example.com/a.mp3",
    "ASSET": "asset://asset-1",
}

Step = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """One statement of a page."""

    vendor: str
    lines: str
    """Where it stands: "60,340" or "320-338"."""
    says: str
    verdict: str
    why: str
    checks: tuple[Step, ...]

    @property
    def numbers(self) -> set[int]:
        """The line numbers."""
        found: set[int] = set()
        for part in self.lines.split(","):
            first, _, last = part.partition("-")
            found |= set(range(int(first), int(last or first) + 1))
        return found


@dataclass(frozen=True)
class Page:
    """One vendor's own page."""

    vendor: Vendor
    models: Mapping[str, str]
    """The short names of models in the checks."""
    lines: tuple[Statement, ...]
    other: str
    """Lines that state no fact: headings, examples that repeat a stated fact, blank lines."""

    def model(self, short: str) -> Model:
        """Return the model with this short name."""
        found = self.vendor.model(f"{self.vendor.slug}/{self.models[short]}")
        assert found, short
        return found


def pages() -> dict[str, Page]:
    """Return the pages, by vendor."""
    found: dict[str, Page] = {}
    for slug, name in FILES.items():
        data = yaml.safe_load((FOLDER / "coverage" / f"{name}.yaml").read_text("utf-8"))
        lines = tuple(
            Statement(
                slug,
                str(line["at"]),
                line["says"],
                line.get("verdict", "same"),
                line.get("why", ""),
                tuple(line.get("held", ())),
            )
            for line in data["lines"]
        )
        found[slug] = Page(known_vendors()[slug], data["models"], lines, str(data["other"]))
    return found


# -- carrying out a check -----------------------------------------------------------------------------------------


def carry_out(page: Page, step: Step) -> None:
    """Carry out one check.

    Raises:
        AssertionError: the program does not do what the check says.
        KeyError: the check names something that does not exist.
    """
    kind = next(iter(step))
    _KINDS[kind](page, step)


def _row(page: Page, step: Step) -> None:
    short, _, field = step["row"].partition(".")
    row = page.model(short).rows[field]
    assert row.allowed() == step["is"], row.allowed()
    if "default" in step:
        assert row.default == step["default"], row.default
    assert row.required is step.get("required", row.required)


def _checked(page: Page, short: str, step: Step) -> tuple[Model, Checked]:
    model = page.model(short)
    args = _with_urls(step.get("with", {}))
    if "prompt" in model.rows and "prompt" not in args and not step.get("bare"):
        args = {"prompt": "A cat."} | args
    return model, check(model, args)


def _with_urls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_urls(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_with_urls(item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and (made := re.fullmatch(r"(\S) x ([0-9]+)", value)):
        return made[1] * int(made[2])
    return _URLS.get(value, value) if isinstance(value, str) else value


def _takes(page: Page, step: Step) -> None:
    _, result = _checked(page, step["takes"], step)
    assert result.request, [problem.sentence() for problem in result.problems]


def _refuses(page: Page, step: Step) -> None:
    model, result = _checked(page, step["refuses"], step)
    assert {problem.field for problem in result.problems} == {step["field"]}, (model.id, result.problems)


def _soft(page: Page, step: Step) -> None:
    """Who names the model is warned; the model is not chosen for it."""
    model, result = _checked(page, step["soft"], step)
    assert result.request, [problem.sentence() for problem in result.problems]
    assert any(advice.source.soft for advice in result.advice), result.advice
    strict = check(model, _with_urls(step["with"]) | {"prompt": "A cat."}, strict=True)
    assert {problem.field for problem in strict.problems} == {step["field"]}, (model.id, strict.problems)


def _sends(page: Page, step: Step) -> None:
    _, result = _checked(page, step["sends"], step)
    assert result.request, [problem.sentence() for problem in result.problems]
    body = page.vendor.build_submit(result.request).body
    for path, value in step["body"].items():
        assert _at(body, path) == _with_urls(value), (path, _at(body, path))


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, list):
            items = cast("list[Any]", value)
            value = items[int(key)] if int(key) < len(items) else None
        else:
            value = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
    return value


def _advises(page: Page, step: Step) -> None:
    model, result = _checked(page, step["advises"], step)
    given = [a.source.fact for a in result.advice]
    if result.request:
        given += [c.source.fact for c in model.billing.cautions if c.applies(result.request.fields())]
    assert step["fact"] in given, given


def _costs(page: Page, step: Step) -> None:
    _, result = _checked(page, step["costs"], step)
    assert result.request, [problem.sentence() for problem in result.problems]
    cost = price(result.request, {})
    assert (None if cost.amount is None else float(cost.amount)) == step["amount"], cost
    assert (None if cost.usd_micros is None else cost.usd_micros / 1_000_000) == step.get("usd"), cost


def _created(page: Page, step: Step) -> None:
    accepted = page.vendor.parse_submit(Answer(200, step["created"]))
    assert accepted.task_id == step["task"]
    assert accepted.charged == step.get("charged")


def _polled(page: Page, step: Step) -> None:
    answer = Answer(200, step["polled"])
    assert page.vendor.parse_error(answer) is None
    snapshot = page.vendor.parse_status(answer)
    found = {
        "state": snapshot.state,
        "url": snapshot.url,
        "charged": snapshot.charged,
        "message": snapshot.refusal.message if snapshot.refusal else None,
        "progress": snapshot.progress,
    }
    for name in step.keys() - {"polled"}:
        assert found[name] == step[name], found


def _error(page: Page, step: Step) -> None:
    refusal = page.vendor.parse_error(Answer(step["error"], step["body"]))
    assert refusal
    assert str(refusal.code) == step["code"], refusal


def _call(page: Page, step: Step) -> None:
    vendor, which = page.vendor, step["call"]
    if which == "submit":
        call = vendor.build_submit(_any_request(page))
    else:
        build = vendor.build_download if which == "download" else vendor.build_status
        assert build
        call = build("TASK")
    query = "?" + "&".join(f"{k}={v}" for k, v in call.query.items()) if call.query else ""
    assert f"{call.method} {call.path}{query}" == step["is"]


def _any_request(page: Page) -> Any:
    _, result = _checked(page, next(iter(page.models)), {})
    assert result.request
    return result.request


def _vendor(page: Page, step: Step) -> None:
    found = getattr(page.vendor, step["vendor"])
    found = sorted(found) if isinstance(found, tuple | frozenset) else found  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  (any attribute)
    assert found == step["is"], found


def _models(page: Page, step: Step) -> None:
    assert set(step["models"]) <= {model.name for model in page.vendor.models}


def _fact(page: Page, step: Step) -> None:
    found: Any = FACTS[page.vendor.slug]
    for key in step["fact"].split("/"):
        found = found[int(key) if isinstance(found, list) else key]


def _test(_: Page, step: Step) -> None:
    path, _, name = step["test"].partition("::")
    assert re.search(rf"^(?:async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), step["test"]


_KINDS = {
    "row": _row, "takes": _takes, "refuses": _refuses, "soft": _soft, "sends": _sends, "advises": _advises,
    "costs": _costs, "created": _created, "polled": _polled, "error": _error, "call": _call, "vendor": _vendor,
    "models": _models, "fact": _fact, "test": _test,
}  # fmt: skip


# -- docs/coverage.md ---------------------------------------------------------------------------------------------


def held(page: Page, step: Step) -> str:
    """Return where a check says that a statement is held, as short text."""
    kind, subject = next(iter(step.items()))
    given = f" ({_short(step['with'])})" if "with" in step else ""
    names = list(cast("list[str]", subject)) if kind == "models" else []
    short, _, field = str(subject).partition(".")
    path, _, test = str(subject).partition("::")
    texts = {
        "row": f"row `{page.models.get(short)}` {field}",
        "takes": f"accepted{given}",
        "sends": f"sent: {', '.join(step.get('body', ()))}{given}",
        "soft": f"warned, and not chosen: {step.get('field')}{given}",
        "refuses": f"refused: {step.get('field')}{given}",
        "advises": f"advice: {step.get('fact')}{given}",
        "costs": f"price: {step.get('amount') or 'unknown'}{given}",
        "created": "answer to a submit, parsed",
        "polled": f"status, parsed: {step.get('state')}",
        "error": f"error, parsed: {step.get('code')}",
        "call": f"call: {step.get('is')}",
        "vendor": f"vendor: {subject}",
        "models": f"models: {', '.join(names)}",
        "fact": f"fact {subject}",
        "test": f"[test](../{path}) {test}",
    }
    return texts[kind]


def _short(args: Mapping[str, Any]) -> str:
    return ", ".join(f"{k} {v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}" for k, v in args.items())


def totals() -> dict[str, dict[str, int]]:
    """Return how many statements of each page have each verdict."""
    return {
        slug: {verdict: sum(line.verdict == verdict for line in page.lines) for verdict in VERDICTS}
        for slug, page in pages().items()
    }


def rows(page: Page) -> Iterator[Sequence[str]]:
    """Yield the rows of a page's table: line, statement, where it is held, verdict, reason."""
    for line in page.lines:
        where = "; ".join(dict.fromkeys(held(page, step) for step in line.checks)) or "–"
        yield line.lines, line.says, where, line.verdict, line.why
