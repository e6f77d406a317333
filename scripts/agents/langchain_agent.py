"""LangChain, with a model class as the argument: openai, responses, anthropic or google."""

import asyncio
import sys

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


def model(kind):
    if kind == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="gpt-5", use_responses_api=False)
    if kind == "responses":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="gpt-5", use_responses_api=True)
    if kind == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(model="claude-sonnet-4-5")
    import os

    from langchain_google_genai import ChatGoogleGenerativeAI

    return ChatGoogleGenerativeAI(model="gemini-2.5-pro", base_url=os.environ["GOOGLE_GEMINI_BASE_URL"])


async def main():
    client = MultiServerMCPClient({"seedance": {"transport": "stdio", "command": "seedance-mcp", "args": []}})
    async with client.session("seedance") as session:
        agent = create_agent(model(sys.argv[1]), await load_mcp_tools(session))
        answer = await agent.ainvoke({"messages": "Make a video of a fox"})
        print(answer["messages"][-1].text)


asyncio.run(main())
