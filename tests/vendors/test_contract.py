"""Each of our vendors fulfils the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from seedance_mcp.testing.contract import CHECKS, no_legal_request_costs_nothing_or_less
from seedance_mcp.vendors import Vendor, known_vendors
from tests.about import ABOUT, folder


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("vendor", known_vendors().values(), ids=lambda vendor: vendor.slug)
def test_a_vendor_fulfils_the_contract(vendor: Vendor, check: Callable[[Vendor, Path], None]) -> None:
    check(vendor, folder(vendor.slug))


@pytest.mark.parametrize("rate", ["0", "-0.14"])
def test_the_contract_notices_a_vendor_whose_videos_cost_nothing_or_less(rate: str) -> None:
    vendor = known_vendors()["seedanceapi"]
    billing = replace(vendor.models[0].billing, rates={"": Decimal(rate)})
    broken = replace(vendor, models=(replace(vendor.models[0], billing=billing),))
    with pytest.raises(AssertionError, match="costs"):
        no_legal_request_costs_nothing_or_less(broken, folder(vendor.slug))


@pytest.mark.parametrize("slug", ABOUT)
def test_a_vendor_has_the_models_that_are_known_of_it(slug: str) -> None:
    assert [model.name for model in known_vendors()[slug].models] == ABOUT[slug].models


def test_no_two_vendors_share_a_model_or_a_setting() -> None:
    vendors = known_vendors().values()
    ids = [model.id for vendor in vendors for model in vendor.models]
    assert len(set(ids)) == len(ids)
    assert len({vendor.env_name for vendor in vendors}) == len(vendors)
