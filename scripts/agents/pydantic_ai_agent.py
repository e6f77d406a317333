"""Pydantic AI, with the API as the argument: chat or responses."""

import asyncio
import sys

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset


async def main():
    server = MCPToolset(StdioTransport("seedance-mcp", []), init_timeout=60, read_timeout=60)
    agent = Agent("openai-chat:gpt-5" if sys.argv[1] == "chat" else "openai-responses:gpt-5", toolsets=[server])
    async with agent:
        print((await agent.run("Make a video of a fox")).output)


asyncio.run(main())
