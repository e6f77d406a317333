"""Every request example on the vendors' pages can be built from a vendor-neutral request.

Two differences are allowed: the defaults that we send explicitly, which a case lists, and ope's `size`, for which we
send `resolution` and `ratio` (the page wants one or the other).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from seedance_mcp.catalog.check import check
from seedance_mcp.catalog.sizes import SIZES
from seedance_mcp.vendors import Call, Vendor, known_vendors
from tests.about import ABOUT

FOLDER = Path(__file__).parent / "golden"
CASES = {f"{path.parent.name}-{path.stem}": path for path in sorted(FOLDER.glob("*/*.json"))}


@pytest.mark.parametrize("path", CASES.values(), ids=CASES.keys())
def test_a_request_is_the_one_on_the_vendors_page(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    vendor = known_vendors()[path.parent.name]
    wanted = case["sent"] | {"body": _with_defaults(_without_size(case["sent"]["body"]), case["defaults"])}
    assert _canonical(_sent(vendor, _call(vendor, case))) == _canonical(wanted)


def _call(vendor: Vendor, case: dict[str, Any]) -> Call:
    if case["call"] == "submit":
        model = next(m for m in vendor.models if m.id == case["request"]["model"])
        checked = check(model, case["request"])
        assert checked.request, [p.sentence() for p in checked.problems]
        return vendor.build_submit(checked.request)
    cancel = vendor.cancel.build if vendor.cancel else None
    build = {"status": vendor.build_status, "download": vendor.build_download, "cancel": cancel}[case["call"]]
    assert build
    return build(case["request"]["task_id"])


def _sent(vendor: Vendor, call: Call) -> dict[str, Any]:
    """Return a call as it is sent: with origin, key and content type."""
    query = f"?{urlencode(call.query)}" if call.query else ""
    json_type = {} if call.body is None else {"Content-Type": "application/json"}
    headers = {"Authorization": "Bearer ***", **json_type, **call.headers}
    return {"method": call.method, "url": vendor.base_url + call.path + query, "headers": headers, "body": call.body}


def _without_size(body: dict[str, Any] | None) -> dict[str, Any] | None:
    pairs = {size: pair for pair, size in SIZES.items()}
    if not body or body.get("size") not in pairs:
        return body
    resolution, ratio = pairs[body["size"]]
    return {k: v for k, v in body.items() if k != "size"} | {"resolution": resolution, "ratio": ratio}


def _with_defaults(body: dict[str, Any] | None, defaults: dict[str, Any]) -> dict[str, Any] | None:
    for path, value in defaults.items():
        assert body is not None
        *parents, name = path.split(".")
        place = body
        for parent in parents:
            place = place.setdefault(parent, {})
        assert name not in place, f"the page itself has {path}, so it is not our default"
        place[name] = value
    return body


def _canonical(sent: Any) -> str:
    """Return JSON, in which 5 is not "5" and true is not 1."""
    return json.dumps(sent, sort_keys=True, ensure_ascii=False, indent=1)


@pytest.mark.parametrize("slug", ABOUT)
def test_no_case_is_missing(slug: str) -> None:
    assert len(list((FOLDER / slug).glob("*.json"))) >= ABOUT[slug].golden_cases


@pytest.mark.parametrize("path", CASES.values(), ids=CASES.keys())
def test_a_case_names_its_source(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    assert case["source"].startswith(("SEED", "PUB"))
    assert case["form"] in ("curl", "json", "python", "http", "text")
    assert "***" in case["sent"]["headers"]["Authorization"]
