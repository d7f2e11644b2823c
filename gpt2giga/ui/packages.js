// What is left of GigaChat's packages of tokens, and until when that will do.
import { locked } from "./door.js";
import { byId, element } from "./dom.js";
import { language, shown, tell } from "./language.js";
import { get } from "./service.js";

// GigaChat is asked beside this page's request, which tells what was known before.
const ASK_AGAIN_MS = 1500, MOST_QUESTIONS = 5;
const LOW = 0.1;

let accounts = [];
let questions = 0;

export async function showPackages() {
  if (locked || document.hidden) return;
  let told;
  try {
    told = await get("ui/packages");
  } catch {
    return; // The status line says what is wrong.
  }
  accounts = told.accounts;
  draw();
  questions = told.is_asking ? questions + 1 : 0;
  if (told.is_asking && questions < MOST_QUESTIONS) setTimeout(showPackages, ASK_AGAIN_MS);
}

function draw() {
  byId("packages").hidden = !accounts.some((one) => one.pays_as_it_goes || one.packages.length);
  const several = accounts.length > 1;
  const rows = accounts.flatMap((one) => (one.pays_as_it_goes ? [row(one, null)] : one.packages.map((found) => row(one, found))));
  const titles = [...(several ? ["account"] : []), "package", "left", "used_up", "share_left"];
  const head = titles.map((key) => element("th", { scope: "col", textContent: tell(key) }));
  byId("by-package").replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));

  function row(one, found) {
    const named = several ? [element("td", { textContent: one.account, className: "name" })] : [];
    // Phones show no last column.
    if (!found) return element("tr", {}, ...named, element("td", { colSpan: 3, textContent: tell("pays_as_it_goes"), className: "name" }), element("td"));
    const share = element("meter", { value: found.left, max: Math.max(found.whole, 1), low: found.whole * LOW, ariaLabel: tell("share_left"), title: tell("of_whole", found.whole) });
    return element(
      "tr",
      {},
      ...named,
      element("th", { scope: "row", textContent: found.model }),
      element("td", { textContent: shown(found.left) }),
      element("td", { textContent: found.left ? when(found.used_up) : tell("is_used_up") }),
      element("td", {}, share),
    );
  }
}

function when(day) {
  if (!day) return "";
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date).toLocaleDateString(language, { day: "numeric", month: "long", year: "numeric" });
}

export function startPackages() {
  window.addEventListener("language", draw);
  window.addEventListener("answered", showPackages);
  document.addEventListener("visibilitychange", showPackages);
}
