// Pictures and files that go with the next message, as parts with data URLs: by button, dropped or pasted.
import { byId, element } from "./dom.js";
import { tell } from "./language.js";

let attached = [];

const dataUrl = (file) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });

async function toPart(file) {
  const url = await dataUrl(file);
  if (file.type.startsWith("image/")) return { type: "image_url", image_url: { url } };
  return { type: "file", file: { filename: file.name || "file", file_data: url } };
}

export function drawFile(part) {
  const picture = part.image_url?.url;
  const shown = picture ? element("img", { src: picture, alt: tell("picture") }) : element("span", { textContent: part.file?.filename ?? "" });
  return element("span", { className: "file" }, shown);
}

async function attach(files) {
  for (const file of files) {
    try {
      attached.push(await toPart(file));
    } catch {
      // A folder, or a file that has gone.
    }
  }
  drawAttached();
}

export function setAttached(parts) {
  attached = [...parts];
  drawAttached();
}

export const attachments = () => attached;

function drawAttached() {
  const chips = attached.map((part) => {
    const remove = element("button", { type: "button", textContent: "✕" });
    remove.setAttribute("aria-label", tell("detach", part.file?.filename ?? tell("picture")));
    remove.addEventListener("click", () => setAttached(attached.filter((other) => other !== part)));
    const chip = drawFile(part);
    chip.append(remove);
    return element("li", {}, chip);
  });
  byId("attached").replaceChildren(...chips);
  byId("attached").hidden = !chips.length;
}

const hasFiles = (event) => event.dataTransfer.types.includes("Files");

// Anywhere on the page: beside it, a browser would leave the page for the file.
function takeDrops() {
  const chat = document.querySelector(".chat");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    chat.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || chat.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    chat.classList.remove("over");
    attach([...event.dataTransfer.files]);
  });
}

export function startAttachments() {
  byId("attach").addEventListener("click", () => byId("files").click());
  byId("files").addEventListener("change", async ({ target: input }) => {
    await attach([...input.files]);
    input.value = "";
  });
  byId("text").addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    // Cells of a table come as words and as a picture of them.
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    attach([...files]);
  });
  takeDrops();
  window.addEventListener("language", drawAttached);
}
