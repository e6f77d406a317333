"""The price book in force: what the operator says, then what vendors' public catalogues list, then the models' rows.

A catalogue is asked for when a call first concerns its vendor, in the background, and the answer is kept in the state
folder for the next process. Nothing depends on it but prices: without it they are not known.
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

    from seedance_mcp.settings import Settings
    from seedance_mcp.web import Web

log = logging.getLogger(__name__)

GOOD_FOR = 86_400.0
"""Seconds for which a copy is not asked for again."""
AGAIN_AFTER = 600.0
"""Seconds after which a catalogue that could not be had is asked for again."""
FIRST_WAIT = 2.0
"""Seconds that calls wait at most for a fresh copy: a quote would have an old price without it, or none."""


class PriceLists(Mapping[str, UnitPrice]):
    """What is known of prices besides the models' rows: a `PriceBook` that changes as catalogues come in."""

    def __init__(self, settings: Settings, web: Web) -> None:
        self._own = settings.prices
        self._price_lists: dict[str, _PriceList] = {}
        self._group: TaskGroup | None = None
        for vendor in settings.vendors:
            # Nobody is asked for what the operator has settled for every model.
            if vendor.price_list and not all(self._settled(m.id) for m in vendor.models):
                path = settings.state_dir / f"catalogue-{vendor.slug}.json"
                self._price_lists[vendor.slug] = _PriceList(vendor, vendor.price_list, web, path)
        listed = (m.id for v in settings.vendors if v.slug in self._price_lists for m in v.models)
        self._names = dict.fromkeys([*self._own, *listed])

    @asynccontextmanager
    async def renewed(self, group: TaskGroup) -> AsyncGenerator[None]:
        """Ask for catalogues in tasks of a group while the block runs; otherwise all stays as it is."""
        self._group = group
        try:
            yield
        finally:
            self._group = None

    async def ready(self, model: object = None) -> None:
        """See to it that the catalogues are at hand which a call needs: of one model's vendor, or (None) of all.

        Waits only where there is no fresh copy, until `FIRST_WAIT` seconds after it was asked for at most.
        """
        vendor = None if model is None else str(model).partition("/")[0]
        needed = [price_list for slug, price_list in self._price_lists.items() if vendor in {None, slug}]
        for price_list in needed:
            if self._group is not None and price_list.due():
                self._group.start_soon(price_list.renew)
        for price_list in needed:
            await price_list.at_hand()

    def _said(self, name: str) -> tuple[UnitPrice, UnitPrice]:
        """What the operator says of a model and of all its vendor's; for a model without an entry they are the same."""
        whole = self._own.get(name.partition("/")[0], UnitPrice())
        return self._own.get(name, whole), whole

    def _settled(self, name: str) -> bool:
        return any(entry.rates for entry in self._said(name))

    def __getitem__(self, name: str) -> UnitPrice:
        vendor, _, model = name.partition("/")
        if vendor not in self._price_lists or not model:
            return self._own[name]
        own = self._said(name)[0]
        listed = self._price_lists[vendor].entry(model)
        if self._settled(name) or (listed.rates and not self._agrees(name, listed)):
            return own
        return replace(listed, usd_per_unit=own.usd_per_unit) if listed.rates else replace(own, source=listed.source)

    def _agrees(self, name: str, listed: UnitPrice) -> bool:
        """Whether an entry can be filled up: half of one price and half of another is a price that nobody has said."""
        return all(e.per in {None, listed.per} and e.unit in {None, listed.unit} for e in self._said(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A catalogue as it was at a moment."""

    prices: Mapping[str, UnitPrice]
    asked_at: float
    day: str

    @property
    def fresh(self) -> bool:
        return 0 <= time.time() - self.asked_at < GOOD_FOR


class _PriceList:
    """One vendor's public catalogue: the copy at hand, and how it is renewed."""

    def __init__(self, vendor: Vendor, question: Query[Mapping[str, UnitPrice]], web: Web, path: Path) -> None:
        self._vendor, self._question, self._web, self._path = vendor, question, web, path
        self._url = web.url(vendor, question.call)
        self._copy: _Copy | None = None
        self._arrived = anyio.Event()
        self._under_way = False
        self._not_before = self._wait_until = float("-inf")

    def entry(self, model: str) -> UnitPrice:
        """What it lists for a model, and where that is from; without rates, why there are none."""
        copy = self._copy
        if copy is None:
            return UnitPrice(source="its catalogue is not at hand")
        source = f"catalogue of {copy.day}" + ("" if copy.fresh else ", over a day old")
        listed = copy.prices.get(model)
        return replace(listed, source=source) if listed else UnitPrice(source=f"not in its {source}")

    def due(self) -> bool:
        """Whether to renew it now; whoever is told so has to."""
        if (self._copy and self._copy.fresh) or self._under_way or time.monotonic() < self._not_before:
            return False
        self._under_way, self._arrived = True, anyio.Event()
        self._wait_until = time.monotonic() + FIRST_WAIT
        return True

    async def at_hand(self) -> None:
        """Wait for a fresh copy, if one is on its way, up to the bound: an old price would let more through a cap."""
        if self._under_way and not (self._copy and self._copy.fresh):
            with anyio.move_on_after(max(0.0, self._wait_until - time.monotonic())):
                await self._arrived.wait()

    async def renew(self) -> None:
        """Take the copy that another process has kept, and ask the vendor unless it is fresh. Never raises."""
        try:
            kept = await to_thread.run_sync(self._read)
            if kept and (self._copy is None or kept.asked_at > self._copy.asked_at):
                self._copy = kept
            if self._copy is None or not self._copy.fresh:
                self._not_before = time.monotonic() + AGAIN_AFTER
                await self._ask()
        except SeedanceError as error:
            log.warning("the catalogue of %s could not be read: %s", self._vendor.name, error.sentence)
        except Exception:
            log.exception("reading the catalogue of %s failed", self._vendor.name)  # no reason to end the server
        finally:
            self._under_way = False
            self._arrived.set()

    async def _ask(self) -> None:
        answer = await self._web.call(self._vendor, self._question.call)
        refusal = self._vendor.parse_error(answer)
        if refusal or answer.status >= HTTPStatus.BAD_REQUEST:
            raise UnexpectedAnswer(f"{self._vendor.name} refused to show it (HTTP {answer.status}).")
        asked_at = time.time()
        copy = self._understood(answer.body, asked_at)
        if not copy.prices:
            raise UnexpectedAnswer(f"{self._vendor.name} lists no price in it.")
        self._copy = copy
        self._arrived.set()
        kept = json.dumps({"url": self._url, "asked_at": asked_at, "answer": answer.body})
        with anyio.CancelScope(shield=True):  # what was asked for is kept, also where the server stops just now
            await to_thread.run_sync(self._write, kept)

    def _understood(self, body: Any, asked_at: float) -> _Copy:
        day = time.strftime("%Y-%m-%d", time.gmtime(asked_at))
        return _Copy(self._question.read(Answer(HTTPStatus.OK, body)), asked_at, day)

    def _read(self) -> _Copy | None:
        """Read the kept answer as if it came now; one of another address, or that cannot be read, is none."""
        try:
            kept = json.loads(self._path.read_bytes())
            return self._understood(kept["answer"], float(kept["asked_at"])) if kept["url"] == self._url else None
        except FileNotFoundError:
            return None
        except (SeedanceError, OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
            log.warning("%s cannot be used (%s), so it is asked for again", self._path, type(error).__name__)
            return None

    def _write(self, kept: str) -> None:
        """Replace the file at once, for other processes read it; without it they ask for themselves."""
        part = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part.touch(mode=0o600, exist_ok=False)
            part.write_text(kept, encoding="utf-8")
            part.replace(self._path)
        except OSError as error:
            log.warning("%s cannot be written (%s)", self._path, error.strerror or type(error).__name__)
            with suppress(OSError):
                part.unlink(missing_ok=True)
