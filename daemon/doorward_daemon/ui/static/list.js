/** The list of doors: filters, and a table of which only the rows in sight are there. */

import { saved } from "./api.js";
import { h, link, mark, ofTheWeb, put, WORDS } from "./elements.js";
import { asTable, FIELDS, read, sifted, sorted, written } from "./filters.js";
import { age, whole } from "./times.js";

const COLUMNS = [
  ["state", "State"],
  ["service", "Service"],
  ["url", "URL"],
  ["backend", "Backend"],
  ["reason", "Reason"],
  ["age", "Age"],
];
const LABELS = { namespace: "Namespace", backend: "Backend", reason: "Reason" };
const BEYOND = 8;
/** Rows at most, whatever height the browser tells. */
const MOST = 150;
const narrow = matchMedia("(max-width: 44rem)");

export class List {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    this.filters = read("");
    /** @type {import("./store.js").Door[]} */
    this.shown = [];
    /** Rows that are there, by their doors' keys. @type {Map<string, HTMLElement>} */
    this.rows = new Map();
    this.total = 0;
    this.build();
    const over = new AbortController();
    this.over = over;
    const options = { signal: over.signal };
    store.addEventListener("doors", (event) => this.news(event.detail), options);
    store.addEventListener("state", () => this.drawTotal(), options);
    narrow.addEventListener("change", () => this.draw(), options);
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.scroller);
    document.addEventListener("keydown", (event) => this.key(event), options);
    this.ticking = setInterval(() => this.tick(), 5000);
  }

  close() {
    this.over.abort();
    this.sizes.disconnect();
    clearInterval(this.ticking);
  }

  build() {
    this.search = h("input", {
      type: "search",
      id: "search",
      placeholder: "Search names, URLs, reasons",
      autocomplete: "off",
      spellcheck: "false",
      "aria-keyshortcuts": "/",
      input: () => this.set({ search: this.search.value }),
    });
    this.states = h("div", { class: "states", role: "group", "aria-label": "State" });
    this.selects = Object.fromEntries(
      FIELDS.map((field) => [field, h("select", { id: `filter-${field}`, change: (event) => this.set({ [field]: chosenValue(event.target) }) })]),
    );
    this.clear = h("button", { type: "button", class: "plain", click: () => this.set(read("")) }, "Clear filters");
    this.head = h("div", { class: "row head", role: "row", "aria-rowindex": 1 });
    this.sizer = h("div", { class: "sizer", role: "rowgroup" });
    this.scroller = h("div", { class: "scroller", role: "presentation", scroll: () => this.draw() }, this.sizer);
    this.table = h("div", { class: "doors", role: "table", "aria-label": "Doors" }, h("div", { role: "rowgroup", class: "heads" }, this.head), this.scroller);
    this.empty = h("div", { class: "empty", hidden: true });
    this.count = h("p", { class: "count", role: "status" });
    const table = (form) => h("button", { type: "button", class: "plain", click: () => this.save(form) }, form.toUpperCase());
    this.element = h(
      "div",
      { class: "list" },
      h("h1", { class: "hidden" }, "Doors"),
      h(
        "div",
        { class: "filters", role: "search", "aria-label": "Doors" },
        this.states,
        h("div", { class: "fields" },
          h("label", { class: "field grow", for: "search" }, h("span", { class: "hidden" }, "Search"), this.search),
          FIELDS.map((field) => h("label", { class: "field", for: `filter-${field}` }, h("span", { class: "hidden" }, LABELS[field]), this.selects[field])),
        ),
      ),
      h("div", { class: "summary" }, this.count, this.clear, h("span", { class: "downloads" }, "Download", table("csv"), table("json"))),
      this.table,
      this.empty,
    );
  }

  /** @param {string} query that of the address */
  open(query) {
    this.filters = read(query);
    if (this.search.value !== this.filters.search) this.search.value = this.filters.search;
    this.update();
  }

  set(some) {
    this.filters = { ...this.filters, ...some };
    if (this.search.value !== this.filters.search) this.search.value = this.filters.search;
    const query = written(this.filters);
    history.replaceState(null, "", `#/doors${query ? `?${query}` : ""}`);
    this.scroller.scrollTop = 0;
    this.update();
  }

  news({ changed }) {
    this.fresh = changed;
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.update();
    });
  }

  update() {
    const { found, counts } = sifted(this.store.doors.values(), this.filters);
    this.shown = sorted(found, this.filters.sort);
    this.total = this.store.doors.size;
    this.drawStates(counts.state);
    for (const field of FIELDS) this.drawSelect(field, counts[field]);
    this.drawHead();
    this.table.setAttribute("aria-rowcount", String(this.shown.length + 1));
    this.drawTotal();
    this.draw(true);
  }

  drawTotal() {
    if (this.pending) return;
    const filtered = written({ ...this.filters, sort: "service" }) !== "";
    this.clear.hidden = !filtered;
    const number = (count) => count.toLocaleString();
    const doors = (count) => `${number(count)} ${count === 1 ? "door" : "doors"}`;
    const text = !this.store.loaded ? "" : filtered ? `${number(this.shown.length)} of ${doors(this.total)}` : doors(this.total);
    if (this.count.textContent !== text) this.count.textContent = text;
    this.drawEmpty(this.total);
  }

  drawStates(found) {
    const counts = { "": 0, ready: 0, broken: 0, waiting: 0 };
    for (const [state, count] of found) {
      counts[state] += count;
      counts[""] += count;
    }
    const focused = this.states.contains(document.activeElement) ? document.activeElement.dataset.state : null;
    const button = (state) =>
      h(
        "button",
        { type: "button", "data-state": state, "aria-pressed": String(this.filters.state === state), click: () => this.set({ state }) },
        state && mark(state),
        h("span", {}, state ? WORDS[state] : "All"),
        h("b", {}, counts[state].toLocaleString()),
      );
    put(this.states, ...Object.keys(counts).map(button));
    if (focused !== null) this.states.querySelector(`[data-state="${focused}"]`)?.focus();
  }

  drawSelect(field, counts) {
    const select = this.selects[field];
    const value = this.filters[field];
    if (value !== null && !counts.has(value)) counts.set(value, 0);
    const none = { backend: "none", reason: "none" }[field];
    const options = [["any", null, `Any ${field}`], ...[...counts].map(([each, count]) => [`is ${each}`, each, `${each || none} (${count.toLocaleString()})`])];
    const text = options.map((option) => option.join()).join("\n");
    if (select.dataset.options !== text) {
      select.dataset.options = text;
      put(select, ...options.map(([id, , shown]) => h("option", { value: id }, shown)));
    }
    select.value = value === null ? "any" : `is ${value}`;
    select.classList.toggle("set", value !== null);
  }

  drawHead() {
    if (!this.heads) {
      this.heads = COLUMNS.map(([name, title]) => {
        const sort = () => this.set({ sort: this.filters.sort === name ? `-${name}` : name });
        return h("div", { role: "columnheader", class: `cell ${name}` }, h("button", { type: "button", click: sort }, title));
      });
      put(this.head, ...this.heads);
    }
    COLUMNS.forEach(([name], index) => {
      const order = { [name]: "ascending", [`-${name}`]: "descending" }[this.filters.sort];
      if (order) this.heads[index].setAttribute("aria-sort", order);
      else this.heads[index].removeAttribute("aria-sort");
    });
  }

  drawEmpty(all) {
    const nothing = this.store.loaded && !this.shown.length;
    const problem = !this.store.loaded && this.store.problem;
    this.empty.hidden = !(nothing || problem);
    this.table.hidden = !this.empty.hidden;
    if (problem) {
      put(this.empty, h("h2", {}, "The doors can't be had"), h("p", {}, this.store.problem.message), h("p", {}, "The page goes on asking."));
    } else if (nothing && all) {
      const clear = h("button", { type: "button", class: "primary", click: () => this.set(read("")) }, "Show all doors");
      put(this.empty, h("h2", {}, "No door is like that"), h("p", {}, "No door fits the search and the filters together."), clear);
    } else if (nothing) {
      const unlisted = !this.store.about.ready;
      const text = unlisted ? "Not everything is listed yet. Doors appear here as soon as they are known." : "There are no InferenceServices that you may see. Each that is created appears here by itself.";
      put(this.empty, h("h2", {}, unlisted ? "Still listing" : "No doors yet"), h("p", {}, text));
    }
  }

  /** Put the rows that are in sight where they belong. */
  draw(renew = false) {
    if (this.table.hidden) return;
    const height = narrow.matches ? 68 : 44;
    const { scrollTop, clientHeight } = this.scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - BEYOND);
    const last = Math.min(this.shown.length, Math.ceil((scrollTop + clientHeight) / height) + BEYOND, first + MOST);
    const tall = `${this.shown.length * height}px`;
    if (this.sizer.style.height !== tall) this.sizer.style.height = tall;
    this.table.classList.toggle("long", this.shown.length * height > clientHeight);
    const wanted = new Map();
    for (let index = first; index < last; index++) wanted.set(this.shown[index].key, index);
    const active = this.sizer.contains(document.activeElement) ? document.activeElement.closest(".row").door.key : "";
    if (active && !wanted.has(active)) {
      const index = this.shown.findIndex((door) => door.key === active);
      if (index >= 0) wanted.set(active, index);
    }
    // A row that went out of sight shows another door: that takes less than a new one.
    const spare = [];
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      if (key === active) row.remove();
      else spare.push(row);
    }
    const kept = new Map();
    for (const [key, index] of wanted) {
      const door = this.shown[index];
      const row = this.rows.get(key) || spare.pop() || this.row();
      if (row.door?.key !== key || (renew && row.door !== door)) fill(row, door);
      place(row, index, height);
      if (this.fresh?.has(key)) flash(row);
      kept.set(key, row);
    }
    for (const row of spare) row.remove();
    order(this.sizer, [...kept.values()], kept.get(active));
    this.rows = kept;
    this.fresh = undefined;
  }

  row() {
    const row = h("div", { class: "row", role: "row", click: (event) => this.click(event, row) });
    row.cells = COLUMNS.map(([name]) => h("div", { role: "cell", class: `cell ${name}` }));
    const [state, service, , , reason, at] = row.cells;
    const parts = { state: h("span"), namespace: h("span", { class: "namespace" }), name: h("b"), link: h("a", { class: "name" }), url: link("http://x", "", { tabindex: -1 }), reason: h("span", { class: "reason-word" }), message: h("span", { class: "message" }), time: h("time") };
    row.parts = parts;
    state.append(parts.state);
    parts.link.append(parts.namespace, parts.name);
    service.append(parts.link);
    reason.append(parts.reason, parts.message);
    at.append(parts.time);
    at.addEventListener("pointerenter", () => (parts.time.title = whole(row.door.created)));
    row.append(...row.cells);
    return row;
  }

  tick() {
    for (const row of this.rows.values()) row.parts.time.textContent = age(row.door.created);
  }

  click(event, row) {
    if (event.target.closest("a, button") || getSelection().toString()) return;
    location.hash = hrefOf(row.door);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      this.search.focus();
      this.search.select();
    } else if (event.key === "ArrowDown" && event.target === this.search) {
      event.preventDefault();
      this.focus(0);
    } else if (this.sizer.contains(event.target)) {
      const { index } = event.target.closest(".row");
      const page = Math.max(1, Math.floor(this.scroller.clientHeight / (narrow.matches ? 68 : 44)) - 1);
      const to = { ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: this.shown.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.focus(to);
    }
  }

  focus(index) {
    index = Math.min(Math.max(index, 0), this.shown.length - 1);
    if (index < 0) return;
    const height = narrow.matches ? 68 : 44;
    const { scrollTop, clientHeight } = this.scroller;
    if (index * height < scrollTop) this.scroller.scrollTop = index * height;
    else if ((index + 1) * height > scrollTop + clientHeight) this.scroller.scrollTop = (index + 1) * height - clientHeight;
    this.draw();
    this.rows.get(this.shown[index].key)?.parts.link.focus({ preventScroll: true });
  }

  async save(form) {
    await saved(`doors.${form}?${asTable(this.filters)}`, `doors.${form}`);
  }
}

