"""A package that adds a vendor can add its fake as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from seedance_mcp.sandbox import Sandbox, fakes, known_fakes
from seedance_mcp.sandbox.fakes.ope import FAKE
from seedance_mcp.vendors import Answer
from tests.sandbox.sandbox_client import ORIGIN, SLUGS, SandboxClient, sandbox_client

pytestmark = pytest.mark.anyio


@dataclass
class _EntryPoint:
    """The parts of an entry point that the registry uses."""

    value: object
    name: str = "example"

    def load(self) -> object:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture(autouse=True)
def _empty_registry() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]  (pytest uses it)
    known_fakes.cache_clear()
    yield
    known_fakes.cache_clear()


def _install(monkeypatch: pytest.MonkeyPatch, value: object) -> None:
    def entry_points(group: str) -> list[_EntryPoint]:
        return [_EntryPoint(value)] if group == "seedance_mcp.sandbox" else []

    monkeypatch.setattr(fakes, "entry_points", entry_points)


async def test_another_package_can_add_a_fake(monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = replace(FAKE.vendor, slug="example", base_url="https://api.example.com/base/v9")
    _install(monkeypatch, replace(FAKE, vendor=vendor))
    async with sandbox_client("ope", Sandbox(pace=0)) as ope:
        client = SandboxClient("ope", ope.http, ope.sandbox.base_url("example", ORIGIN), ope.sandbox)
        response = await client.send(client.build_submit())
        assert client.base_url == f"{ORIGIN}/example/base/v9"
        task_id = vendor.parse_submit(Answer(200, response.json())).task_id
        assert (await client.poll(task_id)).state == "succeeded"
        assert ope.refusal(await ope.send(vendor.build_status(task_id))) is not None
    assert [charge.slug for charge in ope.sandbox.charges] == ["example"]


def test_our_own_fakes_cannot_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, replace(FAKE, id_style="evil-{5}"))
    assert known_fakes()["ope"] is FAKE


def test_what_is_not_a_fake_is_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _install(monkeypatch, "not a fake")
    assert set(known_fakes()) == set(SLUGS)
    assert "the entry point example names a str, not a Fake" in caplog.text


def test_a_fake_that_cannot_be_loaded_is_left_out_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _install(monkeypatch, ImportError("its package is broken"))
    assert set(known_fakes()) == set(SLUGS)
    assert "the fake example could not be loaded and is left out" in caplog.text
