"""The prices in force: what the operator states, then what vendors' public price lists say, then the models' rows.

A price list is requested in the background when a call first concerns its vendor, and the answer is stored in the state
folder for the next process. Without it, prices are unknown; nothing else depends on it.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio import to_thread

from seedance_mcp.catalog.price import UnitPrice
from seedance_mcp.errors import SeedanceError, UnexpectedAnswer
from seedance_mcp.vendors.vendor import Answer, Query, Vendor

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from seedance_mcp.jobs.timing import Timing
    from seedance_mcp.settings import Settings
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)


class PriceLists(Mapping[str, UnitPrice]):
    """The known prices besides the models' rows: `Prices` that change as price lists arrive."""

    def __init__(self, settings: Settings, web: Web, timing: Timing) -> None:
        self._own = settings.prices
        self._price_lists: dict[str, _PriceList] = {}
        self._group: TaskGroup | None = None
        for vendor in settings.vendors:
            # No price list is needed where the operator states a price for every model.
            if vendor.price_list and not all(self._fully_stated(m.id) for m in vendor.models):
                path = settings.state_dir / f"price-list-{vendor.slug}.json"
                self._price_lists[vendor.slug] = _PriceList(vendor, vendor.price_list, web, path, timing)
        listed = (m.id for v in settings.vendors if v.slug in self._price_lists for m in v.models)
        self._names = dict.fromkeys([*self._own, *listed])

    @asynccontextmanager
    async def renewed(self, group: TaskGroup) -> AsyncGenerator[None]:
        """Request price lists in tasks of `group` while the block runs."""
        self._group = group
        try:
            yield
        finally:
            self._group = None

    async def ready(self, model: object = None) -> None:
        """Request the price list of one model's vendor, or (None) of all vendors, where there is no recent copy.

        Waits for a requested copy, for at most 2 s after the request.
        """
        vendor = None if model is None else str(model).partition("/")[0]
        needed = [price_list for slug, price_list in self._price_lists.items() if vendor in {None, slug}]
        for price_list in needed:
            if self._group is not None and price_list.due():
                self._group.start_soon(price_list.renew)
        for price_list in needed:
            await price_list.wait_for_copy()

    def _stated(self, name: str) -> tuple[UnitPrice, UnitPrice]:
        """Return the operator's entries for a model and its vendor; a model without one has its vendor's."""
        whole = self._own.get(name.partition("/")[0], UnitPrice())
        return self._own.get(name, whole), whole

    def _fully_stated(self, name: str) -> bool:
        return any(entry.rates for entry in self._stated(name))

    def __getitem__(self, name: str) -> UnitPrice:
        vendor, _, model = name.partition("/")
        if vendor not in self._price_lists or not model:
            return self._own[name]
        own = self._stated(name)[0]
        listed = self._price_lists[vendor].entry(model)
        if self._fully_stated(name) or (listed.rates and not self._can_be_combined(name, listed)):
            return own
        return replace(listed, usd_per_unit=own.usd_per_unit) if listed.rates else replace(own, source=listed.source)

    def _can_be_combined(self, name: str, listed: UnitPrice) -> bool:
        """Whether the operator's entries and a listed one have the same unit, so that they can be combined."""
        return all(e.per in {None, listed.per} and e.unit in {None, listed.unit} for e in self._stated(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A price list as it was at some time."""

    prices: Mapping[str, UnitPrice]
    asked_at: float
    day: str


class _PriceList:
    """One vendor's public price list: the current copy, and its renewal."""

    def __init__(
        self, vendor: Vendor, query: Query[Mapping[str, UnitPrice]], web: Web, path: Path, timing: Timing
    ) -> None:
        self._vendor, self._query, self._web, self._path = vendor, query, web, path
        self._timing, self._now = timing.price_lists, timing.clock
        self._url = web.url(vendor, query.call)
        self._copy: _Copy | None = None
        self._arrived = anyio.Event()
        self._under_way = False
        self._not_before = self._wait_until = float("-inf")

    def entry(self, model: str) -> UnitPrice:
        """Return the listed price of a model, with its source; without rates, the source says why."""
        copy = self._copy
        if copy is None:
            return UnitPrice(source="its price list is not available")
        source = f"price list of {copy.day}" + ("" if self._fresh(copy) else ", over a day old")
        listed = copy.prices.get(model)
        return replace(listed, source=source) if listed else UnitPrice(source=f"not in its {source}")

    def _fresh(self, copy: _Copy | None) -> bool:
        return copy is not None and 0 <= self._now() - copy.asked_at < self._timing.lifetime

    def due(self) -> bool:
        """Whether to renew it now; a caller that gets True must call `renew`."""
        if self._fresh(self._copy) or self._under_way or time.monotonic() < self._not_before:
            return False
        self._under_way, self._arrived = True, anyio.Event()
        self._wait_until = time.monotonic() + self._timing.first_wait
        return True

    async def wait_for_copy(self) -> None:
        """Wait for a requested copy, for a limited time: with an old price, a cap could be exceeded."""
        if self._under_way and not self._fresh(self._copy):
            with anyio.move_on_after(max(0.0, self._wait_until - time.monotonic())):
                await self._arrived.wait()

    async def renew(self) -> None:
        """Read the copy that another process stored, and request a new one unless it is recent. Never raises."""
        try:
            stored = await to_thread.run_sync(self._read)
            if stored and (self._copy is None or stored.asked_at > self._copy.asked_at):
                self._copy = stored
            if not self._fresh(self._copy):
                self._not_before = time.monotonic() + self._timing.retry_after
                await self._ask()
        except SeedanceError as error:
            log.warning("the price list of %s could not be read: %s", self._vendor.name, error.sentence)
        except Exception:
            log.exception("reading the price list of %s failed", self._vendor.name)  # the server must go on
        finally:
            self._under_way = False
            self._arrived.set()

    async def _ask(self) -> None:
        answer = await self._web.call(self._vendor, self._query.call)
        refusal = self._vendor.parse_error(answer)
        if refusal or answer.status >= HTTPStatus.BAD_REQUEST:
            raise UnexpectedAnswer(f"{self._vendor.name} refused to show it (HTTP {answer.status}).")
        asked_at = self._now()
        copy = self._parse(answer.body, asked_at)
        if not copy.prices:
            raise UnexpectedAnswer(f"{self._vendor.name} lists no price in it.")
        self._copy = copy
        self._arrived.set()
        stored = json.dumps({"url": self._url, "asked_at": asked_at, "answer": answer.body})
        with anyio.CancelScope(shield=True):  # the answer is stored even if the server is stopping
            await to_thread.run_sync(self._write, stored)

    def _parse(self, body: Any, asked_at: float) -> _Copy:
        day = time.strftime("%Y-%m-%d", time.gmtime(asked_at))
        return _Copy(self._query.read(Answer(HTTPStatus.OK, body)), asked_at, day)

    def _read(self) -> _Copy | None:
        """Return the stored answer; None if there is none, it came from another address, or it cannot be read."""
        try:
            stored = json.loads(self._path.read_bytes())
            return self._parse(stored["answer"], float(stored["asked_at"])) if stored["url"] == self._url else None
        except FileNotFoundError:
            return None
        except (SeedanceError, OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            log.warning("%s cannot be used (%s), so it is requested again", self._path, type(error).__name__)
            return None

    def _write(self, stored: str) -> None:
        """Replace the file atomically, because other processes read it; without it, they request it themselves."""
        part = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.touch(mode=0o600, exist_ok=False)
            part.write_text(stored, encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be written (%s)", self._path, error.strerror or type(error).__name__)
            with suppress(OSError):
                part.unlink(missing_ok=True)
