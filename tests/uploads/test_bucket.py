"""A bucket of the user's, for vendors without an upload: put there once, linked for a day, and never a secret told."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import obstore
import pytest
from obstore.store import MemoryStore

from seedance_mcp.errors import SettingError
from seedance_mcp.jobs import reconcile
from seedance_mcp.settings import load
from seedance_mcp.uploads.bucket import CREDENTIALS, Bucket, problem
from tests.uploads.samples import image
from tests.uploads.test_uploader import handed_over, with_photos

pytestmark = pytest.mark.anyio

URL = "s3://films/in?region=eu-central-1"
REFERENCE = "aigptimage/seedance-2.0-reference-to-video"


class Store:
    """A store in memory, whose links say what was asked of the signing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory = MemoryStore()
        self.signed: list[tuple[str, str, timedelta]] = []
        monkeypatch.setattr(Bucket, "open", lambda bucket: self.memory)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        monkeypatch.setattr(obstore, "sign", self.sign)

    def sign(self, store: object, method: str, path: str, expires_in: timedelta) -> str:
        self.signed.append((method, path, expires_in))
        return f"https://films.example.com/in/{path}?X-Amz-Signature=n{len(self.signed)}"

    @property
    def kept(self) -> dict[str, bytes]:
        everything: Any = obstore
        listed = everything.list(self.memory).collect()
        return {item["path"]: bytes(obstore.get(self.memory, item["path"]).bytes()) for item in listed}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(monkeypatch)


@pytest.mark.parametrize(
    "model", ["ope/seedance-2-0", "seedanceapi/seedance-2.0", "12ai/seedance-2-official", REFERENCE]
)
async def test_vendors_without_an_upload_get_a_signed_link(
    tmp_path: Path, photos: Path, era: str, store: Store, model: str
) -> None:
    async with with_photos(tmp_path, era, SEEDANCE_UPLOAD_URL=URL) as session:
        done = await session.video(model=model, reference_images=["fox.png"], duration=5)
        (task,) = session.sandbox.tasks.values()
    assert done["state"] == "succeeded"
    ((name, content),) = store.kept.items()
    assert content == image()
    assert name.endswith(".png")
    assert store.signed == [("GET", name, timedelta(hours=24))]
    assert f"https://films.example.com/in/{name}?X-Amz-Signature=n1" in str(task.body)
    assert "local.invalid" not in str(task.body)


async def test_one_upload_serves_all_vendors_until_its_link_grows_old(
    tmp_path: Path, photos: Path, store: Store
) -> None:
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        await session.create("one", model="ope/seedance-2-0", first_frame="fox.png")
        await session.create("two", model="12ai/seedance-2-official", first_frame="fox.png")
        assert len(store.signed) == 1
        with handed_over(tmp_path) as db:
            (renew_at,) = db.execute("SELECT renew_at FROM links").fetchone()
            assert renew_at - time.time() == pytest.approx(16 * 3600, abs=60)
            db.execute("UPDATE links SET renew_at = 0, expires_at = 1")
        await session.create("three", model="ope/seedance-2-0", first_frame="fox.png")
        assert len(store.signed) == 2
        assert len(store.kept) == 1


async def test_the_vendors_own_upload_comes_first(tmp_path: Path, photos: Path, store: Store) -> None:
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        await session.create(model="jimmyai/seedance2.0-mini", first_frame="fox.png")
    assert store.kept == {}


