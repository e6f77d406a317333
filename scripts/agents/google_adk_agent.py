"""Google ADK, with its agent and Gemini."""

import asyncio

from google.adk.agents import LlmAgent
from google.adk.runners import InMemoryRunner
from google.adk.tools.mcp_tool import McpToolset, StdioConnectionParams
from google.genai import types
from mcp import StdioServerParameters


async def main():
    connection = StdioConnectionParams(server_params=StdioServerParameters(command="seedance-mcp"), timeout=60)
    toolset = McpToolset(connection_params=connection)
    runner = InMemoryRunner(agent=LlmAgent(name="director", model="gemini-2.5-pro", tools=[toolset]), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="user")
    asked = types.Content(role="user", parts=[types.Part(text="Make a video of a fox")])
    async for event in runner.run_async(user_id="user", session_id=session.id, new_message=asked):
        for part in (event.content.parts or []) if event.content else []:
            if part.text:
                print(part.text)
    await toolset.close()


asyncio.run(main())
