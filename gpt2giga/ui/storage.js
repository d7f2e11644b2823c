// A browser that blocks cookies throws at the mere sight of these; then things last as long as the page.
function shelf(kind) {
  try {
    return window[kind];
  } catch {
    const kept = new Map();
    return { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
  }
}

export const session = shelf("sessionStorage");
export const local = shelf("localStorage");
