/** One door: how it fares, as a picture, and what happened to it. */

import { asked, pathOf } from "./api.js";
import { Drawing, TITLES } from "./drawing.js";
import { h, link, put, state } from "./elements.js";
import { Timeline } from "./timeline.js";
import { age, clock, whole } from "./times.js";

const EXPOSURES = { "cluster-local": "inside the cluster alone", disabled: "switched off outside", unguarded: "closed: its guard can't be given" };

export class DoorView {
  constructor(store, [kind, namespace, name]) {
    this.store = store;
    this.door = { kind, namespace, name };
    this.key = `${kind}/${namespace}/${name}`;
    this.over = new AbortController();
    this.shown = 0;
    this.drawing = new Drawing((node) => this.explain(node));
    this.timeline = new Timeline(this.door, (moment, before) => this.goTo(moment, before));
    this.head = h("div", { class: "door-head" });
    this.then = h("div", { class: "then", role: "status", hidden: true });
    this.node = h("section", { class: "why", "aria-live": "polite" });
    this.diff = h("section", { class: "changes", hidden: true });
    this.compare = h("select", { id: "compare", change: () => this.differ() }, h("option", { value: "before" }, "the moment before"), h("option", { value: "now" }, "now"));
    this.outline = h("div", {});
    this.body = h(
      "div",
      { class: "door-body" },
      h("div", { class: "door-main" }, this.then, this.drawing.element, this.node, this.diff, h("details", { class: "as-list", open: matchMedia("(max-width: 44rem)").matches }, h("summary", {}, "The same as a list"), this.outline)),
      this.timeline.element,
    );
    this.element = h("article", { class: "one" }, this.head, this.body);
    const options = { signal: this.over.signal };
    store.addEventListener("doors", ({ detail }) => (detail.all || detail.changed?.has(this.key)) && this.load(), options);
    this.ticking = setInterval(() => this.load(), 15_000);
  }

  close() {
    this.over.abort();
    clearInterval(this.ticking);
  }

  open() {
    this.load();
  }

  async load() {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    try {
      this.told = await asked(pathOf(this.door), { signal: this.over.signal });
      await this.timeline.load();
      this.lost(null);
      if (this.timeline.chosen === null) this.show(this.told);
    } catch (error) {
      if (error.name !== "AbortError") this.lost(error);
    } finally {
      this.loading = false;
      if (this.again) {
        this.again = false;
        this.load();
      }
    }
  }

  lost(error) {
    this.body.hidden = Boolean(error && !this.told) || error?.status === 404;
    if (!error) return;
    const gone = error.status === 404;
    if (!gone && this.told) return;
    const { namespace, name } = this.door;
    put(this.head, 
      back(),
      h("h1", {}, h("span", { class: "namespace" }, `${namespace}/`), name),
      h("div", { class: "empty" }, h("h2", {}, gone ? "There is no such door" : "The door can't be shown"), h("p", {}, gone ? "The service is gone, or you may not see it." : error.message)),
    );
  }

  show(told) {
    if (!told.service) {
      this.head.classList.add("absent");
      this.drawing.clear(h("div", { class: "empty" }, h("h2", {}, "It wasn't there yet"), h("p", {}, "At this moment there was no such service.")));
      put(this.outline, );
      this.explain(null);
      return;
    }
    this.head.classList.remove("absent");
    this.showHead(told);
    if (told.picture.nodes.length) this.drawing.show(told.picture);
    else this.drawing.clear(h("div", { class: "empty" }, h("h2", {}, "Nothing stands"), h("p", {}, told.picture.message || told.picture.refusal || "No part of this door is there yet.")));
    this.showOutline(told.picture);
    if (!this.drawing.chosen) this.explain(null);
  }

  showHead({ service, picture }) {
    const name = picture.state;
    const fact = (label, value) => value && h("div", {}, h("dt", {}, label), h("dd", {}, value));
    const created = Date.parse(service.created) / 1000;
    const url = service.url && link(service.url);
    const kind = service.kind.startsWith("InferenceService.") ? "" : service.kind;
    put(this.head, 
      back(),
      h("div", { class: "title" }, h("h1", {}, h("span", { class: "namespace" }, `${service.namespace}/`), service.name), state(name), picture.reason && h("span", { class: "reason-word" }, picture.reason)),
      picture.message && h("p", { class: `message ${name}` }, picture.message),
      picture.refusal && h("p", { class: "message waiting" }, picture.refusal),
      h(
        "dl",
        { class: "facts" },
        fact("URL", url),
        fact("In the cluster", service.address && h("code", {}, service.address)),
        fact("Backend", picture.backend),
        fact("Mode", picture.mode),
        fact("Outside", EXPOSURES[picture.exposure]),
        fact("Guard", picture.guard),
        fact("Kind", kind),
        fact("Age", created ? h("time", { title: whole(created) }, age(created)) : ""),
      ),
    );
  }

