"""An agent with a tool, by the OpenAI Agents SDK: pip install openai-agents"""

import os
from datetime import datetime

from agents import Agent, function_tool, Runner, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1"),
    api_key=os.environ.get("OPENAI_API_KEY", "unused"),
)
set_default_openai_client(client)
set_tracing_disabled(True)  # it would go to OpenAI


@function_tool
def current_time() -> str:
    """The date and time now."""
    return f"{datetime.now():%d.%m.%Y %H:%M}"


agent = Agent(name="Helper", model="GigaChat-2-Max", instructions="Отвечай кратко.", tools=[current_time])
print(Runner.run_sync(agent, "Который час?").final_output)
