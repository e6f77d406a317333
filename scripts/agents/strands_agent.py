"""Strands, with its agent."""

from mcp import StdioServerParameters, stdio_client
from strands import Agent
from strands.models.openai import OpenAIModel
from strands.tools.mcp import MCPClient

with MCPClient(lambda: stdio_client(StdioServerParameters(command="seedance-mcp"))) as client:
    agent = Agent(model=OpenAIModel(model_id="gpt-5"), tools=client.list_tools_sync(), callback_handler=None)
    print(agent("Make a video of a fox"))