  showOutline(picture) {
    const groups = Object.entries(TITLES).map(([column, title]) => {
      const nodes = picture.nodes.filter((node) => node.column === column);
      return nodes.length > 0 && h("div", {}, h("h3", {}, title), h("ul", {}, nodes.map((node) => h("li", {}, state(node.state), h("b", {}, node.title), h("span", { class: "detail" }, node.subtitle), this.leads(picture, node), node.why && h("span", { class: "detail" }, node.why)))));
    });
    put(this.outline, ...groups.filter(Boolean));
  }

  leads(picture, node) {
    const targets = picture.edges.filter((edge) => edge.source === node.id).map((edge) => picture.nodes.find((each) => each.id === edge.target).title);
    return targets.length > 0 && h("span", { class: "detail" }, `→ ${targets.join(", ")}`);
  }

  /** What an element is, and what it follows from. */
  explain(node) {
    if (!node) {
      const text = this.told?.picture.nodes.length ? "Choose an element of the picture to see what it follows from." : "";
      put(this.node, text && h("p", { class: "hint" }, text));
      return;
    }
    const last = this.timeline.moments.findLast((moment) => node.object && moment.object === node.object && (this.timeline.chosen === null || moment.number <= this.timeline.chosen));
    put(this.node, 
      h("div", { class: "title" }, h("h2", {}, node.title), state(node.state), h("span", { class: "detail" }, node.subtitle)),
      node.why && h("p", { class: `message ${node.state}` }, node.why),
      node.titles && h("p", { class: "titles" }, node.titles.join(", ")),
      node.titles && h("button", { type: "button", class: "plain", click: () => this.drawing.spread(node) }, "Show each of them"),
      node.causes.length > 0 && h("h3", {}, "It follows from"),
      h("ul", { class: "causes" }, node.causes.map(cause)),
      last && h("p", {}, "Last changed: ", h("button", { type: "button", class: "because", click: () => this.timeline.goTo(last.number) }, `${last.title}, ${clock(last.at)}`)),
    );
  }

  async goTo(moment, before) {
    const turn = ++this.shown;
    this.moment = moment;
    this.before = before;
    this.then.hidden = !moment;
    if (!moment) {
      this.diff.hidden = true;
      this.element.classList.remove("past");
      this.show(this.told);
      return;
    }
    this.element.classList.add("past");
    put(this.then, h("p", {}, "As it was ", h("b", {}, `${age(moment.at)} ago`), ` (${clock(moment.at)}), after: ${moment.title}`), h("button", { type: "button", class: "plain", click: () => this.timeline.go(this.timeline.moments.length) }, "Back to now"));
    try {
      const told = await asked(pathOf(this.door, `/then?number=${moment.number}`), { signal: this.over.signal });
      if (turn !== this.shown) return;
      this.show(told);
      await this.differ();
    } catch (error) {
      if (error.name !== "AbortError" && turn === this.shown) put(this.then, h("p", {}, `This moment can't be shown: ${error.message}`));
    }
  }

  /** What differs between the chosen moment and the one that it is compared with. */
  async differ() {
    const { moment, before } = this;
    if (!moment) return;
    const turn = this.shown;
    const from = before ? before.number : Math.max(0, moment.number - 1);
    const query = this.compare.value === "now" ? `from=${moment.number}` : `from=${from}&to=${moment.number}`;
    const { changes } = await asked(pathOf(this.door, `/changes?${query}`), { signal: this.over.signal });
    if (turn !== this.shown) return;
    const heading = h("div", { class: "compare" }, h("h2", {}, "What differs"), h("label", { for: "compare" }, "between this moment and ", this.compare));
    const nothing = h("p", { class: "hint" }, "Nothing that the door consists of, or follows from, differs.");
    put(this.diff, heading, ...(changes.length ? changes.map(changed) : [nothing]));
    this.diff.hidden = false;
  }
}

function back() {
  return h("a", { class: "back", href: "#/doors" }, "← All doors");
}

function cause({ sort, name, value }) {
  const shown = sort === "setting" ? h("a", { href: `#/settings?search=${encodeURIComponent(name)}` }, name) : h("code", {}, name);
  return h("li", {}, h("span", { class: "sort" }, sort), shown, value && h("span", { class: "value" }, value));
}

const SIGNS = { appears: "appears", goes: "is gone", changes: "changes" };

function changed({ object, what, fields, more }) {
  const value = (text, sort) => h("td", { class: sort }, text === null ? h("span", { class: "none" }, "not there") : h("code", {}, text));
  const rows = fields.map((field) => h("tr", {}, h("th", { scope: "row" }, field.path), value(field.before, "before"), value(field.after, "after")));
  const heads = h("thead", {}, h("tr", {}, ["Field", "Before", "After"].map((title) => h("th", { scope: "col" }, title))));
  const table = h("table", { class: "fields-changed" }, heads, h("tbody", {}, rows));
  const note = more > 0 && h("p", { class: "hint" }, `and ${more} more fields`);
  return h("details", { class: "change", open: what === "changes" }, h("summary", {}, h("b", {}, object), ` ${SIGNS[what]}`), table, note);
}

