// Markdown of answers -> nodes. What marked makes is cleaned by DOMPurify and comes out as nodes, never as a string for
// the page. HTML that a model writes is shown as text. No picture is fetched from elsewhere.
import { copyButton, element } from "./dom.js";
import DOMPurify from "./vendor/dompurify.js";
import { Marked } from "./vendor/marked.js";

const TAGS = "p br strong em del code pre a img ul ol li table thead tbody tr th td blockquote h3 h4 h5 h6 hr".split(" ");
const CLEAN = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["href", "title", "src", "alt", "align", "start", "class", "target", "rel"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
const REFERENCE = /^ {0,3}\[[^\]]+\]:/m;

const escaped = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt()};`);

function address(text) {
  try {
    return new URL(text, location.href);
  } catch {
    return null;
  }
}

const isPicture = (url) => url?.origin === location.origin || /^data:image\//i.test(url?.href ?? "");

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html: ({ text }) => escaped(text),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    // The page has its own headings of the first two levels.
    heading({ tokens, depth }) {
      const level = Math.min(depth + 2, 6);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
    image({ href, text }) {
      if (isPicture(address(href))) return `<img src="${escaped(href)}" alt="${escaped(text)}">`;
      return `<a href="${escaped(href)}">${escaped(text || href)}</a>`;
    },
  },
});

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.nodeName === "A") {
    if (!["http:", "https:", "mailto:"].includes(address(node.getAttribute("href") ?? "")?.protocol)) node.removeAttribute("href");
    node.target = "_blank";
    node.rel = "noopener noreferrer";
  }
  if (node.nodeName === "IMG" && !isPicture(address(node.getAttribute("src") ?? ""))) node.remove();
});

function toNodes(tokens) {
  const nodes = DOMPurify.sanitize(marked.parser(tokens), CLEAN);
  for (const code of nodes.querySelectorAll("pre > code")) {
    const language = /^language-(\S+)/.exec(code.className)?.[1] ?? "";
    const bar = element("div", { className: "bar" }, element("span", { textContent: language }), copyButton(() => code.textContent));
    const pre = code.parentNode;
    pre.tabIndex = 0;
    pre.replaceWith(element("div", { className: "code" }, bar, pre.cloneNode()));
    bar.nextSibling.append(code);
  }
  for (const table of nodes.querySelectorAll("table")) {
    const wide = element("div", { className: "wide", tabIndex: 0 });
    table.replaceWith(wide);
    wide.append(table);
  }
  return nodes;
}

export const drawMarkdown = (node, text) => node.replaceChildren(toNodes(marked.lexer(text)));

// Text that is still coming, drawn at most once a frame. Blocks that are over are drawn once; only the last is drawn
// again, and the longer that takes, the more seldom.
export class LiveMarkdown {
  text = "";
  #node;
  #source = ""; // without carriage returns, as the lexer counts
  #settled = 0;
  #last = [];
  #asked = 0;
  #notBefore = 0;

  constructor(node) {
    this.#node = node;
  }

  append(text) {
    this.text += text;
    this.#source += text.replaceAll("\r", "");
    this.#asked ||= requestAnimationFrame(() => this.#frame());
  }

  finish() {
    cancelAnimationFrame(this.#asked);
    // What a link refers to may stand further down.
    if (REFERENCE.test(this.text)) drawMarkdown(this.#node, this.text);
    else this.#draw();
  }

  #frame() {
    this.#asked = 0;
    if (performance.now() < this.#notBefore) this.#asked = requestAnimationFrame(() => this.#frame());
    else this.#draw();
  }

  #draw() {
    const started = performance.now();
    const tokens = marked.lexer(this.#source.slice(this.#settled));
    let open = tokens.length - 1;
    while (open > 0 && tokens[open].type === "space") open--;
    for (const node of this.#last) node.remove();
    const over = tokens.slice(0, Math.max(open, 0));
    this.#node.append(toNodes(over));
    const rest = toNodes(tokens.slice(over.length));
    this.#last = [...rest.childNodes];
    this.#node.append(rest);
    this.#settled += over.reduce((sum, token) => sum + token.raw.length, 0);
    this.#notBefore = performance.now() + 4 * (performance.now() - started);
  }
}
