// Small helpers to build the page. Text from elsewhere becomes text nodes, never HTML.
import { tell } from "./language.js";

export const byId = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function svgNode(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A button that copies what `text` returns at that time.
export function copyButton(text) {
  const button = element("button", { type: "button", className: "quiet copy", textContent: tell("copy") });
  button.dataset.t = "copy";
  button.addEventListener("click", () => copy(button, text()));
  return button;
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not to be had where the page came over plain HTTP from another machine.
    const area = document.body.appendChild(element("textarea", { value: text, className: "unseen" }));
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = tell("copied");
  setTimeout(() => (button.textContent = tell("copy")), 1500);
}
