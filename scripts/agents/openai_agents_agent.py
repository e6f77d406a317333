"""OpenAI Agents, with the API as the argument: chat or responses."""

import asyncio
import sys

from agents import Agent, Runner, set_default_openai_api, set_tracing_disabled
from agents.mcp import MCPServerStdio

set_tracing_disabled(True)
set_default_openai_api("chat_completions" if sys.argv[1] == "chat" else "responses")


async def main():
    async with MCPServerStdio({"command": "seedance-mcp"}, client_session_timeout_seconds=60) as server:
        agent = Agent("Director", mcp_servers=[server], model="gpt-5", mcp_config={"convert_schemas_to_strict": True})
        print((await Runner.run(agent, "Make a video of a fox")).final_output)


asyncio.run(main())
