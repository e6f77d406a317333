"""Semantic Kernel, with its agent."""

import asyncio

from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.connectors.mcp import MCPStdioPlugin


async def main():
    async with MCPStdioPlugin(name="seedance", command="seedance-mcp", args=[], request_timeout=60) as plugin:
        agent = ChatCompletionAgent(service=OpenAIChatCompletion(ai_model_id="gpt-5"), name="d", plugins=[plugin])
        print((await agent.get_response("Make a video of a fox")).content)


asyncio.run(main())
