"""Ark and BytePlus: what their pages contradict, and what no reseller has. Both sites share one module."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.price import price
from seedance_mcp.errors import NoSuchTask, VendorUnreachable
from seedance_mcp.vendors import Answer, known_vendors
from seedance_mcp.vendors.vendor import read_snapshot
from tests.facts import FACTS
from tests.vendors.vendor_calls import AUDIO, IMAGE, VIDEO, body, checked, model, refused

CONTRADICTIONS = {
    0: "test_parameters_are_in_the_body_and_commands_in_old_prompts_are_refused",
    1: "test_tokens_are_never_fewer_than_the_vendor_counts",
    2: "test_tokens_are_never_fewer_than_the_vendor_counts",
    3: "test_a_reference_video_may_have_200_mb",
    4: "test_only_1_5_pro_makes_drafts",
}
SITES = ("ark", "byteplus")


def test_every_contradiction_of_the_facts_has_a_test() -> None:
    assert list(CONTRADICTIONS) == list(range(len(FACTS["ark"]["contradictions"])))
    assert set(CONTRADICTIONS.values()) <= globals().keys()


@pytest.mark.parametrize("name", ["1.5-pro", "1.0-pro", "1.0-pro-fast"])
@pytest.mark.parametrize(
    "command", ["--rs 1080p", "--dur 12", "--ratio 16:9", "--frames 289", "--wm true", "--cf true"]
)
def test_parameters_are_in_the_body_and_commands_in_old_prompts_are_refused(name: str, command: str) -> None:
    assert list(refused(f"ark/{name}", prompt=f"A cat. {command}")) == ["prompt"]
    sent = body(f"ark/{name}", prompt="A cat, 5 s -- slow", resolution="480p", duration=6)
    assert (sent["resolution"], sent["duration"], sent["ratio"]) == ("480p", 6, "16:9")
    assert sent["content"] == [{"type": "text", "text": "A cat, 5 s -- slow"}]


@pytest.mark.parametrize(
    ("name", "fields", "tokens"),
    [
        ("2.0", {"resolution": "720p", "duration": 5, "aspect_ratio": "16:9"}, 108_900),
        ("2.0", {"resolution": "1080p", "duration": 5, "aspect_ratio": "16:9"}, 245_025),  # a public ledger
        ("1.0-pro", {"resolution": "720p", "duration": 5}, 108_900),  # the page's own example
    ],
)
def test_tokens_are_never_fewer_than_the_vendor_counts(name: str, fields: dict[str, Any], tokens: int) -> None:
    for site in SITES:
        request = checked(f"{site}/{name}", **fields).request
        assert request
        assert price(request, {}).tokens == tokens


def test_a_reference_video_may_have_200_mb() -> None:
    row: Any = model("ark/2.0").rows["reference_videos"]
    assert row.files.under_mb == 200


def test_only_1_5_pro_makes_drafts() -> None:
    assert [m.name for m in known_vendors()["ark"].models if "draft" in _options(m)] == ["1.5-pro"]
    assert body("ark/1.5-pro", resolution="480p", options={"draft": True})["draft"] is True
    assert "options" in refused("ark/2.5", options={"draft": True})
    assert list(refused("ark/1.5-pro", options={"draft": True})) == ["options.draft"]
    assert list(refused("ark/1.5-pro", resolution="720p", options={"draft": True})) == ["resolution"]


def _options(model_: Any) -> dict[str, Any]:
    return model_.rows["options"].rows


def test_the_video_of_a_draft_repeats_nothing_of_it_and_is_priced_as_the_largest() -> None:
    found = model("byteplus/1.5-pro")
    request = check(found, {"options": {"draft_task": "cgt-1"}, "resolution": "720p"}).request
    assert request
    sent = dict(known_vendors()["byteplus"].build_submit(request).body or {})
    assert sent == {
        "model": "seedance-1-5-pro-251215",
        "content": [{"type": "draft_task", "draft_task": {"id": "cgt-1"}}],
        "resolution": "720p",
    }
    assert price(request, {}).tokens == 271_660  # 12 s at the ratio with the most pixels


@pytest.mark.parametrize(
    ("who", "fields", "amount"),
    [
        ("byteplus/2.0", {"aspect_ratio": "16:9"}, "0.7623"),
        ("byteplus/2.0", {"aspect_ratio": "16:9", "resolution": "4k"}, "3.9204"),
        (
            "byteplus/2.0",
            {"aspect_ratio": "16:9", "reference_videos": [VIDEO]},
            "1.86147",
        ),  # with 15 s of reference videos
        ("byteplus/2.5", {"aspect_ratio": "16:9", "duration": 30}, "6.94323"),
        ("byteplus/2.5", {"aspect_ratio": "16:9", "duration": -1}, "6.94323"),
        ("byteplus/1.5-pro", {}, "0.26136"),
        ("byteplus/1.5-pro", {"generate_audio": False}, "0.13068"),
        ("byteplus/1.5-pro", {"generate_audio": False, "options": {"service_tier": "flex"}}, "0.06534"),
        ("ark/2.0", {"aspect_ratio": "16:9"}, "5.0094"),
        ("ark/1.0-pro", {"resolution": "720p", "options": {"frames": 29}}, "0.405"),
    ],
)
def test_prices_are_those_of_the_tables(who: str, fields: dict[str, Any], amount: str) -> None:
    request = checked(who, **fields).request
    assert request
    assert price(request, {}).amount == Decimal(amount)


@pytest.mark.parametrize(
    ("who", "fields", "fields_refused"),
    [
        ("ark/2.5", {"first_frame": IMAGE, "aspect_ratio": "16:9"}, ["aspect_ratio"]),
        ("ark/2.5", {"first_frame": IMAGE, "aspect_ratio": "adaptive"}, []),
        ("ark/2.5", {"reference_audios": [AUDIO]}, []),
        ("ark/2.0", {"reference_audios": [AUDIO]}, ["reference_audios"]),
        ("ark/2.0", {"first_frame": IMAGE, "reference_images": [IMAGE]}, ["first_frame"]),
        ("ark/2.0", {"last_frame": IMAGE}, ["last_frame"]),
        ("ark/2.0", {"options": {"service_tier": "flex"}}, ["options"]),
        ("ark/2.0-fast", {"resolution": "1080p"}, ["resolution"]),
        ("ark/1.0-pro", {"aspect_ratio": "adaptive"}, ["aspect_ratio"]),
        ("ark/1.0-pro", {"aspect_ratio": "adaptive", "first_frame": IMAGE}, []),
        ("ark/1.0-pro", {"options": {"frames": 30}}, ["options"]),
        ("ark/1.0-pro", {"options": {"frames": 29}, "duration": 5}, ["options.frames"]),
        ("ark/1.0-pro", {"duration": -1}, ["duration"]),
        ("ark/1.0-pro-fast", {"first_frame": IMAGE, "last_frame": IMAGE}, ["last_frame"]),
    ],
)
def test_what_a_model_cannot_do_is_refused(who: str, fields: dict[str, Any], fields_refused: list[str]) -> None:
    assert list(refused(who, **fields)) == fields_refused


def test_frames_replace_the_seconds() -> None:
    sent = body("ark/1.0-pro", options={"frames": 49})
    assert sent["frames"] == 49
    assert "duration" not in sent


def test_the_sites_send_the_same_but_for_their_names_of_models() -> None:
    ours, theirs = (known_vendors()[site].models for site in SITES)
    assert [m.name for m in ours] == [m.name for m in theirs]
    for one, other in zip(ours, theirs, strict=True):
        left, right = body(one.id), body(other.id)
        assert (left.pop("model"), right.pop("model")) == (one.wire, other.wire)
        assert left == right
    assert theirs[0].wire == "dreamina-seedance-2-5-260628"
    assert theirs[4].wire == "seedance-1-5-pro-251215"
    assert {m.billing.unit for m in ours} | {m.billing.unit for m in theirs} == {"CNY", "USD"}


# -- marks and lists ----------------------------------------------------------------------------------------------


def test_a_submit_carries_a_mark_that_the_list_shows_again() -> None:
    vendor = known_vendors()["ark"]
    assert vendor.listing
    request = checked("ark/2.0").request
    assert request
    call = vendor.listing.marked(vendor.build_submit(request), "abcdefgh2345")
    expiry: Any = (call.body or {})["execution_expires_after"]
    assert 172_800 <= expiry < 259_200
    item = {"id": "cgt-1", "model": request.model.wire, "created_at": 5, "execution_expires_after": expiry}
    (listed,) = vendor.listing.parse(Answer(200, {"total": 1, "items": [item]}))
    assert listed.mark == vendor.listing.mark("abcdefgh2345") != vendor.listing.mark("abcdefgh2346")
    assert vendor.listing.build(request.model, 1).query["filter.model"] == "doubao-seedance-2-0-260128"


def test_tokens_that_cannot_be_true_do_not_hide_the_video() -> None:
    vendor = known_vendors()["ark"]
    body: dict[str, Any] = {"id": "cgt-1", "status": "succeeded", "content": {"video_url": "https://example.com/a.mp4"}}
    unreadable: list[Any] = [-1, "many", [], True]
    for tokens in unreadable:
        found = vendor.parse_status(Answer(200, body | {"usage": {"completion_tokens": tokens}}))
        assert found.url == "https://example.com/a.mp4"
        assert found.tokens is not None
        assert found.tokens.is_nan()


@pytest.mark.parametrize("code", ["NotFound.task", "NotFound.id", "NotFound"])
def test_a_task_that_the_vendor_no_longer_knows_is_told_from_an_error(code: str) -> None:
    vendor = known_vendors()["byteplus"]
    with pytest.raises(NoSuchTask):
        read_snapshot(vendor, Answer(404, {"error": {"code": code, "message": "The specified task is not found."}}))
    with pytest.raises(VendorUnreachable):
        read_snapshot(vendor, Answer(404, {"error": {"code": "InvalidEndpoint.NotFound", "message": "No endpoint."}}))


def test_an_expiry_of_the_callers_own_is_kept() -> None:
    vendor = known_vendors()["ark"]
    assert vendor.listing
    request = checked("ark/2.0", options={"execution_expires_after": 3600}).request
    assert request
    call = vendor.listing.marked(vendor.build_submit(request), "abcdefgh2345")
    assert (call.body or {})["execution_expires_after"] == 3600
