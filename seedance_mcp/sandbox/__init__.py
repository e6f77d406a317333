"""Every vendor's API in one place, faithful and free of charge: for trying things out, and for tests.

`Sandbox` is all five vendors as an ASGI application; `SandboxTransport` (`.transport`) puts it in the place of the
network within one process, `serve` (`.serve`) on a port. `BEHAVIOURS` lists what can be asked to go wrong, by words
in the prompt. A task takes 2.5 s and ends in a real film of the size, length and sound that were asked for.
"""

from __future__ import annotations

from seedance_mcp.sandbox.app import Sandbox
from seedance_mcp.sandbox.behaviour import BEHAVIOURS, Behaviour
from seedance_mcp.sandbox.fakes.fake import Fake, known_fakes
from seedance_mcp.sandbox.tasks import Charge, Task
from seedance_mcp.sandbox.videos.render import video_kind

__all__ = ["BEHAVIOURS", "Behaviour", "Charge", "Fake", "Sandbox", "Task", "video_kind", "known_fakes"]
