// The tool that the page offers to models and runs itself.
export const CURRENT_TIME = {
  type: "function",
  function: {
    name: "current_time",
    description: "Current date and time. Текущие дата и время.",
    parameters: {
      type: "object",
      properties: { time_zone: { type: "string", description: "IANA time zone, for example Europe/Moscow" } },
    },
  },
};

export function runTool({ name, arguments: text }) {
  try {
    if (name !== CURRENT_TIME.function.name) throw new Error(`there is no tool ${name}`);
    const zone = JSON.parse(text || "{}").time_zone || Intl.DateTimeFormat().resolvedOptions().timeZone;
    const time = new Date().toLocaleString("sv-SE", { timeZone: zone });
    return JSON.stringify({ time, time_zone: zone });
  } catch (error) {
    return JSON.stringify({ error: error.message });
  }
}
