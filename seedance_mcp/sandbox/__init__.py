"""Every vendor's API in one place, faithful and free of charge: for trying things out, and for tests.

`Sandbox` is all vendors as an ASGI application; `SandboxTransport` (`.transport`) replaces the network within one
process, `serve` (`.serve`) listens on a port. `BEHAVIOURS` lists what a prompt can ask to go wrong. A task takes 2.5 s
and ends in a real video of the requested size and length, with audio unless it was turned off.
"""

from __future__ import annotations

from seedance_mcp.sandbox.app import Sandbox
from seedance_mcp.sandbox.behaviour import BEHAVIOURS, Behaviour
from seedance_mcp.sandbox.fakes import known_fakes
from seedance_mcp.sandbox.fakes.fake import Fake
from seedance_mcp.sandbox.tasks import Charge, Task
from seedance_mcp.sandbox.videos.render import video_kind

__all__ = ["BEHAVIOURS", "Behaviour", "Charge", "Fake", "Sandbox", "Task", "known_fakes", "video_kind"]
