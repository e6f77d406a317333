"""What a vendor reports about the account and its prices, for free: `seedance-mcp doctor` shows it."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from seedance_mcp.cli import doctor as doctoring
from seedance_mcp.errors import UnexpectedAnswer
from seedance_mcp.uploads import bucket
from seedance_mcp.vendors import Answer
from seedance_mcp.vendors.jimmyai import VENDOR
from tests.uploads.sessions import KEY, example, served_jimmyai

pytestmark = pytest.mark.anyio


async def report(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, **environment: str
) -> dict[str, Any]:
    """Run doctor and return its report. It may send only GET requests."""
    methods: set[str] = set()
    original = httpx2.AsyncHTTPTransport.handle_async_request

    async def recorded(self: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        methods.add(request.method)
        return await original(self, request)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", recorded)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    await doctoring.doctor(as_json=True, offline=False)
    assert methods <= {"GET"}
    return json.loads(capsys.readouterr().out)


async def test_doctor_shows_the_balance_and_prices_but_not_the_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served_jimmyai() as (sandbox, environment):
        found = await report(capsys, monkeypatch, **environment)
        assert sandbox.charges == []
    assert found["account"]["jimmyai"] == (
        "100.5 JimiCoin available (0.0 used, balance 100.5); this key may use 50.0 more of 50"
    )
    assert "seedance2.0-mini 0.3 (480p) or 0.5 (720p) or 1 (1080p) JimiCoin/second" in found["price lists"]["jimmyai"]
    assert "sd2_mx_720p 0.5 JimiCoin/second" in found["price lists"]["jimmyai"]
    assert "seedance2.0-md 2.5 JimiCoin/video" in found["price lists"]["jimmyai"]
    assert "sd2_sp_720p" not in found["price lists"]["jimmyai"]  # no model is ordered by that name
    assert KEY not in json.dumps(found)


async def test_doctor_reports_a_wrong_key_and_still_shows_public_prices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served_jimmyai("bad-key") as (_, environment):
        found = await report(capsys, monkeypatch, **environment)
    assert found["account"]["jimmyai"] == "refused: auth failure; refused: auth failure"
    assert "seedance2.0-mini" in found["price lists"]["jimmyai"]


async def test_doctor_reports_a_vendor_that_cannot_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"SEEDANCE_JIMMYAI_API_KEY": KEY, "SEEDANCE_JIMMYAI_BASE_URL": "http://127.0.0.1:9"}
    found = await report(capsys, monkeypatch, **environment)
    assert found["account"]["jimmyai"].startswith("not known (Jimmy AI could not be reached")
    assert found["price lists"]["jimmyai"].startswith("not known (")


async def test_offline_doctor_sends_no_requests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDANCE_JIMMYAI_API_KEY", KEY)
    await doctoring.doctor(as_json=True, offline=True)
    found = json.loads(capsys.readouterr().out)
    assert "account" not in found
    assert "price lists" not in found


async def test_doctor_shows_the_media_roots_and_the_upload_destinations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "s3://videos/in?region=eu-central-1"
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
    assert (
        f"SEEDANCE_MEDIA_ROOTS: {tmp_path / 'missing'} is not a folder. Create it, or correct the setting."
        in found["problems"]
    )
    assert "SEEDANCE_MEDIA_ROOTS: / is the whole disk. Name the folders that hold your files." in found["problems"]
    assert {"av", "pillow", "obstore"} <= found["versions"].keys()


async def test_doctor_reports_the_extra_that_a_bucket_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "find_spec", lambda _: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  (a lambda has no types)
    found = await report(capsys, monkeypatch, SEEDANCE_SANDBOX="1", SEEDANCE_UPLOAD_URL="s3://videos")
    assert 'SEEDANCE_UPLOAD_URL needs the extra "upload": install seedance-mcp[upload].' in found["problems"]
    plain = await report(capsys, monkeypatch, SEEDANCE_SANDBOX="1", SEEDANCE_UPLOAD_URL="")
    assert plain["files"]["media roots"] == "none (local files are refused)"
    assert plain["files"]["upload"] == "no bucket"


# -- the documented answers -----------------------------------------------------------------------------------------


def test_the_documented_examples_are_parsed() -> None:
    assert (
        VENDOR.account_queries[0].read(example("balance_200")) == "80.2 JimiCoin available (20.3 used, balance 100.5)"
    )
    assert VENDOR.price_list is not None
    listed = VENDOR.price_list.read(example("catalog_200"))["seedance2.5"]
    assert (listed.per, listed.rates, listed.unit) == ("second", {"": Decimal("0.05")}, "JimiCoin")
    assert VENDOR.price_list.call.public


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {"list": 5}}, {"data": {"balance": "x"}}])
def test_an_unreadable_answer_is_an_unexpected_answer(body: Any) -> None:
    assert VENDOR.price_list is not None
    for query in (VENDOR.account_queries[0], VENDOR.price_list):
        with pytest.raises(UnexpectedAnswer):
            query.read(Answer(200, body))


@pytest.mark.parametrize(
    "entry",
    [
        {"model_name": "x", "price_mode": "per_second"},
        {"model_name": "x", "price_mode": "per_month", "unit_price": 1},
        {"model_name": "x", "unit_price": 1},
    ],
)
def test_a_price_without_a_known_unit_of_use_is_left_out(entry: dict[str, Any]) -> None:
    assert VENDOR.price_list is not None
    assert VENDOR.price_list.read(Answer(200, {"data": {"list": [entry]}})) == {}


def test_a_key_without_a_limit_is_described_as_such() -> None:
    quota = {"name": "k", "total_quota": 0, "used_quota": 3, "available_quota": 0, "unlimited": True}
    assert VENDOR.account_queries[1].read(Answer(200, {"data": quota})) == "this key has no separate limit"
