/** The picture of one door: d3-dag says where each element stands, and here it is drawn. */

import { h, mark, put, s, WORDS } from "./elements.js";
import { coordSimplex, decrossTwoLayer, graph, layeringSimplex, sugiyama } from "./vendor/d3-dag.js";

/**
 * @typedef {Object} Node
 * @property {string} id
 * @property {"host"|"gateway"|"rule"|"component"} column
 * @property {string} title
 * @property {string} subtitle
 * @property {string} state
 * @property {string} why
 * @property {{sort: string, name: string, value: string}[]} causes
 * @property {string} object
 * @property {string[]} [titles] of the elements that stand together in one
 */

const COLUMNS = ["host", "gateway", "rule", "component"];
export const TITLES = { host: "Hosts", gateway: "Gateways", rule: "Rules", component: "Components" };
/** How wide a column is at least, and which part of the room that is left it gets. */
const LEAST = { host: 212, gateway: 150, rule: 160, component: 150 };
const SHARE = { host: 0.5, gateway: 0.1, rule: 0.25, component: 0.15 };
const MOST_ROOM = 420;
const HEIGHT = 48;
const GAP = 12;
const BETWEEN = 40;
const TOP = 30;
/** Hosts that fare alike and lead to the same place, from which on they stand together. */
const TOGETHER = 6;

/** Hosts that differ in nothing but their name, put together. */
function gathered(picture, open) {
  const leads = new Map();
  for (const { source, target } of picture.edges) leads.set(source, [...(leads.get(source) || []), target]);
  const alike = new Map();
  for (const node of picture.nodes) {
    if (node.column !== "host" || node.id.startsWith("inside/")) continue;
    const key = [node.subtitle, node.state, ...(leads.get(node.id) || [])].join("\n");
    alike.set(key, [...(alike.get(key) || []), node]);
  }
  const hidden = new Map();
  const nodes = [...picture.nodes];
  for (const [key, some] of alike) {
    if (some.length < TOGETHER || open.has(key)) continue;
    const rest = some.slice(2);
    const together = { ...rest[0], id: `together/${key}`, title: `and ${rest.length} more`, subtitle: `${some[0].subtitle}s alike`, titles: rest.map((node) => node.title), key };
    nodes.splice(nodes.indexOf(rest[0]), 0, together);
    for (const node of rest) hidden.set(node.id, together.id);
  }
  const edges = new Map();
  for (const edge of picture.edges) {
    const source = hidden.get(edge.source) || edge.source;
    edges.set(`${source}\n${edge.target}`, { ...edge, source });
  }
  return { nodes: nodes.filter((node) => !hidden.has(node.id)), edges: [...edges.values()] };
}

/** Where everything stands, in so much room. */
function laidOut(nodes, edges, room) {
  const dag = graph();
  const made = new Map(nodes.map((node) => [node.id, dag.node(node)]));
  for (const edge of edges) dag.link(made.get(edge.source), made.get(edge.target), edge);
  const used = COLUMNS.filter((column) => nodes.some((node) => node.column === column));
  const layout = sugiyama()
    .layering(layeringSimplex().rank((node) => COLUMNS.indexOf(node.data.column)))
    .decross(decrossTwoLayer())
    .coord(coordSimplex())
    .nodeSize([HEIGHT, 1])
    .gap([GAP, 1]);
  const { width: height } = nodes.length ? layout(dag) : { width: 0 };
  const least = used.reduce((sum, column) => sum + LEAST[column] + BETWEEN, 1);
  const rest = Math.min(Math.max(room - least + BETWEEN - 2, 0), MOST_ROOM);
  const wide = Object.fromEntries(used.map((column) => [column, Math.round(LEAST[column] + rest * SHARE[column])]));
  const left = {};
  let width = 1;
  for (const column of used) {
    left[column] = width;
    width += wide[column] + BETWEEN;
  }
  const placed = new Map(nodes.map((node) => [node.id, { node, x: left[node.column], y: TOP + made.get(node.id).x - HEIGHT / 2, width: wide[node.column] }]));
  return { placed, left, width: width - BETWEEN + 1, height: TOP + height + 4 };
}

/** Letters at both ends of a title that are shown whatever its length, if there is room: both ends of a host tell something. */
const HEAD = 4;
const TAIL = 13;
const ruler = document.createElement("canvas").getContext("2d");