async def test_an_unknown_job_is_asked_about_with_the_link_it_was_sent_with(
    tmp_path: Path, photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_REST", 0.0)
    monkeypatch.setattr(reconcile, "PAUSES", ())
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        begun = await session.create("sandbox: lose-answer 1", model=REFERENCE, reference_images=["fox.png"])
        assert begun["state"] == "unknown"
        done = await session.end(begun["job_id"])
        assert done["state"] == "succeeded"
        assert session.charge_count == 1
        assert len(store.signed) == 1


async def test_an_unknown_job_whose_link_is_forgotten_stays_unknown(
    tmp_path: Path, photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_REST", 0.0)
    monkeypatch.setattr(reconcile, "PAUSES", ())
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        begun = await session.create("sandbox: lose-answer 1", model=REFERENCE, reference_images=["fox.png"])
        with handed_over(tmp_path) as db:
            db.execute("DELETE FROM links")
        fields = (await session.call("check_video", job_id=begun["job_id"])).fields
        assert fields["state"] == "unknown"
        assert session.charge_count == 1


async def test_what_the_bucket_refuses_costs_nothing_and_tells_no_link(
    tmp_path: Path, photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("403 Forbidden at https://films.example.com/x?X-Amz-Signature=topsecret\nDebug source: topsecret")

    monkeypatch.setattr(obstore, "put", refuse)
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        said = await session.refused(model="ope/seedance-2-0", first_frame="fox.png")
        assert session.sandbox.tasks == {}
    assert said.startswith("setting: The bucket of SEEDANCE_UPLOAD_URL did not take a file (OSError: 403 Forbidden at")
    assert "AWS_ACCESS_KEY_ID" in said
    assert "topsecret" not in said
    assert "https://" not in said


async def test_a_link_that_is_not_https_is_not_given_out(
    tmp_path: Path, photos: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obstore, "sign", lambda *_: "http://films.example.com/x")  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    async with with_photos(tmp_path, SEEDANCE_UPLOAD_URL=URL) as session:
        assert "gives links that are not https" in await session.refused(
            model="ope/seedance-2-0", first_frame="fox.png"
        )
        assert session.sandbox.tasks == {}


@pytest.mark.parametrize(
    ("url", "environment", "host", "path"),
    [
        ("s3://films/in", {"AWS_REGION": "eu-central-1"}, "s3.eu-central-1.amazonaws.com", "/videos/in/x.png"),
        (URL, {}, "s3.eu-central-1.amazonaws.com", "/videos/in/x.png"),
        ("s3://films?region=auto&endpoint=https://r2.example.com", {}, "r2.example.com", "/videos/x.png"),
        (
            "s3://films/in?region=us-east-1&virtual_hosted_style_request=true", {},
            "films.s3.us-east-1.amazonaws.com", "/in/x.png",
        ),
        ("az://films/in", {}, "acc.blob.core.windows.net", "/videos/in/x.png"),
        ("az://films?account_name=other", {}, "other.blob.core.windows.net", "/videos/x.png"),
    ],
)  # fmt: skip
def test_real_stores_sign_with_the_providers_own_credentials(
    monkeypatch: pytest.MonkeyPatch, url: str, environment: dict[str, str], host: str, path: str
) -> None:
    """Signing asks nobody, so it can be tried without a network."""
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


@pytest.mark.parametrize("url", ["s3://b", "s3://my-bucket/a/b", URL, "gs://b/films", "az://container/films"])
def test_a_bucket_can_be_named(url: str) -> None:
    assert problem(url) is None
    assert load({"SEEDANCE_UPLOAD_URL": url}).upload_url == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///srv/files", "must begin with s3://, gs:// or az://"),
        ("/srv/files", "must begin with s3://"),
        ("memory://x", "must begin with s3://"),
        ("https://example.com/x", "must begin with s3://"),
        ("s3://", "must name a bucket"),
        ("s3://key:topsecret@bucket", "must name a bucket"),
        ("s3://bucket/x#topsecret", "must name a bucket"),
        ("s3://bucket?aws_secret_access_key=topsecret", "Credentials belong into the environment: AWS_ACCESS_KEY_ID"),
        ("s3://bucket?access_key_id=topsecret", "has the option 'access_key_id'"),
        ("gs://bucket?service_account_key=topsecret", "takes only: none"),
        ("s3://bucket?endpoint=http://10.0.0.1", "endpoint that begins with https://"),
        ("s3://[", "is no URL"),
    ],
)
def test_what_is_no_bucket_is_refused_and_no_secret_repeated(url: str, words: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({"SEEDANCE_UPLOAD_URL": url})
    assert caught.value.sentence.startswith("SEEDANCE_UPLOAD_URL ")
    assert words in caught.value.sentence
    assert "topsecret" not in caught.value.sentence


def test_every_provider_says_where_its_credentials_come_from() -> None:
    assert set(CREDENTIALS) == {"s3", "gs", "az"}
