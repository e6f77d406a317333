"""Agno, with its agent."""

import asyncio

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.tools.mcp import MCPTools


async def main():
    async with MCPTools("seedance-mcp", timeout_seconds=60) as tools:
        agent = Agent(model=OpenAIChat(id="gpt-5"), tools=[tools], telemetry=False)
        print((await agent.arun("Make a video of a fox")).content)


asyncio.run(main())
