"""Vendors, clients and disks that do what nobody documents: the job's truth survives it, and answers stay true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client import ClientRequestContext

from seedance_mcp import web
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.vendors.vendor import Answer, Call, Vendor
from seedance_mcp.web import Web
from tests.server.mcp_client import PRICED, connected

pytestmark = pytest.mark.anyio


def answering(monkeypatch: pytest.MonkeyPatch, how: str, change: dict[str, Any]) -> None:
    """Let every answer of a kind carry other fields in its `data`."""
    real = getattr(Web, how)

    async def other(self: Web, vendor: Vendor, call: Call) -> Answer:
        answer: Answer = await real(self, vendor, call)
        return Answer(answer.status, {**answer.body, "data": {**answer.body["data"], **change}})

    monkeypatch.setattr(Web, how, other)


@pytest.mark.parametrize("charge", [-1000, "a lot", 10**30, None, [1]])
async def test_a_charge_that_nobody_could_have_made_is_not_believed(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch, charge: object
) -> None:
    answering(monkeypatch, "post_once", {"consumed_credits": charge})
    answering(monkeypatch, "look", {"consumed_credits": charge})
    async with connected(tmp_path, era) as session:
        made = await session.create(**PRICED)
        assert made["state"] == "submitted"
        assert (await session.finish(made["job_id"]))["cost"]["usd"] == made["cost"]["usd"]


def test_half_a_character_in_a_vendors_no_is_no_trouble() -> None:
    said = json.loads('{"code": 400, "message": "cut \\ud83d", "data": null}')
    repaired = web.repair_text(said)  # pyright: ignore[reportPrivateUsage]
    assert repaired == {"code": 400, "message": "cut ?", "data": None}


async def test_a_look_that_fails_in_a_way_it_should_not_is_tried_again(
    tmp_path: Path, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seedance_mcp.jobs.poller.LATER", 0.2)
    real, failures = SqliteJournal.claim, [RuntimeError("odd")]

    async def claim(journal: SqliteJournal, *args: Any, **more: Any) -> bool:
        if failures:
            raise failures.pop()
        return await real(journal, *args, **more)

    monkeypatch.setattr(SqliteJournal, "claim", claim)
    async with connected(tmp_path, era) as session:
        made = await session.create(**PRICED)
        with anyio.fail_after(30):
            while (await session.call("list_videos")).fields["videos"][0]["state"] != "succeeded":
                await (await session.app.service()).events.wait(made["job_id"], 1)


async def test_a_job_that_was_settled_by_hand_may_be_made_again(tmp_path: Path, era: str) -> None:
    async with connected(tmp_path, era) as session:
        made = await session.create("sandbox: lose-answer", **PRICED)
        assert made["state"] == "unknown"
        await (await session.app.service()).resolve(made["job_id"], None)
        told = (await session.call("check_video", job_id=made["job_id"])).fields
    assert told["state"] == "rejected"
    assert told["next_step"] == "Nothing was sent and nothing is charged: call create_video again."


async def test_a_request_key_is_free_again_after_a_no_that_says_nothing_of_the_request(
    tmp_path: Path, era: str
) -> None:
    async with connected(tmp_path, era) as session:
        refused = await session.call("create_video", prompt="sandbox: refuse no_credit 1", request_key="k", **PRICED)
        assert refused.result.is_error
        made = await session.create("sandbox: refuse no_credit 1", request_key="k", **PRICED)
        await session.finish(made["job_id"])
        again = await session.create("sandbox: refuse no_credit 1", request_key="k", **PRICED)
    assert again["duplicate_of"] == made["job_id"]
    assert "nothing new was paid" in again["note"]
    assert "for its film" in again["next_step"]


@pytest.mark.parametrize("answer", [{"ok": "false"}, {"ok": 1}, {}, None])
async def test_only_a_plain_yes_spends_money(tmp_path: Path, era: str, answer: dict[str, Any] | None) -> None:
    async def odd(_: ClientRequestContext, __: types.ElicitRequestParams) -> types.ElicitResult:
        return types.ElicitResult(action="accept", content=answer)

    async with connected(tmp_path, era, client={"elicitation_callback": odd}, SEEDANCE_CONFIRM_ABOVE="0.1") as session:
        assert (await session.call("create_video", prompt="x", **PRICED)).refusal.startswith("confirmation_required")
        assert session.sandbox.charges == []


async def test_a_client_that_cannot_ask_after_all_is_told_what_to_do(tmp_path: Path) -> None:
    async def broken(_: ClientRequestContext, __: types.ElicitRequestParams) -> types.ErrorData:
        return types.ErrorData(code=types.INTERNAL_ERROR, message="no window")

    async with connected(
        tmp_path, "legacy", client={"elicitation_callback": broken}, SEEDANCE_CONFIRM_ABOVE="0.1"
    ) as session:
        assert "this client cannot" in (await session.call("create_video", prompt="x", **PRICED)).refusal
        assert session.sandbox.charges == []