export function hrefOf(door) {
  return `#/door/${[door.kind, door.namespace, door.name].map(encodeURIComponent).join("/")}`;
}

function chosenValue(select) {
  return select.value === "any" ? null : select.value.slice(3);
}

/** Have a row show a door, whichever one it showed before; only what differs is touched. */
function fill(row, door) {
  const [, , url, backend, reason] = row.cells;
  const { parts, door: before } = row;
  row.door = door;
  if (before?.key !== door.key) {
    row.turned = true;
    row.dataset.key = door.key;
    row.classList.remove("fresh");
    parts.link.setAttribute("href", hrefOf(door));
    parts.namespace.textContent = `${door.namespace}/`;
    parts.name.textContent = door.name;
  }
  if (before?.state !== door.state) {
    parts.state.className = `state ${door.state}`;
    put(parts.state, mark(door.state), h("span", {}, WORDS[door.state]));
  }
  if (before?.url !== door.url) {
    const text = door.url.replace(/^https?:\/\//, "");
    if (ofTheWeb(door.url)) {
      parts.url.href = parts.url.title = door.url;
      parts.url.textContent = text;
      if (parts.url.parentElement !== url) put(url, parts.url);
    } else put(url, door.url ? h("span", { title: door.url }, text) : none());
  }
  if (before?.backend !== door.backend) put(backend, door.backend || none());
  if (before?.reason !== door.reason) parts.reason.textContent = door.reason;
  if (before?.message !== door.message) {
    parts.message.textContent = door.message;
    reason.title = door.message;
  }
  if (before?.created !== door.created) parts.time.textContent = age(door.created);
}

const none = () => h("span", { class: "none" }, "none");

function place(row, index, height) {
  const top = index * height;
  if (row.top !== top) {
    row.top = top;
    row.style.transform = `translateY(${top}px)`;
  }
  if (row.index !== index) {
    row.index = index;
    row.setAttribute("aria-rowindex", String(index + 2));
  }
}

/** Have rows follow each other as they are seen, for the Tab key and for who listens. The one with the focus stays: it would lose it. */
function order(sizer, rows, focused) {
  let next = sizer.firstElementChild;
  for (const row of rows.sort((a, b) => a.index - b.index)) {
    while (next?.turned && next !== row) next = next.nextElementSibling;
    while (row === focused && next !== row) {
      const last = next;
      next = next.nextElementSibling;
      sizer.append(last);
    }
    if (row === next) next = next.nextElementSibling;
    else sizer.insertBefore(row, next);
  }
  for (const row of rows) row.turned = false;
}

function flash(row) {
  row.classList.remove("fresh");
  void row.offsetWidth;
  row.classList.add("fresh");
}
