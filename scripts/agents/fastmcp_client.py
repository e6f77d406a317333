"""The client of FastMCP, which has no model: the script's two calls."""

import asyncio

from fastmcp import Client


async def main():
    async with Client({"mcpServers": {"seedance": {"command": "seedance-mcp", "args": []}}}) as client:
        assert {"create_video", "check_video"} <= {tool.name for tool in await client.list_tools()}
        order = {"prompt": "a fox. sandbox: instant", "model": "seedanceapi/seedance-2-mini", "duration": 4}
        job = (await client.call_tool("create_video", order)).structured_content
        done = {}
        while "path" not in done:
            arguments = {"job_id": job["job_id"], "wait_seconds": 10}
            done = (await client.call_tool("check_video", arguments)).structured_content
        print(done["path"])


asyncio.run(main())
