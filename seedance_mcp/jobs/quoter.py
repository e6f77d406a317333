"""Quotes, with the prices, caps and files of this user that `seedance_mcp.jobs.quote` needs. Pays nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from seedance_mcp.catalog.price import Price
from seedance_mcp.errors import OverBudget
from seedance_mcp.jobs.journal.budget import Spending, admit, caps
from seedance_mcp.jobs.offers import within_caps
from seedance_mcp.jobs.quote import Quote, all_quotes, make_quote
from seedance_mcp.uploads.inputs import inspect_files

if TYPE_CHECKING:
    from seedance_mcp.catalog.order import Order
    from seedance_mcp.catalog.price import Prices
    from seedance_mcp.jobs.journal.model import Journal
    from seedance_mcp.jobs.offers import Offer
    from seedance_mcp.jobs.price_lists import PriceLists
    from seedance_mcp.media.inspector import Inspector
    from seedance_mcp.settings import Settings
    from seedance_mcp.uploads.inputs import Inputs


class Quoter:
    """Quotes orders under one user's settings; see the methods of the same names of `JobService`."""

    def __init__(self, settings: Settings, journal: Journal, price_lists: PriceLists, inspector: Inspector) -> None:
        self._settings, self._journal, self._prices, self._inspector = settings, journal, price_lists, inspector

    async def prices(self, model: object = None) -> Prices:
        """Return what is known about prices, once the price list of one model's vendor (None: all) is read or late."""
        await self._prices.ready(model)
        return self._prices

    async def quote(self, order: Order) -> Quote:
        """Check and price an order; choose the cheapest configured model that can do it where none is named.

        Raises:
            InvalidRequest, NotConfigured: no quote can be made.
        """
        prices = await self.prices(order.model)
        files = await self._files(order)
        return make_quote(self._settings, order, files, prices, await self._affordable(order))

    async def quotes(self, order: Order) -> list[Quote]:
        """Return a quote by every configured model that may be chosen for the order, the one to choose first."""
        prices = await self.prices()
        return all_quotes(self._settings, order, await self._files(order), prices)

    async def offers(self, order: Order) -> list[Offer]:
        """Return what fits within the caps, where an order does not; nothing where no price would help."""
        most, spending = self._settings.max_open_jobs, await self._journal.spending()
        affordable = await self._affordable(order)
        if not affordable(Price("", usd_micros=0)) or (most is not None and spending.open_jobs >= most):
            return []
        files, prices = await self._files(order), await self.prices()
        return within_caps(self._settings.models, order, prices, files.check, affordable)

    async def check_caps(self, quote: Quote, *, chosen: bool) -> None:
        """Check a quote against the caps without reserving anything.

        Raises:
            OverBudget: as creating it would.
        """
        limits = caps(self._settings, quote.order.max_cost, chosen=chosen)
        admit(quote.price.usd_micros, limits, await self._journal.spending(), quote.model.id)

    async def _affordable(self, order: Order) -> Callable[[Price], bool]:
        """Return what tells whether the caps allow a price, so that a model is chosen that they allow."""
        limits = replace(caps(self._settings, order.max_cost), open_jobs=None)  # which no choice of a model can change
        # Without a budget of the day, what was spent does not count.
        spending = await self._journal.spending() if limits.per_day is not None else Spending("")

        def affordable(cost: Price) -> bool:
            try:
                admit(cost.usd_micros, limits, spending, "")
            except OverBudget:
                return False
            return True

        return affordable

    async def _files(self, order: Order) -> Inputs:
        return await inspect_files(order.args, self._settings, self._inspector)
