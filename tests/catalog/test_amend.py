"""What an operator says about a model narrows or widens its rows, and everything that is made from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from seedance_mcp.catalog.amend import amended, parse_amendments
from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.model import Model
from seedance_mcp.catalog.schema import exact_schema, field_descriptions
from seedance_mcp.vendors import known_vendors
from tests.vendors.vendor_calls import IMAGE, model


def changed(model_id: str, **fields: Any) -> Model:
    return amended(model(model_id), parse_amendments(json.dumps({model_id: fields})))


def problems(found: Model, **args: Any) -> list[str]:
    return [p.field for p in check(found, {"prompt": "A cat.", **args}).problems]


def test_a_range_is_narrowed_and_widened() -> None:
    narrow, wide = changed("ark/2.0", duration={"most": 10}), changed("ark/2.0", duration={"most": 20})
    assert problems(model("ark/2.0"), duration=15) == []
    assert problems(narrow, duration=11) == ["duration"]
    assert problems(narrow, duration=10) == []
    assert problems(wide, duration=20) == []
    assert problems(wide, duration=21) == ["duration"]


def test_a_list_gives_the_values_and_the_default_is_one_of_them() -> None:
    found = changed("ark/1.0-pro", resolution=["480p", "720p"])
    request = check(found, {"prompt": "A cat."}).request
    assert request
    assert request.resolution == "720p"  # 1080p was the default
    assert problems(found, resolution="1080p") == ["resolution"]
    assert problems(changed("ark/2.0", resolution=["2k"]), resolution="2k") == []
    assert problems(changed("ark/2.0", duration=[5, 10]), duration=7) == ["duration"]


def test_a_default_stays_legal() -> None:
    request = check(changed("ark/2.0", duration={"least": 8}), {"prompt": "A cat."}).request
    assert request
    assert request.duration == 8


def test_false_takes_a_field_away() -> None:
    assert problems(changed("ark/2.0", last_frame=False), first_frame=IMAGE, last_frame=IMAGE) == ["last_frame"]


def test_files_and_texts_have_other_numbers() -> None:
    found = changed("ark/2.0", reference_images={"most": 1}, prompt={"most": 5})
    assert problems(found, reference_images=[IMAGE] * 2, prompt="A long text") == ["prompt", "reference_images"]


def test_a_vendors_own_field_is_changed_by_its_whole_name() -> None:
    found = changed("ark/1.0-pro", **{"options.service_tier": ["default"], "options.camera_fixed": False})
    assert problems(found, options={"service_tier": "flex"}) == ["options"]
    assert problems(found, options={"camera_fixed": True}) == ["options"]


def test_what_is_said_of_a_vendor_holds_for_its_models_that_have_the_field() -> None:
    said = parse_amendments(
        '{"ark": {"duration": {"most": 6}, "last_frame": false}, "ark/2.0": {"duration": {"most": 9}}}'
    )
    found = {m.name: amended(m, said) for m in known_vendors()["ark"].models}
    assert problems(found["2.0-fast"], duration=7) == ["duration"]
    assert problems(found["2.0"], duration=9) == []
    assert not any("last_frame" in m.rows for m in found.values())


def test_an_endpoint_of_the_users_own_is_sent_and_listed_and_nothing_else_changes() -> None:
    vendor, found = known_vendors()["ark"], changed("ark/2.0", endpoint="ep-20260701-abcde")
    request = check(found, {"prompt": "A cat."}).request
    assert request
    body = vendor.build_submit(request).body
    assert body
    assert body["model"] == "ep-20260701-abcde"
    assert vendor.listing
    assert vendor.listing.build(found, 1).query["filter.model"] == "ep-20260701-abcde"
    assert found.wires == {"ep-20260701-abcde", "doubao-seedance-2-0-260128"}
    assert (found.id, found.rows) == ("ark/2.0", model("ark/2.0").rows)


def test_the_users_word_is_named_where_the_limits_are_shown() -> None:
    found = changed("ark/2.0", duration={"most": 10})
    assert "(the user's setting)" in dict(field_descriptions(found))["duration"]
    assert exact_schema(found)["properties"]["duration"]["anyOf"][0]["maximum"] == 10
    assert found.rows["duration"].source.own
    assert not found.rows["duration"].source.documented


@pytest.mark.parametrize("vendor", known_vendors())
def test_what_says_nothing_changes_nothing(vendor: str) -> None:
    for each in known_vendors()[vendor].models:
        assert amended(each, {}) is each


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"style": False}, "ark/2.0 has no such field; it has prompt, "),
        ({"duration": False}, "ark/2.0 duration cannot be changed so"),
        ({"duration": {"most": "10"}}, "ark/2.0 duration cannot be changed so"),
        ({"duration": {"least": 9, "most": 8}}, "ark/2.0 duration would have no legal value"),
        ({"duration": {}}, "ark/2.0 duration cannot be changed so"),
        ({"duration": {"default": 5}}, "ark/2.0 duration cannot be changed so"),
        ({"duration": ["5"]}, "ark/2.0 duration cannot be changed so"),
        ({"resolution": []}, "ark/2.0 resolution cannot be changed so"),
        ({"resolution": [720]}, "ark/2.0 resolution cannot be changed so"),
        ({"reference_images": {"least": 1}}, "ark/2.0 reference_images cannot be changed so"),
        ({"watermark": True}, "ark/2.0 watermark cannot be changed so"),
        ({"endpoint": ""}, "ark/2.0: endpoint must be the name that the vendor is sent"),
        ({"options.magic": False}, "ark/2.0 has no such field"),
    ],
)
def test_a_change_that_cannot_be_made_is_an_error(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^ark/2\.0") as error:
        changed("ark/2.0", **fields)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("text", ["[]", '{"ark": 5}', '{"ark": []}', "{"])
def test_what_is_not_an_object_of_objects_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_amendments(text)
