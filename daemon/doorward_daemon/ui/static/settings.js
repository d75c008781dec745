/** The settings in force, where they come from, and what is wrong with an edit that isn't in force. */

import { asked } from "./api.js";
import { h, put, state } from "./elements.js";
import { age, whole } from "./times.js";

const KEYS = { ingress: "Key ingress, or its overlay in key doorward", deploy: "Key deploy", doorward: "Key doorward" };

export class SettingsView {
  constructor(store) {
    this.store = store;
    this.over = new AbortController();
    this.body = h("div", {});
    this.search = h("input", { type: "search", id: "settings-search", placeholder: "Search settings", autocomplete: "off", spellcheck: "false", input: () => this.draw() });
    this.only = h("input", { type: "checkbox", id: "only-set", change: () => this.draw() });
    this.element = h("div", { class: "settings" }, h("h1", {}, "Settings in force"), this.body);
    store.addEventListener("state", () => this.news(), { signal: this.over.signal });
  }

  close() {
    this.over.abort();
  }

  open(query) {
    const name = new URLSearchParams(query).get("search");
    if (name) this.search.value = name;
    this.load();
  }

  news() {
    if (this.store.about.settings !== this.at) this.load();
  }

  async load() {
    this.at = this.store.about.settings;
    try {
      this.told = await asked("settings");
      this.show();
    } catch (error) {
      put(this.body, h("div", { class: "empty" }, h("h2", {}, "The settings can't be shown"), h("p", {}, error.message)));
    }
  }

  show() {
    const { told } = this;
    this.tables = h("div", {});
    put(this.body, 
      this.standing(),
      told.problems.length ? list("bad", "What rejects the newest edit", told.problems) : "",
      told.warnings.length ? list("odd", "What is odd in it", told.warnings) : "",
      h(
        "div",
        { class: "fields" },
        h("label", { class: "field grow", for: "settings-search" }, h("span", { class: "hidden" }, "Search settings"), this.search),
        h("label", { class: "check", for: "only-set" }, this.only, "Only what differs from the default"),
      ),
      this.tables,
    );
    this.draw();
  }

  standing() {
    const { state: how, at, where } = this.told;
    const map = () => h("code", {}, `ConfigMap ${where}`);
    const since = at ? [", since ", h("time", { title: whole(at) }, `${age(at)} ago`)] : [];
    const lines = {
      newest: [state("ready", "In force"), h("span", {}, "what ", map(), " says", ...since, ".")],
      "last good": [state("broken", "Rejected"), h("span", {}, "The newest edit of ", map(), " is rejected. An earlier one stays in force, and no door moves until it is corrected.")],
      defaults: [state("ready", "Defaults"), h("span", {}, "There is no ", map(), "; every setting has its default.")],
      none: [state("broken", "None"), h("span", {}, "No settings are in force, and no door opens.")],
    };
    return h("p", { class: "standing" }, lines[how]);
  }

  draw() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (each) => (!this.only.checked || !each.default) && words.every((word) => `${each.name} ${each.about} ${each.value}`.toLowerCase().includes(word));
    const found = this.told.settings.filter(fits);
    const groups = Object.keys(KEYS).map((key) => [key, found.filter((each) => each.key === key)]);
    put(this.tables, ...groups.filter(([, some]) => some.length).map(([key, some]) => table(key, some)));
    if (!found.length && this.told.settings.length) put(this.tables, h("div", { class: "empty" }, h("h2", {}, "No setting is like that")));
  }
}

function list(sort, title, items) {
  return h("section", { class: `said ${sort}` }, h("h2", {}, title), h("ul", {}, items.map((item) => h("li", {}, item))));
}

function table(key, settings) {
  const row = (each) =>
    h(
      "tr",
      { class: each.default ? "default" : "set" },
      h("th", { scope: "row" }, each.name),
      h("td", { class: "value" }, value(each.value), each.default ? "" : h("span", { class: "badge" }, "set")),
      h("td", { class: "about" }, each.about),
    );
  const heads = ["Setting", "Value", "What it does"].map((title) => h("th", { scope: "col" }, title));
  return h("table", { class: "values" }, h("caption", {}, KEYS[key]), h("thead", {}, h("tr", {}, heads)), h("tbody", {}, settings.map(row)));
}

function value(given) {
  if (given === "" || given === null || (Array.isArray(given) && !given.length)) return h("span", { class: "none" }, "none");
  if (Array.isArray(given)) return h("code", {}, given.join(", "));
  if (typeof given === "object") return Object.keys(given).length ? h("code", {}, JSON.stringify(given)) : h("span", { class: "none" }, "none");
  return h("code", {}, String(given));
}
