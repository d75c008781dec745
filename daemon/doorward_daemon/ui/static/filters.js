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

/**
 * The doors that fit, and of each field how many there are of each value among those that fit all else.
 * @param {Iterable<import("./store.js").Door>} doors @param {Filters} filters
 */
export function sifted(doors, filters) {
  const words = filters.search.toLowerCase().split(/\s+/).filter(Boolean);
  const asked = ["state", ...FIELDS].filter((field) => (field === "state" ? filters.state : filters[field] !== null));
  const counts = { state: new Map(), namespace: new Map(), backend: new Map(), reason: new Map() };
  const count = (field, value) => counts[field].set(value, (counts[field].get(value) || 0) + 1);
  const found = [];
  for (const door of doors) {
    if (words.length && !words.every((word) => textOf(door).includes(word))) continue;
    let misses = 0;
    let missed = "";
    for (const field of asked) {
      if (door[field] === filters[field]) continue;
      misses += 1;
      missed = field;
    }
    if (misses > 1) continue;
    if (misses) {
      count(missed, door[missed]);
      continue;
    }
    found.push(door);
    count("state", door.state);
    for (const field of FIELDS) count(field, door[field]);
  }
  return { found, counts };
}

/** What a search looks at, in lower case. */
const textOf = (door) => (door.text ??= `${door.namespace}/${door.name} ${door.url} ${door.reason} ${door.backend} ${door.message}`.toLowerCase());

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
