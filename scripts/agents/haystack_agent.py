"""Haystack, with its agent."""

from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack_integrations.tools.mcp import MCPToolset, StdioServerInfo

tools = MCPToolset(StdioServerInfo(command="seedance-mcp", args=[]), invocation_timeout=60, eager_connect=True)
agent = Agent(chat_generator=OpenAIChatGenerator(model="gpt-5"), tools=tools)
print(agent.run(messages=[ChatMessage.from_user("Make a video of a fox")])["messages"][-1].text)
tools.close()
