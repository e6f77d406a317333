"""The user's bucket, for vendors without an upload: one upload, links for a day, and no secret in any message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from obstore.store import MemoryStore

from seedance_mcp.jobs.timing import ReconcileTiming
from seedance_mcp.uploads.bucket import Bucket
from seedance_mcp.uploads.local_files import UnusableFile, find
from tests.uploads.samples import image
from tests.uploads.sessions import MINI, upload_cache, upload_timing, with_photos

pytestmark = pytest.mark.anyio

URL = "s3://videos/in?region=eu-central-1"
REFERENCE = "aigptimage/seedance-2.0-reference-to-video"


class Store:
    """A store in memory that records the requests for signed links."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory = MemoryStore()
        self.signed: list[tuple[str, str, timedelta]] = []
        monkeypatch.setattr(Bucket, "open", lambda _: self.memory)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  (a lambda has no types)
        monkeypatch.setattr(obstore, "sign", self.sign)

    def sign(self, store: object, method: str, path: str, expires_in: timedelta) -> str:
        self.signed.append((method, path, expires_in))
        return f"https://videos.example.com/in/{path}?X-Amz-Signature=n{len(self.signed)}"

    @property
    def files(self) -> dict[str, bytes]:
        untyped: Any = obstore
        listed = untyped.list(self.memory).collect()
        return {item["path"]: bytes(obstore.get(self.memory, item["path"]).bytes()) for item in listed}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(monkeypatch)


@pytest.mark.parametrize(
    "model", ["ope/seedance-2-0", "seedanceapi/seedance-2.0", "12ai/seedance-2-official", REFERENCE]
)
async def test_a_vendor_without_an_upload_gets_a_signed_link(
    tmp_path: Path, photos: Path, era: str, store: Store, model: str
) -> None:
    async with with_photos(tmp_path, era, SEEDANCE_UPLOAD_URL=URL) as session:
        done = await session.video(model=model, reference_images=["fox.png"], duration=5)
        (task,) = session.sandbox.tasks.values()
    assert done["state"] == "succeeded"
    ((name, content),) = store.files.items()
    assert content == image()
    assert name.endswith(".png")
    assert store.signed == [("GET", name, timedelta(hours=24))]
    assert f"https://videos.example.com/in/{name}?X-Amz-Signature=n1" in str(task.body)
    assert "local.invalid" not in str(task.body)


async def test_one_upload_serves_all_vendors_until_its_link_has_to_be_renewed(
    tmp_path: Path, photos: Path, store: Store
) -> None:
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        await session.create("one", model="ope/seedance-2-0", first_frame="fox.png")
        await session.create("two", model="12ai/seedance-2-official", first_frame="fox.png")
        assert len(store.signed) == 1
        with upload_cache(tmp_path) as db:
            (renew_at,) = db.execute("SELECT renew_at FROM links").fetchone()
            assert renew_at - time.time() == pytest.approx(16 * 3600, abs=60)
            db.execute("UPDATE links SET renew_at = 0, expires_at = 1")
        await session.create("three", model="ope/seedance-2-0", first_frame="fox.png")
        assert len(store.signed) == 2
        assert len(store.files) == 1


async def test_the_vendors_own_upload_comes_first(tmp_path: Path, photos: Path, store: Store) -> None:
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        await session.create(model=MINI, first_frame="fox.png")
    assert store.files == {}


async def test_a_large_file_goes_to_the_bucket_in_parts_and_only_if_it_is_still_the_same(
    photos: Path, store: Store
) -> None:
    content = image() + bytes(12 * 1024 * 1024)
    (photos / "large.png").write_bytes(content)
    file = find("large.png", [photos])
    assert (await Bucket(URL).put(file)).startswith("https://videos.example.com/in/")
    assert store.files == {f"{file.sha256}.png": content}
    (photos / "large.png").write_bytes(content + b"x")
    with pytest.raises(UnusableFile, match=r"large\.png was changed after it was checked"):
        await Bucket(URL).put(file)


