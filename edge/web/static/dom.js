// Small helpers to make elements, and the few drawings: lines only, so that no font has to have them.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

export function vector(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const DRAWINGS = {
  tick: "M4 13l5 5L20 6",
  cross: "M5 5l14 14M19 5L5 19",
  wait: "M5 12h.1M12 12h.1M19 12h.1",
  warn: "M12 3l10 18H2zM12 10v5M12 18v.1",
  info: "M12 7v.1M12 11v7",
  plug: "M9 3v6M15 3v6M6 9h12v3a6 6 0 0 1-12 0zM12 18v4",
  bolt: "M13 2L5 14h6l-1 8 9-13h-7z",
  battery: "M3 8h15v9H3zM21 11v3M7 11v3",
  erase: "M9 6h12v12H9l-6-6zM12 9.5l5 5M17 9.5l-5 5",
};

export function icon(name) {
  const path = vector("path", { d: DRAWINGS[name], fill: "none", stroke: "currentColor", "stroke-width": 3, "stroke-linecap": "round", "stroke-linejoin": "round" });
  return Object.assign(vector("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, path));
}

// Replace the children only when what they say has changed: focus, scroll and typing survive.
export function show(element, key, build) {
  const text = JSON.stringify(key);
  if (element.dataset.key === text) return;
  element.dataset.key = text;
  element.replaceChildren(...[build()].flat().filter((child) => child != null));
}
