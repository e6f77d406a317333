"""AutoGen, with its assistant."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from autogen_ext.tools.mcp import McpWorkbench, StdioServerParams


async def main():
    async with McpWorkbench(StdioServerParams(command="seedance-mcp", read_timeout_seconds=60)) as workbench:
        model = OpenAIChatCompletionClient(model="gpt-4o")
        agent = AssistantAgent("director", model, workbench=workbench, max_tool_iterations=6)
        print((await agent.run(task="Make a video of a fox")).messages[-1].content)


asyncio.run(main())