/** Text in a box; what is too long loses its middle on the screen, and stays whole for those who listen. */
function words(node, width) {
  const room = width - 46;
  ruler.font = `600 13px ${getComputedStyle(document.body).fontFamily}`;
  const wide = (some) => Math.ceil(ruler.measureText(some).width) + 1;
  const long = node.column !== "gateway" && wide(node.title) > room;
  const start = (length) => wide(`${node.title.slice(0, length)}…`);
  let [left, right] = [node.title.length, TAIL];
  while (right > 1 && start(HEAD) + wide(node.title.slice(-right)) > room) right -= 1;
  while (left > 1 && start(left) + wide(node.title.slice(-right)) > room) left -= 1;
  const title = h("div", { class: "name", "data-end": long && node.title.slice(-right) }, h("span", {}, node.title));
  if (long) title.firstChild.style.width = `${start(left)}px`;
  const told = `${TITLES[node.column].slice(0, -1).toLowerCase()}: ${WORDS[node.state]}${node.why ? `, ${node.why}` : ""}`;
  const text = h("div", { class: "words" }, title, h("div", { class: "subtitle" }, node.subtitle), h("div", { class: "hidden" }, told));
  return s("foreignObject", { x: 36, y: 4, width: room + 2, height: HEIGHT - 8 }, text);
}

export class Drawing {
  /** @param {(node: Node|null) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.open = new Set();
    this.chosen = null;
    this.element = h("div", { class: "picture", role: "group", "aria-label": "The way of a request: hosts, gateways, rules, components", tabindex: 0 });
    this.width = 0;
    new ResizeObserver(() => {
      if (this.picture && this.element.clientWidth !== this.width) this.show(this.picture);
    }).observe(this.element);
  }

  show(picture) {
    this.picture = picture;
    this.width = this.element.clientWidth;
    const focused = this.element.contains(document.activeElement) ? document.activeElement.dataset.id : null;
    const { nodes, edges } = gathered(picture, this.open);
    this.edges = edges;
    const { placed, left, width, height } = laidOut(nodes, edges, this.element.clientWidth - 36);
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "presentation" });
    svg.style.width = `${width}px`;
    svg.style.minWidth = `${Math.min(width, 620)}px`;
    for (const [column, x] of Object.entries(left)) svg.append(s("text", { class: "column", x, y: 14, "aria-hidden": "true" }, TITLES[column]));
    const lines = s("g", { class: "edges", "aria-hidden": "true" });
    for (const edge of edges) lines.append(this.line(edge, placed));
    svg.append(lines, ...[...placed.values()].map((place) => this.node(place)));
    put(this.element, svg);
    if (this.chosen && !placed.has(this.chosen)) this.pick(null);
    else this.light();
    if (focused) this.element.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  /** Nothing is drawn; this is said in its place. */
  clear(said) {
    this.picture = null;
    this.chosen = null;
    put(this.element, said);
  }

  line(edge, placed) {
    const from = placed.get(edge.source);
    const to = placed.get(edge.target);
    const [x1, y1] = [from.x + from.width, from.y + HEIGHT / 2];
    const [x2, y2] = [to.x, to.y + HEIGHT / 2];
    const bend = Math.min(60, (x2 - x1) / 2);
    return s("path", { class: `edge ${edge.state}`, d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, "data-from": edge.source, "data-to": edge.target });
  }

  node({ node, x, y, width }) {
    const act = () => this.pick(this.chosen === node.id ? null : node.id);
    const keyed = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      act();
    };
    const sign = mark(node.state);
    sign.setAttribute("x", "12");
    sign.setAttribute("y", String(HEIGHT / 2 - 8));
    return s(
      "g",
      { class: `node ${node.column} ${node.state}${node.titles ? " together" : ""}`, transform: `translate(${x} ${y})`, role: "button", tabindex: 0, "aria-pressed": "false", "data-id": node.id, click: act, keydown: keyed },
      s("rect", { class: "box", width, height: HEIGHT, rx: 8 }),
      sign,
      words(node, width),
    );
  }

  pick(id) {
    this.chosen = id;
    this.light();
    const { nodes } = gathered(this.picture, this.open);
    this.choose(nodes.find((node) => node.id === id) || null);
  }

  /** Show what stands together, one by one. */
  spread(node) {
    this.open.add(node.key);
    this.show(this.picture);
  }

  /** Bring out what leads to the chosen element, and where it leads. */
  light() {
    const on = new Set(this.chosen ? [this.chosen] : []);
    for (const [from, to] of [["source", "target"], ["target", "source"]]) {
      const next = this.chosen ? [this.chosen] : [];
      while (next.length) {
        const id = next.pop();
        for (const edge of this.edges) if (edge[from] === id && !on.has(`${from} ${edge[to]}`)) {
          on.add(`${from} ${edge[to]}`).add(edge[to]);
          next.push(edge[to]);
        }
      }
    }
    this.element.classList.toggle("lit", Boolean(this.chosen));
    for (const node of this.element.querySelectorAll(".node")) {
      node.classList.toggle("on", on.has(node.dataset.id));
      node.setAttribute("aria-pressed", String(node.dataset.id === this.chosen));
    }
    for (const edge of this.element.querySelectorAll(".edge")) edge.classList.toggle("on", on.has(edge.dataset.from) && on.has(edge.dataset.to));
  }
}
