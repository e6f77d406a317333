"""smolagents, with its agent that calls tools."""

from mcp import StdioServerParameters
from smolagents import MCPClient, OpenAIServerModel, ToolCallingAgent

with MCPClient(StdioServerParameters(command="seedance-mcp"), structured_output=True) as tools:
    print(ToolCallingAgent(tools=tools, model=OpenAIServerModel("gpt-4.1"), max_steps=6).run("Make a video of a fox"))
