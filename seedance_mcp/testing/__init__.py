"""The contract of every vendor module, for this project's tests and for those of packages that add a vendor."""

from __future__ import annotations

from seedance_mcp.testing.contract import CHECKS, Fixture, fixtures, parsed

__all__ = ["CHECKS", "Fixture", "fixtures", "parsed"]
