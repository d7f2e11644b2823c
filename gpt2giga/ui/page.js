// Puts the parts of the page together. Everything that comes from elsewhere is shown as text, never as HTML.
import { startChat } from "./chat.js";
import { loadClients, startConnect } from "./connect.js";
import { byId } from "./dom.js";
import { startDoor } from "./door.js";
import { startFacts } from "./facts.js";
import { language, switchTo } from "./language.js";
import { showPackages, startPackages } from "./packages.js";
import { checkGigaChat, checkService, listModels } from "./status.js";
import { local } from "./storage.js";
import { showUsage, startUsage } from "./usage.js";
import { WORDS } from "./words.js";

const POLL_MS = 10000;

function refresh() {
  checkService();
  // The usual model is known before the list, to be chosen in it; and only one of all asks for the key first.
  loadClients().then((usualModel) => Promise.all([checkGigaChat(), listModels(usualModel), showUsage(), showPackages()]));
}

function speak(chosen) {
  switchTo(chosen);
  byId("language").textContent = WORDS[language].other;
  byId("language").lang = language === "ru" ? "en" : "ru";
}

for (const start of [startDoor, startChat, startFacts, startUsage, startPackages, startConnect]) start();
byId("language").addEventListener("click", () => {
  speak(language === "ru" ? "en" : "ru");
  local.setItem("language", language);
});
byId("again").addEventListener("click", refresh);
window.addEventListener("opened", refresh);
setInterval(() => {
  if (document.hidden) return;
  checkService();
  showUsage();
  showPackages();
}, POLL_MS);
speak(language);
refresh();
