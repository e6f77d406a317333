"""A host for the player on loopback: its page, the frame around the view, and a relay to our server."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import uvicorn
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.server.mcp_client import Session

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"


def policy(csp: dict[str, list[str]], kind: str) -> str:
    """Return the policy that the specification prescribes for a view, or that of a host that only allows blob: URLs."""
    resources, connect = (" ".join(csp.get(name, [])) for name in ("resourceDomains", "connectDomains"))
    connect = connect or "'none'"
    local = "blob:" if kind == "blob" else "'self' data:"
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'unsafe-inline' {resources}",
            f"style-src 'self' 'unsafe-inline' {resources}",
            f"img-src 'self' data: {resources}",
            f"font-src 'self' {resources}",
            f"media-src {local} {resources}",
            f"connect-src {connect}",
            "frame-src 'none'",
            "object-src 'none'",
            "base-uri 'self'",
        )
    )


@asynccontextmanager
async def relay(session: Session) -> AsyncGenerator[str]:
    """Serve the host page for one client session; yield its address."""

    async def rpc(request: Request) -> Response:
        body: dict[str, Any] = json.loads(await request.body())
        params = body["params"]
        try:
            match body["method"]:
                case "tools/call":
                    result = await session.client.call_tool(params["name"], params.get("arguments"))
                case "tools/list":
                    result = await session.client.list_tools()
                case _:
                    result = await session.client.read_resource(params["uri"])
        except MCPError as error:
            return JSONResponse({"error": str(error)})
        return JSONResponse(result.model_dump(mode="json", by_alias=True, exclude_none=True))

    async def host(_: Request) -> Response:
        return FileResponse(HERE / "host.html")

    async def sandbox(request: Request) -> Response:
        query = request.query_params
        headers = {"content-security-policy": policy(json.loads(query["csp"]), query["kind"])}
        return FileResponse(HERE / "sandbox.html", headers=headers)

    app = Starlette(
        routes=[
            Route("/", host),
            Route("/rpc", rpc, methods=["POST"]),
            Route("/sandbox", sandbox),
            Mount("/modules", StaticFiles(directory=MODULES)),
        ]
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, lifespan="off", log_config=None, log_level="critical", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True
