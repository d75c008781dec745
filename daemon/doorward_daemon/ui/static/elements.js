/** Elements of the page. Whatever comes from the cluster is text here, and never markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children; a handler is an attribute that is a function.
 * @param {string} name
 * @param {Object<string, unknown>} [attributes]
 * @param {...(Node|string|null|undefined|false)} children
 */
export function h(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function s(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** Have an element hold these children instead of what it has; what is no child is left out. */
export function put(element, ...children) {
  element.replaceChildren(...real(children));
}

const real = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
  }
  element.append(...real(children));
  return element;
}

/** Whether a URL is one of the web: no other becomes a link. */
export const ofTheWeb = (url) => /^https?:\/\/[^\s]+$/i.test(url);

/** A URL as a link, where it is one of the web; else as text. */
export function link(url, text = url, attributes = {}) {
  if (!ofTheWeb(url)) return h("span", attributes, text);
  return h("a", { href: url, rel: "noopener noreferrer", target: "_blank", ...attributes }, text);
}

export const WORDS = {
  ready: "Ready",
  broken: "Not ready",
  waiting: "Waiting",
  leaving: "Leaving",
  plain: "Present",
};

/** A mark whose shape tells the state as its colour does. */
export function mark(state, size = 16) {
  const shapes = {
    ready: [s("circle", { cx: 8, cy: 8, r: 7 }), s("path", { class: "sign", d: "M4.8 8.3l2.2 2.2 4.2-4.6" })],
    broken: [s("path", { d: "M8 .9l7.1 7.1L8 15.1.9 8z" }), s("path", { class: "sign", d: "M8 4.7v3.9M8 10.9v.2" })],
    waiting: [s("circle", { class: "hollow", cx: 8, cy: 8, r: 6.1 }), s("path", { class: "hand", d: "M8 4.7V8l2.3 1.6" })],
    leaving: [s("rect", { x: 1.5, y: 1.5, width: 13, height: 13, rx: 3 }), s("path", { class: "sign", d: "M4.6 8h6M8.4 5.4L11 8l-2.6 2.6" })],
    plain: [s("circle", { class: "hollow", cx: 8, cy: 8, r: 6.1 })],
  };
  return s("svg", { class: `mark ${state}`, viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true" }, ...shapes[state]);
}

/** A state as a mark and a word. */
export function state(name, word = WORDS[name]) {
  return h("span", { class: `state ${name}` }, mark(name), word);
}
