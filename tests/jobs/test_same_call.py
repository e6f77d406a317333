"""The same call is one job, whichever model is chosen for it: what counts is what the caller asked for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedance_mcp.catalog.order import Order
from seedance_mcp.catalog.price import Prices
from seedance_mcp.errors import InvalidRequest, KeyReused
from seedance_mcp.jobs.journal.budget import Caps
from seedance_mcp.jobs.journal.model import Admission, NewJob, new_id
from seedance_mcp.jobs.journal.sqlite import SqliteJournal
from seedance_mcp.jobs.quote import Quote, make_quote
from seedance_mcp.jobs.service import JobService
from seedance_mcp.media.inspector import Inspector
from seedance_mcp.sandbox import Sandbox
from seedance_mcp.settings import Settings, load
from seedance_mcp.uploads.inputs import Inputs, inspect_files
from tests.catalog.any_request import MODELS, SLUGS, price_settings, requests
from tests.jobs.services import finish, sandbox_service, vendor_settings
from tests.uploads.samples import image

SLOW = "a fox. sandbox: slow 3600"
LOST = "a fox. sandbox: lose-answer"
CHEAP_OPE = '{"ope/seedance-2-0": {"per": "video", "unit": "USD", "rates": 0.01}}'


async def create(service: JobService, prompt: str, **arguments: Any) -> Admission:
    return await service.create(await service.quote(Order.parse({"prompt": prompt, **arguments})))


# -- between two equal calls --------------------------------------------------------------------------------------


@pytest.mark.anyio
@pytest.mark.parametrize(("prompt", "state"), [(SLOW, "submitted"), (LOST, "unknown")])
async def test_a_price_that_becomes_known_does_not_make_a_second_job(tmp_path: Path, prompt: str, state: str) -> None:
    sandbox = Sandbox(pace=0)
    async with sandbox_service(tmp_path, sandbox) as service:
        first = await create(service, prompt)
    assert first.job.state == state
    async with sandbox_service(tmp_path, sandbox, SEEDANCE_PRICES=CHEAP_OPE) as service:
        quote = await service.quote(Order.parse({"prompt": prompt}))
        assert quote.model.id == "ope/seedance-2-0" != first.job.model
        again = await service.create(quote)
        assert (again.duplicate, again.job.id) == (True, first.job.id)
        paid = await create(service, prompt, allow_duplicate=True)
        assert (paid.duplicate, paid.job.model) == (False, "ope/seedance-2-0")
    assert len(sandbox.tasks) == 2


@pytest.mark.anyio
async def test_two_servers_with_different_keys_make_one_job_of_the_same_call(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with (
        sandbox_service(tmp_path, sandbox, SEEDANCE_SANDBOX="0", SEEDANCE_SEEDANCEAPI_API_KEY="key") as one,
        sandbox_service(tmp_path, sandbox, SEEDANCE_SANDBOX="0", SEEDANCE_OPE_API_KEY="key") as other,
    ):
        first = await create(one, SLOW, duration=5)
        second = await create(other, SLOW, duration=5.0)
        assert first.job.model.startswith("seedanceapi/")
        assert (second.duplicate, second.job.id) == (True, first.job.id)
    assert len(sandbox.tasks) == 1


@pytest.mark.anyio
async def test_a_request_key_belongs_to_the_call_and_not_to_the_model_that_was_chosen(tmp_path: Path) -> None:
    sandbox = Sandbox(pace=0)
    async with sandbox_service(tmp_path, sandbox) as service:
        first = await create(service, "a fox", request_key="k")
        await finish(service, first.job.id)
    async with sandbox_service(tmp_path, sandbox, SEEDANCE_PRICES=CHEAP_OPE) as service:
        again = await create(service, "a fox", request_key="k", max_cost=5)
        assert (again.duplicate, again.job.id) == (True, first.job.id)
        with pytest.raises(KeyReused):
            await create(service, "a hare", request_key="k")
    assert len(sandbox.tasks) == 1


@pytest.mark.anyio
async def test_the_same_request_is_one_job_even_if_its_model_is_named_the_second_time(tmp_path: Path) -> None:
    async with sandbox_service(tmp_path) as service:
        first = await create(service, SLOW, duration=5)
        again = await create(service, SLOW, duration=5, model=first.job.model)
        assert (again.duplicate, again.job.id) == (True, first.job.id)


# -- what was asked for -------------------------------------------------------------------------------------------


def quoted(folder: Path, **arguments: Any) -> Quote:
    loaded = vendor_settings(folder)
    return make_quote(loaded, Order.parse({"prompt": "a fox", **arguments}), Inputs(), loaded.prices)


def test_controls_and_the_way_a_number_is_written_are_not_part_of_what_was_asked(tmp_path: Path) -> None:
    first = quoted(tmp_path, duration=5)
    controls: dict[str, Any] = {"max_cost": 5, "request_key": "key", "allow_duplicate": True, "dry_run": True}
    assert quoted(tmp_path, duration=5.0, **controls).asked_hash == first.asked_hash
    changes: list[dict[str, Any]] = [
        {"duration": 10}, {"prompt": "a hare"}, {"resolution": "720p"}, {"model": first.model.id}
    ]  # fmt: skip
    hashes = [quoted(tmp_path, **{"duration": 5} | change).asked_hash for change in changes]
    assert len({first.asked_hash, *hashes}) == 5


@pytest.mark.anyio
async def test_a_local_file_counts_by_its_content(tmp_path: Path) -> None:
    names = ("a.png", "b.png")
    png = image()
    loaded = vendor_settings(tmp_path, SEEDANCE_MEDIA_ROOTS=str(tmp_path))

    async def asked(name: str, content: bytes) -> dict[str, Any]:
        path = tmp_path / name
        path.write_bytes(content)
        args = {"prompt": "a fox", "reference_images": [str(path)]}
        return (await inspect_files(args, loaded, Inspector())).asked(args)

    same, other = [await asked(name, png) for name in names], await asked(names[0], png + b"1")
    assert same[0] == same[1] != other
    assert str(tmp_path) not in str(same)


# -- whatever happens between -------------------------------------------------------------------------------------


@cache
def configured(slugs: tuple[str, ...]) -> Settings:
    keys = {"12ai": "TWELVEAI"}
    return load({f"SEEDANCE_{keys.get(slug, slug.upper())}_API_KEY": "key" for slug in slugs})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[tuple[asyncio.Runner, SqliteJournal]]:
    with asyncio.Runner() as runner, closing(SqliteJournal(tmp_path)) as opened:
        yield runner, opened


configurations = st.lists(st.sampled_from(SLUGS), min_size=1, unique=True).map(sorted).map(tuple)
STATES = (None, "submitting", "submitted", "running", "unknown")
keys = itertools.count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests(),
    st.none() | st.sampled_from(MODELS).map(lambda m: m.id),
    st.tuples(configurations, price_settings()),
    st.tuples(configurations, price_settings()),
    st.sampled_from(STATES),
    st.booleans(),
)
def test_two_equal_calls_never_make_two_jobs_whatever_happens_between_them(
    journal: tuple[asyncio.Runner, SqliteJournal],
    args: dict[str, Any],
    model: str | None,
    before: tuple[tuple[str, ...], Prices],
    after: tuple[tuple[str, ...], Prices],
    state: str | None,
    with_key: bool,
) -> None:
    runner, opened = journal
    order = Order.parse(args | ({} if model is None else {"model": model}))
    try:
        quotes = [make_quote(configured(slugs), order, Inputs(), prices) for slugs, prices in (before, after)]
    except InvalidRequest:
        return
    key = f"key {next(keys)}" if with_key else None

    def admit(quote: Quote, *, allow_duplicate: bool = False) -> Admission:
        new = NewJob(
            new_id(), quote.vendor.slug, quote.model.id, quote.request.fields(), quote.fingerprint, "owner",
            quote.price.usd_micros, quote.price.as_json(), "account", None, key if not allow_duplicate else None,
            allow_duplicate, quote.asked_hash,
        )  # fmt: skip
        return runner.run(opened.admit(new, Caps()))

    first = admit(quotes[0])
    assert not first.duplicate
    if state:
        runner.run(opened.move(first.job.id, state, when=("submitting",)))
    again = admit(quotes[1])
    assert (again.duplicate, again.job.id) == (True, first.job.id)
    paid = admit(quotes[1], allow_duplicate=True)
    assert not paid.duplicate
    assert paid.job.reserved == (quotes[1].price.usd_micros or 0)
    for job in (first.job, paid.job):
        runner.run(opened.move(job.id, "rejected", when=("intent", *filter(None, STATES)), reserved=0))
