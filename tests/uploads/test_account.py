"""What a vendor says of the account and of its prices, where asking costs nothing: `seedance-mcp doctor` shows it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from tests.uploads.test_assets import example

from seedance_mcp.cli import doctor as doctoring
from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.sandbox.serve import serve
from seedance_mcp.uploads import bucket
from seedance_mcp.vendors import Answer
from seedance_mcp.vendors.jimmyai import VENDOR

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789"


@asynccontextmanager
async def vendor(key: str = KEY) -> AsyncGenerator[tuple[Sandbox, dict[str, str]]]:
    """Serve a fake over HTTP; yield it and the environment that leads there."""
    sandbox = Sandbox(pace=0)
    async with anyio.create_task_group() as group:
        port: int = await group.start(partial(serve, 0, sandbox=sandbox))
        url = sandbox.base_url("jimmyai", f"http://127.0.0.1:{port}")
        yield sandbox, {"SEEDANCE_JIMMYAI_API_KEY": key, "SEEDANCE_JIMMYAI_BASE_URL": url}
        group.cancel_scope.cancel()


async def report(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, **environment: str
) -> dict[str, Any]:
    """Run doctor; return what it found. It may send nothing but GETs."""
    methods: set[str] = set()
    really = httpx2.AsyncHTTPTransport.handle_async_request

    async def watched(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        methods.add(request.method)
        return await really(self, request)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", watched)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    await doctoring.doctor(as_json=True, offline=False)
    assert methods <= {"GET"}
    return json.loads(capsys.readouterr().out)


async def test_doctor_shows_balance_and_prices_and_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with vendor() as (sandbox, environment):
        found = await report(capsys, monkeypatch, **environment)
        assert sandbox.charges == []
    assert found["account"]["jimmyai"] == (
        "100.5 JimiCoin available (0.0 used, balance 100.5); this key may use 50.0 more of 50"
    )
    assert "seedance2.0-mini 0.3 (480p) or 0.5 (720p) or 1 (1080p) JimiCoin/second" in found["catalogue"]["jimmyai"]
    assert "sd2_mx_720p 0.5 JimiCoin/second" in found["catalogue"]["jimmyai"]
    assert "seedance2.0-md 2.5 JimiCoin/video" in found["catalogue"]["jimmyai"]
    assert "sd2_sp_720p" not in found["catalogue"]["jimmyai"]  # no model is ordered by that name
    assert KEY not in json.dumps(found)


async def test_a_wrong_key_is_said_and_the_prices_are_public(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with vendor("bad-key") as (_, environment):
        found = await report(capsys, monkeypatch, **environment)
    assert found["account"]["jimmyai"] == "refused: auth failure; refused: auth failure"
    assert "seedance2.0-mini" in found["catalogue"]["jimmyai"]


async def test_a_vendor_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"SEEDANCE_JIMMYAI_API_KEY": KEY, "SEEDANCE_JIMMYAI_BASE_URL": "http://127.0.0.1:9"}
    found = await report(capsys, monkeypatch, **environment)
    assert found["account"]["jimmyai"].startswith("not known (Jimmy AI could not be reached")
    assert found["catalogue"]["jimmyai"].startswith("not known (")


async def test_offline_asks_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDANCE_JIMMYAI_API_KEY", KEY)
    await doctoring.doctor(as_json=True, offline=True)
    found = json.loads(capsys.readouterr().out)
    assert "account" not in found
    assert "catalogue" not in found


async def test_doctor_shows_where_files_may_come_from_and_go_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "s3://films/in?region=eu-central-1"
    found = await report(
        capsys, monkeypatch, SEEDANCE_SANDBOX="1", SEEDANCE_UPLOAD_URL=url,
        SEEDANCE_MEDIA_ROOTS=f"{tmp_path}:{tmp_path / 'missing'}:/",
    )  # fmt: skip
    assert found["files"] == {
        "media roots": f"{tmp_path}:{tmp_path / 'missing'}:/",
        "upload": url,
        "vendors that take files themselves": "jimmyai",
        "seconds and pixels": "checked",
    }
    assert f"SEEDANCE_MEDIA_ROOTS: {tmp_path / 'missing'} is no folder." in found["problems"]
    assert "SEEDANCE_MEDIA_ROOTS: / is the whole disk; name the folders with the pictures." in found["problems"]
    assert {"av", "pillow", "obstore"} <= found["versions"].keys()


async def test_doctor_says_what_is_missing_for_a_bucket(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    found = await report(capsys, monkeypatch, SEEDANCE_SANDBOX="1", SEEDANCE_UPLOAD_URL="s3://films")
    assert "SEEDANCE_UPLOAD_URL needs the extra «upload»: install seedance-mcp[upload]." in found["problems"]
    plain = await report(capsys, monkeypatch, SEEDANCE_SANDBOX="1", SEEDANCE_UPLOAD_URL="")
    assert plain["files"]["media roots"] == "none: local files are refused"
    assert plain["files"]["upload"] == "no bucket"


# -- the answers as the pages show them --------------------------------------------------------------------------------


def test_the_examples_of_the_pages_are_read() -> None:
    assert (
        VENDOR.account_queries[0].read(example("balance_200")) == "80.2 JimiCoin available (20.3 used, balance 100.5)"
    )
    assert VENDOR.price_list is not None
    listed = VENDOR.price_list.read(example("catalog_200"))["seedance2.5"]
    assert (listed.per, listed.rates, listed.unit) == ("second", {"": Decimal("0.05")}, "JimiCoin")
    assert VENDOR.price_list.call.public


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {"list": 5}}, {"data": {"balance": "x"}}])
def test_what_cannot_be_read_is_one_named_error(body: Any) -> None:
    assert VENDOR.price_list is not None
    for question in (VENDOR.account_queries[0], VENDOR.price_list):
        with pytest.raises(UnexpectedAnswer):
            question.read(Answer(200, body))


@pytest.mark.parametrize(
    "entry",
    [
        {"model_name": "x", "price_mode": "per_second"},
        {"model_name": "x", "price_mode": "per_month", "unit_price": 1},
        {"model_name": "x", "unit_price": 1},
    ],
)
def test_a_price_that_says_not_what_for_is_left_out(entry: dict[str, Any]) -> None:
    assert VENDOR.price_list is not None
    assert VENDOR.price_list.read(Answer(200, {"data": {"list": [entry]}})) == {}


def test_a_key_without_a_limit_says_so() -> None:
    quota = {"name": "k", "total_quota": 0, "used_quota": 3, "available_quota": 0, "unlimited": True}
    assert VENDOR.account_queries[1].read(Answer(200, {"data": quota})) == "this key has no separate limit"
