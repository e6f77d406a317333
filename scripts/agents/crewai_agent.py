"""CrewAI, with a crew of one."""

from crewai import LLM, Agent, Crew, Task
from crewai_tools import MCPServerAdapter
from mcp import StdioServerParameters

with MCPServerAdapter(StdioServerParameters(command="seedance-mcp"), connect_timeout=60) as tools:
    agent = Agent(role="Director", goal="Videos", backstory="-", tools=list(tools), llm=LLM(model="openai/gpt-4o"))
    task = Task(description="Make a video of a fox", expected_output="Its path", agent=agent)
    print(Crew(agents=[agent], tasks=[task]).kickoff())
