/** Which doors are shown: kept in the address, so that a view can be handed on. The daemon's table.py has the same rules. */

/** @typedef {{search: string, namespace: string|null, backend: string|null, reason: string|null, state: string, sort: string}} Filters */

export const FIELDS = ["namespace", "backend", "reason"];
const NAMES = ["search", ...FIELDS, "state", "sort"];

/** @returns {Filters} */
export function read(query) {
  const given = new URLSearchParams(query);
  return {
    search: given.get("search") || "",
    namespace: given.get("namespace"),
    backend: given.get("backend"),
    reason: given.get("reason"),
    state: given.get("state") || "",
    sort: given.get("sort") || "service",
  };
}

/** @param {Filters} filters */
export function written(filters) {
  const query = new URLSearchParams();
  for (const name of NAMES) {
    const value = filters[name];
    if (value !== null && value !== "" && !(name === "sort" && value === "service")) query.set(name, value);
    else if (FIELDS.includes(name) && value === "") query.set(name, "");
  }
  return query.toString();
}

/** As the daemon is asked for a table. */
export const asTable = (filters) => written({ ...filters, sort: "service" });

/** @param {Iterable<import("./store.js").Door>} doors @param {Filters} filters @param {string} [but] a field that doesn't count */
export function chosen(doors, filters, but = "") {
  const words = filters.search.toLowerCase().split(/\s+/).filter(Boolean);
  const fields = FIELDS.filter((field) => field !== but && filters[field] !== null);
  const found = [];
  for (const door of doors) {
    if (filters.state && but !== "state" && door.state !== filters.state) continue;
    if (!fields.every((field) => door[field] === filters[field])) continue;
    if (!words.every((word) => door.text.includes(word))) continue;
    found.push(door);
  }
  return found;
}

const URGENCY = { broken: 0, waiting: 1, ready: 2 };
const text = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const service = (a, b) => text(a.namespace, b.namespace) || text(a.name, b.name) || text(a.kind, b.kind);
const ORDERS = {
  service,
  state: (a, b) => URGENCY[a.state] - URGENCY[b.state] || service(a, b),
  url: (a, b) => text(a.url || "\uffff", b.url || "\uffff") || service(a, b),
  backend: (a, b) => text(a.backend || "\uffff", b.backend || "\uffff") || service(a, b),
  reason: (a, b) => text(a.reason || "\uffff", b.reason || "\uffff") || service(a, b),
  age: (a, b) => b.created - a.created || service(a, b),
};

/** In the order that is asked for; a minus in front turns it round. */
export function sorted(doors, sort) {
  const back = sort.startsWith("-");
  const order = ORDERS[back ? sort.slice(1) : sort] || service;
  return doors.sort(back ? (a, b) => order(b, a) : order);
}

/** How many there are of each value of a field, by value. */
export function counted(doors, field) {
  const counts = new Map();
  for (const door of doors) counts.set(door[field], (counts.get(door[field]) || 0) + 1);
  return new Map([...counts].sort(([a], [b]) => text(a, b)));
}
