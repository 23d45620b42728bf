// Elements are built from nodes and never from markup, so that no text of an item can become part of the page.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "vars") for (const [key, given] of Object.entries(value)) element.style.setProperty(key, given);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function fill(place, ...children) {
  place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return place;
}

const SHAPES = {
  red: "M8 1.5 15 14.5H1z",
  yellow: "M8 1 15 8 8 15 1 8z",
  blue: "M2 2h12v12H2z",
  green: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1z",
  grey: "M2 6.5h12v3H2z",
};

// A light is told by its shape as well as by its colour.
export function lamp(light) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `lamp lamp-${light}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[light] ?? SHAPES.grey);
  svg.append(path);
  return svg;
}