async def test_a_large_file_is_never_in_memory_as_a_whole(
    photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    original = obstore.put

    def put(memory: MemoryStore, name: str, data: Iterator[bytes], **options: Any) -> object:
        blocks = list(data)
        sizes.extend(map(len, blocks))
        return original(memory, name, blocks, **options)

    monkeypatch.setattr(obstore, "put", put)
    (photos / "large.png").write_bytes(image() + bytes(6 * 1024 * 1024))
    await Bucket(URL).put(find("large.png", [photos]))
    assert max(sizes) <= 1024 * 1024


RECONCILE_ON_CHECK = upload_timing(reconcile=ReconcileTiming(pauses=(), fresh=0.0))
"""An unknown job is reconciled by check_video alone, and at once."""


async def test_an_unknown_job_is_reconciled_with_the_link_that_was_sent(
    tmp_path: Path, photos: Path, store: Store
) -> None:
    async with with_photos(tmp_path, timing=RECONCILE_ON_CHECK, SEEDANCE_UPLOAD_URL=URL) as session:
        created = await session.create("sandbox: lose-answer 1", model=REFERENCE, reference_images=["fox.png"])
        assert created["state"] == "unknown"
        done = await session.finish(created["job_id"])
        assert done["state"] == "succeeded"
        assert session.charge_count == 1
        assert len(store.signed) == 1


async def test_an_unknown_job_whose_link_is_no_longer_known_stays_unknown(
    tmp_path: Path, photos: Path, store: Store
) -> None:
    async with with_photos(tmp_path, timing=RECONCILE_ON_CHECK, SEEDANCE_UPLOAD_URL=URL) as session:
        created = await session.create("sandbox: lose-answer 1", model=REFERENCE, reference_images=["fox.png"])
        with upload_cache(tmp_path) as db:
            db.execute("DELETE FROM links")
        fields = (await session.call("check_video", job_id=created["job_id"])).fields
        assert fields["state"] == "unknown"
        assert session.charge_count == 1


async def test_a_refusal_by_the_bucket_costs_nothing_and_reveals_no_link(
    tmp_path: Path, photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(
            "403 Forbidden at https://videos.example.com/x?X-Amz-Signature=topsecret\nDebug source: topsecret"
        )

    monkeypatch.setattr(obstore, "put", refuse)
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        refusal = await session.refused(model="ope/seedance-2-0", first_frame="fox.png")
        assert session.sandbox.tasks == {}
    assert refusal.startswith(
        "setting: The bucket in SEEDANCE_UPLOAD_URL did not accept a file (OSError: 403 Forbidden at"
    )
    assert "AWS_ACCESS_KEY_ID" in refusal
    assert "topsecret" not in refusal
    assert "https://" not in refusal


async def test_a_link_that_is_not_https_is_not_sent(
    tmp_path: Path, photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obstore, "sign", lambda *_: "http://videos.example.com/x")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]  (a lambda has no types)
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        assert "returns links that do not begin with https://" in await session.refused(
            model="ope/seedance-2-0", first_frame="fox.png"
        )
        assert session.sandbox.tasks == {}


@pytest.mark.parametrize(
    ("url", "environment", "host", "path"),
    [
        ("s3://videos/in", {"AWS_REGION": "eu-central-1"}, "s3.eu-central-1.amazonaws.com", "/videos/in/x.png"),
        (URL, {}, "s3.eu-central-1.amazonaws.com", "/videos/in/x.png"),
        ("s3://videos?region=auto&endpoint=https://r2.example.com", {}, "r2.example.com", "/videos/x.png"),
        (
            "s3://videos/in?region=us-east-1&virtual_hosted_style_request=true", {},
            "videos.s3.us-east-1.amazonaws.com", "/in/x.png",
        ),
        ("az://videos/in", {}, "acc.blob.core.windows.net", "/videos/in/x.png"),
        ("az://videos?account_name=other", {}, "other.blob.core.windows.net", "/videos/x.png"),
    ],
)  # fmt: skip
def test_real_stores_sign_with_the_credentials_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], host: str, path: str
) -> None:
    """Signing needs no network."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "topsecret",
        "AZURE_STORAGE_ACCOUNT_NAME": "acc", "AZURE_STORAGE_ACCOUNT_KEY": "dG9wc2VjcmV0",
    }  # fmt: skip
    for name, value in (credentials | environment).items():
        monkeypatch.setenv(name, value)
    store: Any = Bucket(url).open()
    link = urlsplit(str(obstore.sign(store, "GET", "x.png", timedelta(hours=24))))
    assert (link.scheme, link.hostname, link.path) == ("https", host, path)
    assert "topsecret" not in link.query
    assert parse_qs(link.query).get("X-Amz-Expires", ["86400"]) == ["86400"]
