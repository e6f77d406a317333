"""A vendor's public price list in quotes: requested from the vendor once a day, and overruled by the operator."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream
from mcp.client import Client

from seedance_mcp.jobs.timing import PriceListTiming, Timing
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.server.app import App
from seedance_mcp.settings import load
from tests.exception_groups import single_error
from tests.http_host import KEY, Answer, Reply, Request, hosting
from tests.server.mcp_client import Session, connected

pytestmark = pytest.mark.anyio

MINI = "jimmyai/seedance2.0-mini"
PER_SECOND = {"seedance2.0-mini-480p": 0.3, "seedance2.0-mini-720p": 0.5, "sd2_mx_720p": 0.4, "sd2_mx_fast_720p": 0.2}
DAY = 86_400
WORTH = '{"jimmyai": {"usd_per_unit": 0.14}}'


def price_list(per_second: dict[str, float]) -> Reply:
    entries = [{"model_name": n, "price_mode": "per_second", "unit_price": p} for n, p in per_second.items()]
    body = {"code": 20000, "msg": "ok", "data": {"list": entries}}
    return Reply(json.dumps(body).encode(), headers={"content-type": "application/json"})


def answer_with_prices(asked: Request) -> Reply:
    """Answer as the vendor does; nothing but its price list is requested here."""
    assert asked.target.startswith("/api/openapi/model/catalog?")
    return price_list(PER_SECOND)


def answer_with_high_prices(asked: Request) -> Reply:
    return price_list({"seedance2.0-mini-720p": 7})


def answer_with_an_error(asked: Request) -> Reply:
    return Reply(b'{"code": -1, "msg": "server error", "data": null}', status=500)


@asynccontextmanager
async def connected_to(
    folder: Path,
    origin: str,
    *,
    timing: PriceListTiming | None = None,
    clock: Callable[[], float] = time.time,
    **environment: str,
) -> AsyncGenerator[Session]:
    """Connect a client to a server for which a host of ours is Jimmy AI."""
    own = {
        "SEEDANCE_JIMMYAI_API_KEY": KEY,
        "SEEDANCE_JIMMYAI_BASE_URL": origin,
        "SEEDANCE_STATE_DIR": str(folder / "state"),
        "SEEDANCE_OUTPUT_DIR": str(folder / "videos"),
    }
    settings = load(own | environment)
    app = App(settings, timing=Timing(price_lists=timing or PriceListTiming(), clock=clock))
    try:
        with anyio.fail_after(30):
            async with Client(app.server) as client:
                yield Session(client, Sandbox(pace=0), settings, app)
    except BaseExceptionGroup as group:
        raise single_error(group) from None


@asynccontextmanager
async def silent_host() -> AsyncGenerator[str]:
    """Serve a vendor that takes connections and never answers."""

    async def hold(stream: SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    listeners = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listeners, anyio.create_task_group() as group:
        group.start_soon(listeners.serve, hold)
        yield f"http://127.0.0.1:{listeners.extra(anyio.abc.SocketAttribute.local_port)}"  # noqa: S610  (not Django's)
        group.cancel_scope.cancel()


class Clock:
    """A wall clock that a test can advance."""

    ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def cost(session: Session, model: str = MINI, **shape: Any) -> dict[str, Any]:
    """Return what a request would cost; nothing is sent for it."""
    return (await session.create(model=model, dry_run=True, **shape))["cost"]


def stored_copy(folder: Path) -> Path:
    return folder / "state" / "price-list-jimmyai.json"


def grow_old(folder: Path, days: float = 3) -> str:
    """Make the stored copy older; return its new day."""
    copy = json.loads(stored_copy(folder).read_text())
    copy["asked_at"] -= days * 86_400
    stored_copy(folder).write_text(json.dumps(copy))
    return time.strftime("%Y-%m-%d", time.gmtime(copy["asked_at"]))


# -- in quotes ----------------------------------------------------------------------------------------------------


async def test_a_quote_has_the_amount_and_the_day_of_the_price_list(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host, connected_to(tmp_path, host.origin) as session:
        days = [time.strftime("%Y-%m-%d", time.gmtime())]
        found = await cost(session, duration=5)
        days.append(time.strftime("%Y-%m-%d", time.gmtime()))
        low = await cost(session, duration=5, resolution="480p")
        unlisted = await cost(session, duration=5, resolution="1080p")
    assert (found["amount"], found["unit"]) == (2.5, "JimiCoin")
    basis = re.fullmatch(r"0\.5 JimiCoin per second \(price list of (.+)\) × 5 s = 2\.5 JimiCoin", found["basis"])
    assert basis
    assert basis[1] in days
    assert "usd" not in found
    assert "worth" in found["unknown"]
    assert low["amount"] == 1.5
    assert "amount" not in unlisted


async def test_a_model_that_is_not_listed_has_no_price(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host, connected_to(tmp_path, host.origin) as session:
        found = await cost(session, "jimmyai/sd2_mx_4k")
    assert "amount" not in found
    why = r"jimmyai's unit price is unknown \(not in its price list of [0-9-]+\); ask the user to set SEEDANCE_PRICES"
    assert re.fullmatch(why, found["unknown"])


async def test_list_models_shows_the_listed_prices(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host, connected_to(tmp_path, host.origin) as session:
        models = (await session.call("list_models", duration=10)).fields["models"]
        one = (await session.call("list_models", model="jimmyai/sd2_mx_720p")).fields["price"]
    assert models[MINI].endswith(",5 JimiCoin/10s 720p")
    (line,) = (line for ids, line in models.items() if "sd2_mx_4k" in ids)
    assert line.endswith(",price unknown")
    assert one == "2 JimiCoin/5s 720p"


async def test_with_the_worth_of_a_coin_the_price_is_in_usd_and_caps_hold(tmp_path: Path) -> None:
    async with (
        hosting(answer_with_prices) as host,
        connected_to(tmp_path, host.origin, SEEDANCE_PRICES=WORTH) as session,
    ):
        assert (await cost(session, duration=5, max_cost=0.35))["usd"] == 0.35
        refusal = await session.refused(model=MINI, duration=5, max_cost=0.34)
    assert refusal.startswith("over_budget: This video may cost $0.35, and max_cost is $0.34.")


async def test_without_the_worth_of_a_coin_a_model_stays_unpriced_and_a_cap_refuses_it(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin, SEEDANCE_DAILY_BUDGET="5") as session:
            refusal = await session.refused(model=MINI)
        assert [asked.method for asked in host.requests] == ["GET"]
    assert refusal.startswith(f"price_unknown: The price of {MINI} in USD is unknown, and a cap is set.")


async def test_the_listed_price_is_reserved_and_settled(tmp_path: Path) -> None:
    sandbox = Sandbox()
    async with anyio.create_task_group() as group:
        port: int = await group.start(partial(serve, 0, sandbox=sandbox))
        origin = sandbox.base_url("jimmyai", f"http://127.0.0.1:{port}")
        async with connected_to(
            tmp_path, origin, SEEDANCE_PRICES=WORTH, SEEDANCE_POLL_INTERVAL="0.1", SEEDANCE_DAILY_BUDGET="1"
        ) as session:
            shape = {"model": MINI, "duration": 4, "resolution": "480p"}  # 0.3 × 4 × 0.14
            await session.create("a fox. sandbox: slow 3600", **shape)
            spent = (await session.call("list_videos")).fields["spent_today"]
            assert (spent["reserved"], spent["left"]) == (0.168, 0.832)
            assert "unpriced_jobs" not in spent
            done = await session.video("a hare. sandbox: instant", **shape)
            assert (done["state"], done["cost"]) == ("succeeded", {"usd": 0.168})
            assert "over_budget: " in await session.refused(model=MINI, duration=15, resolution="1080p")
            assert len(sandbox.charges) == 2
        group.cancel_scope.cancel()


async def test_the_cheapest_model_is_chosen_by_the_listed_prices(tmp_path: Path) -> None:
    async with (
        hosting(answer_with_prices) as host,
        connected_to(tmp_path, host.origin, SEEDANCE_PRICES=WORTH) as session,
    ):
        chosen = await session.create(dry_run=True, duration=5, resolution="720p")
    assert chosen["model"] == "jimmyai/sd2_mx_fast_720p"
    assert chosen["chosen"].startswith("cheapest of ")
    assert chosen["cost"]["usd"] == 0.14


async def test_the_embedded_sandbox_has_a_price_list_too(tmp_path: Path) -> None:
    async with connected(tmp_path, "legacy") as session:
        models = (await session.call("list_models", resolution="1080p")).fields["models"]
        found = await cost(session, "jimmyai/seedance2.0-mini-sp", resolution="480p")
        made = await session.create(model=MINI, duration=4)
    assert models[MINI].endswith(",5 JimiCoin/5s,!resolution")
    assert models["jimmyai/seedance2.0-of-sp"].endswith(",price unknown")
    assert (found["amount"], "usd" in found) == (1.5, False)
    ((charge,), amount) = (session.sandbox.charges, made["cost"]["amount"])
    assert float(charge.amount or 0) == amount == 2


# -- what the operator states wins ---------------------------------------------------------------------------------

SETTLED: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "the vendor's rate": ({"jimmyai": {"rates": 3}}, {"amount": 15.0}),
    "the vendor's rate and way of billing": (
        {"jimmyai": {"rates": 2, "per": "video", "unit": "USD"}},
        {"amount": 2.0, "usd": 2.0},
    ),
    "the model's rate": ({MINI: {"rates": {"720p": 4}}}, {"amount": 20.0}),
    "the model's rate over the vendor's": ({MINI: {"rates": 4}, "jimmyai": {"rates": 3}}, {"amount": 20.0}),
    "the model's rate and the vendor's worth": (
        {MINI: {"rates": 4}, "jimmyai": {"usd_per_unit": 0.1}},
        {"amount": 20.0, "usd": 2.0},
    ),
    "the model's worth over the vendor's": (
        {MINI: {"usd_per_unit": 0.2}, "jimmyai": {"usd_per_unit": 0.1}},
        {"amount": 2.5, "usd": 0.5},
    ),
    "the vendor's worth": ({"jimmyai": {"usd_per_unit": 0.1}}, {"amount": 2.5, "usd": 0.25}),
    "another unit without a rate": ({"jimmyai": {"unit": "USD"}}, {}),
    "another way of billing without a rate": ({MINI: {"per": "video", "usd_per_unit": 1}}, {}),
    "the price list's own unit and way of billing": (
        {"jimmyai": {"unit": "JimiCoin", "per": "second", "usd_per_unit": 0.1}},
        {"amount": 2.5, "usd": 0.25},
    ),
    "the vendor's rate beside the model's worth": (
        {MINI: {"usd_per_unit": 0.2}, "jimmyai": {"rates": 3}},
        {},
    ),
    "another vendor's entry": ({"ope": {"rates": 3}}, {"amount": 2.5}),
    "a rate for another resolution": ({MINI: {"rates": {"480p": 4}}}, {}),
}


@pytest.mark.parametrize("entry", SETTLED)
async def test_what_the_operator_states_wins(tmp_path: Path, entry: str) -> None:
    prices, expected = SETTLED[entry]
    async with (
        hosting(answer_with_prices) as host,
        connected_to(tmp_path, host.origin, SEEDANCE_PRICES=json.dumps(prices)) as session,
    ):
        found = await cost(session, duration=5)
    assert {name: found[name] for name in ("amount", "usd") if name in found} == expected
    assert ("price list" in found["basis"]) is (found.get("amount") == 2.5)


async def test_no_price_list_is_requested_where_the_operator_states_every_price(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin, SEEDANCE_PRICES='{"jimmyai": {"rates": 3}}') as session:
            await cost(session)
            await session.call("list_models")
        assert host.requests == []


# -- when it is asked for -----------------------------------------------------------------------------------------


async def test_a_price_list_is_requested_once_and_without_the_key(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin) as session:
            async with anyio.create_task_group() as group:
                for _ in range(8):
                    group.start_soon(cost, session)
            await session.call("list_models")
        (asked,) = host.requests
    assert (asked.method, asked.target) == ("GET", "/api/openapi/model/catalog?search=seedance")
    assert "authorization" not in asked.headers
    assert not any(KEY in value for value in asked.headers.values())


async def test_no_price_list_is_requested_before_a_call_needs_it(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin, SEEDANCE_OPE_API_KEY=KEY) as session:
            await session.client.list_tools()
            await session.call("list_videos")
            await session.call("list_models", model="ope/seedance-2-0")
            await cost(session, "ope/seedance-2-0")
            await session.refused(model="unknown/seedance")
        assert host.requests == []


async def test_no_price_list_is_requested_of_a_vendor_without_a_key(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(
            tmp_path, host.origin, SEEDANCE_JIMMYAI_API_KEY="", SEEDANCE_OPE_API_KEY=KEY
        ) as session:
            await session.call("list_models")
            await session.create(dry_run=True)
        assert host.requests == []


# -- the copy on disk ---------------------------------------------------------------------------------------------


async def test_the_next_process_uses_the_stored_copy_and_requests_nothing(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin) as session:
            first = await cost(session)
        async with connected_to(tmp_path, host.origin) as session:
            second = await cost(session)
        assert len(host.requests) == 1
    assert first == second
    assert [path.name for path in (tmp_path / "state").iterdir() if "price-list" in path.name] == [
        stored_copy(tmp_path).name
    ]
    assert KEY.encode() not in stored_copy(tmp_path).read_bytes()
    if os.name == "posix":
        assert stored_copy(tmp_path).stat().st_mode & 0o777 == 0o600


DAMAGED: dict[str, Callable[[str], bytes]] = {
    "empty": lambda url: b"",
    "half": lambda url: b'{"url": "',
    "no text": lambda url: b"\xff\xfe\x00",
    "no object": lambda url: b"[]",
    "a number": lambda url: b"7",
    "no answer": lambda url: json.dumps({"url": url, "asked_at": 1}).encode(),
    "another shape": lambda url: json.dumps({"url": url, "asked_at": 1, "answer": {"data": None}}).encode(),
    "no time": lambda url: json.dumps({"url": url, "asked_at": "noon", "answer": {"data": {"list": []}}}).encode(),
    "not a number": lambda url: json.dumps({"url": url, "asked_at": float("nan"), "answer": {}}).encode(),
    "the end of time": lambda url: json.dumps(
        {"url": url, "asked_at": float("inf"), "answer": {"data": {"list": []}}}
    ).encode(),
    "deep": lambda url: b"[" * 200_000,
}


@pytest.mark.parametrize("how", DAMAGED)
async def test_a_damaged_copy_is_not_used_and_is_replaced(tmp_path: Path, how: str) -> None:
    stored_copy(tmp_path).parent.mkdir()
    async with hosting(answer_with_prices) as host:
        stored_copy(tmp_path).write_bytes(DAMAGED[how](f"{host.origin}/api/openapi/model/catalog"))
        async with connected_to(tmp_path, host.origin) as session:
            assert (await cost(session, duration=5))["amount"] == 2.5
        async with connected_to(tmp_path, host.origin) as session:
            assert (await cost(session, duration=5))["amount"] == 2.5
        assert len(host.requests) == 1


async def test_the_copy_of_another_address_is_not_used(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host, connected_to(tmp_path, host.origin) as session:
        await cost(session)
    async with hosting(answer_with_high_prices) as host, connected_to(tmp_path, host.origin) as session:
        assert (await cost(session, duration=5))["amount"] == 35


async def test_a_copy_that_cannot_be_written_causes_nothing_but_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored_copy(tmp_path).mkdir(parents=True)
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin) as session:
            assert (await cost(session, duration=5))["amount"] == 2.5
            assert (await cost(session, duration=5))["amount"] == 2.5
        assert len(host.requests) == 1
    assert "cannot be written" in caplog.text
    assert [path.name for path in (tmp_path / "state").iterdir() if "price-list" in path.name] == [
        stored_copy(tmp_path).name
    ]


# -- trouble ------------------------------------------------------------------------------------------------------


async def test_a_vendor_that_never_answers_delays_one_quote_for_at_most_two_seconds(tmp_path: Path) -> None:
    assert PriceListTiming().first_wait == 2
    async with silent_host() as origin, connected_to(tmp_path, origin) as session:
        with anyio.fail_after(10):  # the request itself is given up after 30 s
            found = await cost(session, duration=5)
        with anyio.fail_after(1.5):  # the next calls do not wait once more
            assert await cost(session, duration=5) == found
            assert (await session.call("list_models", model=MINI)).fields["price"] == "price unknown"
    assert found == {
        "basis": "unit price in JimiCoin × 5 s",
        "unknown": "jimmyai's unit price is unknown (its price list is not available); ask the user to set "
        "SEEDANCE_PRICES",
    }


async def test_a_server_stops_at_once_while_a_vendor_does_not_answer(tmp_path: Path) -> None:
    async with silent_host() as origin:
        with anyio.fail_after(10):
            async with connected_to(tmp_path, origin, timing=PriceListTiming(first_wait=0)) as session:
                assert "amount" not in await cost(session)


ANSWERS: dict[str, Answer] = {
    "an error": answer_with_an_error,
    "a refusal": lambda asked: Reply(b'{"code": 20001, "msg": "auth failure", "data": null}'),
    "an error with a list": lambda asked: replace(price_list(PER_SECOND), status=503),
    "a refusal with a list": lambda asked: Reply(price_list(PER_SECOND).body.replace(b"20000", b"20001")),
    "an error without an envelope": lambda asked: Reply(b'{"data": {"list": []}}', status=500),
    "a page": lambda asked: Reply(b"<html>soon</html>"),
    "another shape": lambda asked: Reply(b'{"code": 20000, "data": {"list": {}}}'),
    "a redirect": lambda asked: Reply(status=302, headers={"location": "https://example.com/"}),
    "half an answer": lambda asked: Reply(b'{"code": 20000, "data"', length=1000),
}


@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_price_list_that_cannot_be_read_is_reported_once_and_left_alone_for_ten_minutes(
    tmp_path: Path, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert PriceListTiming().retry_after == 600
    caplog.set_level(logging.WARNING)
    async with hosting(ANSWERS[answer]) as host:
        async with connected_to(tmp_path, host.origin) as session:
            for _ in range(3):
                assert "amount" not in await cost(session)
        assert len(host.requests) == 1
        assert caplog.text.count("the price list of Jimmy AI could not be read: ") == 1
        assert not stored_copy(tmp_path).exists()
        async with connected_to(tmp_path, host.origin, timing=PriceListTiming(retry_after=0)) as session:
            assert "amount" not in await cost(session)
            host.answer = answer_with_prices
            assert (await cost(session, duration=5))["amount"] == 2.5


async def test_a_vendor_that_cannot_be_reached_has_no_price_list(tmp_path: Path) -> None:
    async with connected_to(tmp_path, "http://127.0.0.1:9") as session:
        assert "its price list is not available" in (await cost(session))["unknown"]


async def test_an_older_copy_stays_in_use_and_its_age_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin, SEEDANCE_PRICES=WORTH) as session:
            await cost(session)
        day = grow_old(tmp_path)
        host.answer = answer_with_an_error
        async with connected_to(tmp_path, host.origin, SEEDANCE_PRICES=WORTH) as session:
            with anyio.fail_after(10):
                while "could not be read" not in caplog.text:
                    await cost(session)
            found = await cost(session, duration=5)
        assert len(host.requests) == 2
    assert found["usd"] == 0.35
    assert f"0.5 JimiCoin per second (price list of {day}, over a day old) × 5 s" in found["basis"]


async def test_an_older_copy_is_renewed_before_it_is_used_and_no_call_waits_long_for_that(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin) as session:
            await cost(session)
        copy = json.loads(stored_copy(tmp_path).read_text())
        grow_old(tmp_path)
        host.answer = answer_with_high_prices
        async with connected_to(tmp_path, host.origin) as session:
            assert (await cost(session, duration=5))["amount"] == 35
        assert len(host.requests) == 2
    async with silent_host() as origin:
        copy["url"] = f"{origin}/api/openapi/model/catalog"
        for age in (0, 3):
            stored_copy(tmp_path).write_text(json.dumps(copy))
            grow_old(tmp_path, age)
            clock, timing = Clock(), PriceListTiming(first_wait=0.1)
            async with connected_to(tmp_path, origin, timing=timing, clock=clock) as session:
                with anyio.fail_after(10):
                    assert (await cost(session, duration=5))["amount"] == 2.5
                    clock.ahead = DAY  # it grows old while the server runs
                    assert (await cost(session, duration=5))["amount"] == 2.5


def empty(_: Request) -> Reply:
    return Reply(b'{"data": {"list": []}}', headers={"content-type": "application/json"})


async def test_a_price_list_without_prices_replaces_no_other(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin) as session:
            before = await cost(session, duration=5)
        grow_old(tmp_path)
        copy = stored_copy(tmp_path).read_bytes()
        host.answer = empty
        async with connected_to(tmp_path, host.origin) as session:
            after = await cost(session, duration=5)
    assert len(host.requests) == 2
    assert after["amount"] == before["amount"]
    assert "over a day old" in after["basis"]
    assert stored_copy(tmp_path).read_bytes() == copy


async def test_a_server_that_runs_for_days_requests_the_price_list_every_day(tmp_path: Path) -> None:
    assert PriceListTiming().lifetime == DAY
    clock = Clock()
    async with (
        hosting(answer_with_prices) as host,
        connected_to(tmp_path, host.origin, timing=PriceListTiming(retry_after=0), clock=clock) as session,
    ):
        for day in range(3):
            clock.ahead = day * DAY + 30 * day
            await cost(session)
            assert len(host.requests) == day + 1
            clock.ahead += DAY - 60
            assert "over a day old" not in (await cost(session))["basis"]
            assert len(host.requests) == day + 1


async def test_a_copy_from_the_future_is_renewed(tmp_path: Path) -> None:
    async with hosting(answer_with_prices) as host:
        async with connected_to(tmp_path, host.origin) as session:
            await cost(session)
        grow_old(tmp_path, -3)  # the clock was set back
        async with connected_to(tmp_path, host.origin) as session:
            await cost(session)
        assert len(host.requests) == 2


async def test_after_a_failure_the_price_list_is_requested_again_once_the_pause_is_over(tmp_path: Path) -> None:
    timing = PriceListTiming(retry_after=0.2)
    async with hosting(answer_with_an_error) as host, connected_to(tmp_path, host.origin, timing=timing) as session:
        with anyio.fail_after(10):
            while len(host.requests) < 2:
                await cost(session)
