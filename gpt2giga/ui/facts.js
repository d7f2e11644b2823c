// What is known of the chosen model, as a table.
import { locked } from "./door.js";
import { byId, element } from "./dom.js";
import { language, shown, tell } from "./language.js";
import { get } from "./service.js";
import { WORDS } from "./words.js";

let facts = [];

async function showFacts() {
  if (!byId("facts").open || locked) return;
  const asked = byId("model").value;
  try {
    const found = await get(`ui/facts?model=${encodeURIComponent(asked)}`);
    if (asked !== byId("model").value) return;
    facts = found.facts;
    drawFacts();
  } catch {
    // The status line says what is wrong.
  }
}

function drawFacts() {
  // How many requests at a time nobody has counted is the scope's matter.
  const told = facts.filter(({ name, value }) => `fact_${name}` in WORDS.en && (name !== "slots" || value));
  const rows = told.map(({ name, value, source, when }) => {
    const day = new Date(when * 1000).toLocaleDateString(language);
    const cells = [tell(`fact_${name}`), valueInWords(value), tell(`from_${source}`, day)];
    return element("tr", {}, ...cells.map((textContent) => element("td", { textContent })));
  });
  byId("facts").querySelector("tbody").replaceChildren(...rows);
}

function valueInWords(value) {
  if (typeof value === "boolean") return tell(value ? "yes" : "no");
  if (Array.isArray(value)) return value.join(", ") || tell("nothing");
  return value === 0 ? tell("unknown") : shown(value);
}

export function startFacts() {
  byId("facts").addEventListener("toggle", showFacts);
  byId("model").addEventListener("change", showFacts);
  window.addEventListener("language", drawFacts);
}
