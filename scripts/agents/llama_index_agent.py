"""LlamaIndex, with its agent that calls functions."""

import asyncio
import os

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai_like import OpenAILike
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main():
    llm = OpenAILike(
        model="gpt-5", api_base=os.environ["OPENAI_BASE_URL"], is_chat_model=True, is_function_calling_model=True
    )
    client = BasicMCPClient("seedance-mcp", timeout=60)
    tools = await McpToolSpec(client=client).to_tool_list_async()
    print(await FunctionAgent(tools=tools, llm=llm).run("Make a video of a fox"))


asyncio.run(main())
