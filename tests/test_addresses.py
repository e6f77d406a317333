"""Which addresses may be used."""

from __future__ import annotations

import pytest

from seedance_mcp.addresses import BUCKET_CREDENTIALS, bucket_url_problem
from seedance_mcp.errors import SettingError
from seedance_mcp.settings import load


@pytest.mark.parametrize(
    "url",
    [
        "s3://b",
        "s3://my-bucket/a/b",
        "s3://videos/in?region=eu-central-1",
        "s3://videos?region=auto&endpoint=https://r2.example.com",
        "gs://b/videos",
        "az://container/videos?account_name=a",
    ],
)
def test_a_bucket_url_is_accepted(url: str) -> None:
    assert bucket_url_problem(url) is None
    assert load({"SEEDANCE_UPLOAD_URL": url}).upload_url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///srv/files", "must begin with s3://, gs:// or az://"),
        ("/srv/files", "must begin with s3://"),
        ("memory://x", "must begin with s3://"),
        ("https://example.com/x", "must begin with s3://"),
        ("s3://", "must name a bucket"),
        ("s3://key:topsecret@bucket", "must name a bucket"),
        ("s3://bucket/x#topsecret", "must name a bucket"),
        ("s3://bucket?aws_secret_access_key=topsecret", "Credentials belong in the environment: AWS_ACCESS_KEY_ID"),
        ("s3://bucket?access_key_id=topsecret", "has an option that is not known"),
        ("gs://bucket?service_account_key=topsecret", "the options are: none"),
        ("s3://bucket?endpoint=http://10.0.0.1", "endpoint that begins with https://"),
        ("s3://[", "is not a URL"),
    ],
)
def test_an_unusable_bucket_url_is_refused_without_repeating_secrets(url: str, problem: str) -> None:
    assert problem in (bucket_url_problem(url) or "")
    with pytest.raises(SettingError) as caught:
        load({"SEEDANCE_UPLOAD_URL": url})
    assert caught.value.sentence.startswith("SEEDANCE_UPLOAD_URL ")
    assert problem in caught.value.sentence
    assert "topsecret" not in caught.value.sentence


def test_every_provider_has_a_description_of_its_credentials() -> None:
    assert set(BUCKET_CREDENTIALS) == {"s3", "gs", "az"}
