"""The fake vendor itself: what it charges, which accounts it knows, and how it answers."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seedance_mcp.jobs.submit import read_outcome
from seedance_mcp.vendors import known_vendors
from seedance_mcp.vendors.vendor import Answer
from tests.faults.behaviours import PRICE, Script, behaviour, coded
from tests.faults.fork_server import scratch
from tests.faults.invariants import Ledger
from tests.faults.plan import KEYS
from tests.faults.vendor import open_vendor

PATHS = {"seedanceapi": "/v2/generate", "aigptimage": "/api/v1/jobs/createTask", "ope": "/v1/videos"}


class Client:
    """Plain HTTP to the fake vendor."""

    def __init__(self, http: httpx2.Client, records: Path) -> None:
        self._http, self._records = http, records

    def create(
        self, script: Script, vendor: str = "seedanceapi", account: str = "first", key: str = ""
    ) -> httpx2.Response:
        """Send the POST that creates a job."""
        body: dict[str, Any] = {"prompt": script.prompt()}
        if vendor == "aigptimage":
            body = {"input": body}
        return self._http.post(PATHS[vendor], json=body, headers=_headers(account) | {"x-request-id": key})

    def poll(self, task: str, account: str = "first") -> httpx2.Response:
        """Poll a task of seedanceapi."""
        return self._http.get("/v2/status", params={"task_id": task}, headers=_headers(account))

    def ledger(self) -> Ledger:
        """Return the vendor's records as they are now."""
        return Ledger(self._records)


def _headers(account: str) -> dict[str, str]:
    return {"authorization": f"Bearer {KEYS.get(account, account)}"}


@pytest.fixture(scope="module")
def client() -> Generator[Client]:
    with scratch() as folder:
        records = folder / "charges.jsonl"
        with open_vendor(records) as ports, httpx2.Client(base_url=ports.origin, trust_env=False) as http:
            yield Client(http, records)


@pytest.mark.parametrize(
    ("charge", "micros", "reported"),
    [("quoted", PRICE, 57), ("more", 855_000, 85.5), ("less", 285_000, 28.5)],
)
def test_a_charge_may_be_more_or_less_than_the_quote(client: Client, charge: str, micros: int, reported: float) -> None:
    task = client.create(Script(f"{charge}.0", charge=charge)).json()["data"]["task_id"]
    client.poll(task)
    data = client.poll(task).json()["data"]
    assert data["status"] == "COMPLETED"
    assert data["consumed_credits"] == reported
    assert [c.micros for c in client.ledger().charges(charge)] == [micros]


def test_a_late_charge_comes_when_the_task_has_ended(client: Client) -> None:
    task = client.create(Script("late.0", charge="late")).json()["data"]["task_id"]
    client.poll(task)
    assert client.ledger().charges("late") == []
    for _ in range(2):
        client.poll(task)
    assert [c.micros for c in client.ledger().charges("late")] == [PRICE]


@pytest.mark.parametrize(("charge", "refunded"), [("quoted", True), ("failures_too", False), ("late", False)])
def test_a_failure_is_refunded_unless_the_vendor_charges_for_it(client: Client, charge: str, refunded: bool) -> None:
    task = client.create(Script(f"fails-{charge}.0", poll="fails", charge=charge)).json()["data"]["task_id"]
    client.poll(task)
    data = client.poll(task).json()["data"]
    assert data["status"] == "FAILED"
    assert ("consumed_credits" in data) is (charge == "failures_too")
    ledger = client.ledger()
    assert len(ledger.charges(f"fails-{charge}")) == (charge != "late")
    assert (task in ledger.refunded) is refunded


def test_each_key_is_an_account_with_its_own_tasks(client: Client) -> None:
    task = client.create(Script("accounts.0"), account="second").json()["data"]["task_id"]
    assert client.poll(task, "first").status_code == 404
    assert client.poll(task, "second").status_code == 200
    assert client.poll(task, "nobody").status_code == 401
    assert [c.account for c in client.ledger().charges("accounts")] == ["second"]


def test_an_idempotency_key_returns_the_first_task_of_the_same_account_only(client: Client) -> None:
    tasks = [
        client.create(Script("keys.0"), "aigptimage", account, "key").json()["data"]["taskId"]
        for account in ("first", "second", "first")
    ]
    assert tasks[0] == tasks[2] != tasks[1]
    assert [c.account for c in client.ledger().charges("keys")] == ["first", "second"]


@pytest.mark.parametrize("vendor", PATHS)
def test_the_code_in_the_body_can_differ_from_the_http_status(client: Client, vendor: str) -> None:
    post = coded(500, 429, charges=True)
    answer = client.create(Script(f"coded-{vendor}.0", post), vendor)
    assert answer.status_code == 500
    assert "429" in answer.text
    assert len(client.ledger().charges(f"coded-{vendor}")) == 1
    assert behaviour(post).outcome == "unknown"


@pytest.mark.parametrize("vendor", PATHS)
def test_a_refusal_can_hold_the_id_of_a_task(client: Client, vendor: str) -> None:
    post = coded(200, 402, charges=True, task_id=True)
    answer = client.create(Script(f"holds-{vendor}.0", post), vendor)
    [charge] = client.ledger().charges(f"holds-{vendor}")
    accepted = known_vendors()[vendor].parse_submit(Answer(200, answer.json()))
    assert accepted.task_id == charge.task
    assert behaviour(post).outcome == "submitted"


@pytest.mark.parametrize("vendor", PATHS)
def test_a_plain_refusal_is_one_that_the_product_understands(client: Client, vendor: str) -> None:
    answer = client.create(Script(f"plain-{vendor}.0", coded(402, 402, charges=False)), vendor)
    outcome = read_outcome(known_vendors()[vendor], Answer(answer.status_code, answer.json()))
    assert outcome.refusal is not None
    assert client.ledger().charges(f"plain-{vendor}") == []
