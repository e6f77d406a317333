"""What libraries work out anew for each client, though it is always the same: once for a test process is enough.

An HTTP client loads all root certificates (50 ms, three clients for each server), and an MCP client checks the output
schemas of its server's tools against the metaschema (as much again). Neither is what a test here is about.
"""

from __future__ import annotations

import functools
import json
import os
import ssl
from typing import Any

import httpcore2
from jsonschema import Draft202012Validator

_check_schema: Any = Draft202012Validator.check_schema  # pyright: ignore[reportUnknownMemberType]  (jsonschema is partly typed)
_valid: set[str] = set()
"""Valid schemas, as JSON."""
_load_certificates: Any = httpcore2.default_ssl_context
_CERTIFICATE_SETTINGS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_usual = (tuple(map(os.environ.get, _CERTIFICATE_SETTINGS)), (None, None, None))
"""What this machine sets, and nothing; a test that sets something else is about that."""


def _check_once(schema: Any, *arguments: Any, **options: Any) -> None:
    known = json.dumps([schema, arguments, options], sort_keys=True, default=repr)
    if known not in _valid:
        _check_schema(schema, *arguments, **options)
        _valid.add(known)


@functools.cache
def _usual_context(_: object, **options: Any) -> ssl.SSLContext:
    return _load_certificates(**options)


def _context(**options: Any) -> ssl.SSLContext:
    found = tuple(map(os.environ.get, _CERTIFICATE_SETTINGS))
    if found in _usual:
        return _usual_context(found, **options)
    return _load_certificates(**options)


def remember() -> None:
    """Let both libraries remember what they have worked out."""
    Draft202012Validator.check_schema = staticmethod(_check_once)  # pyright: ignore[reportAttributeAccessIssue]  (a class method, which this replaces)
    httpcore2.default_ssl_context = _context


def prepare() -> None:
    """Load the certificates now, for the children that this process forks."""
    for trust_env in (True, False):
        _context(_trust_env=trust_env)
