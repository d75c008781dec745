/** What happened to one door, with a slider to any moment of it. */

import { asked, pathOf } from "./api.js";
import { h, put } from "./elements.js";
import { clock, whole } from "./times.js";

/** @typedef {{number: number, at: number, cause: number, because: string, sort: string, object: string, title: string, detail: string, fields: string[]}} Moment */

const PAUSE = 120;
const WORDS = { seen: "seen", gone: "gone", wrote: "written", refused: "refused", unanswered: "unanswered", waits: "under way", settings: "settings", rejected: "rejected", failed: "failed" };

export class Timeline {
  /**
   * @param {{kind: string, namespace: string, name: string}} door
   * @param {(moment: Moment|null, before: Moment|null) => void} choose null: now
   */
  constructor(door, choose) {
    this.door = door;
    this.choose = choose;
    /** @type {Moment[]} */
    this.moments = [];
    /** The number of the chosen moment's record; null: now. */
    this.chosen = null;
    this.slider = h("input", { type: "range", id: "moment", min: 0, step: 1, input: () => this.slid() });
    const step = (by) => () => this.go(Number(this.slider.value) + by);
    this.back = h("button", { type: "button", class: "step", "aria-label": "The moment before", click: step(-1) }, "←");
    this.forth = h("button", { type: "button", class: "step", "aria-label": "The moment after", click: step(1) }, "→");
    this.now = h("button", { type: "button", class: "plain", click: () => this.go(this.moments.length) }, "Now");
    this.items = h("ol", { class: "moments" });
    this.foot = h("p", { class: "hint" });
    this.element = h(
      "section",
      { class: "timeline", "aria-labelledby": "timeline-title" },
      h("h2", { id: "timeline-title" }, "What happened"),
      h("div", { class: "slide" }, this.back, h("label", { class: "hidden", for: "moment" }, "Moment"), this.slider, this.forth, this.now),
      this.items,
      this.foot,
    );
  }

  async load() {
    const told = await asked(pathOf(this.door, "/timeline"));
    this.moments = told.moments;
    this.slider.max = String(this.moments.length);
    if (this.chosen !== null && this.place() < 0) this.chosen = null;
    this.slider.value = String(this.chosen === null ? this.moments.length : this.place());
    this.foot.textContent = footnote(told, this.moments.length);
    this.draw();
    this.mark();
  }

  place() {
    return this.moments.findIndex((moment) => moment.number === this.chosen);
  }

  draw() {
    const items = this.moments.map((moment, index) => this.item(moment, index)).reverse();
    put(this.items, ...items);
  }

  item(moment, index) {
    const cause = this.moments.find((each) => each.number === moment.cause);
    const because = cause ? cause.title : moment.because;
    return h(
      "li",
      { class: moment.sort, "data-number": moment.number },
      h(
        "button",
        { type: "button", class: "moment", click: () => this.go(index) },
        h("span", { class: "when" }, h("time", { title: whole(moment.at) }, clock(moment.at)), h("span", { class: "sort" }, WORDS[moment.sort] || moment.sort)),
        h("span", { class: "what" }, moment.title),
        moment.detail && h("span", { class: "detail" }, moment.detail),
        moment.fields.length > 0 && h("span", { class: "paths" }, moment.fields.join(", ")),
      ),
      because && (cause ? h("button", { type: "button", class: "because", click: () => this.go(this.moments.indexOf(cause)) }, `because ${because}`) : h("span", { class: "because" }, `because ${because}`)),
    );
  }

  /** To the moment of a record; the newest one before it, where it is none of this door's. */
  goTo(number) {
    const index = this.moments.findLastIndex((moment) => moment.number <= number);
    if (index >= 0) this.go(index);
  }

  go(index) {
    const bounded = Math.min(Math.max(index, 0), this.moments.length);
    this.slider.value = String(bounded);
    this.chosen = bounded === this.moments.length ? null : this.moments[bounded].number;
    this.mark(true);
    this.choose(this.moments[bounded] || null, this.moments[bounded - 1] || null);
  }

  slid() {
    clearTimeout(this.sliding);
    const index = Number(this.slider.value);
    this.chosen = index === this.moments.length ? null : this.moments[index].number;
    this.mark(true);
    this.sliding = setTimeout(() => this.go(index), PAUSE);
  }

  mark(follow = false) {
    const index = Number(this.slider.value);
    const moment = this.moments[index];
    this.slider.setAttribute("aria-valuetext", moment ? `${clock(moment.at)}, ${moment.title}` : "Now");
    this.back.disabled = index === 0;
    this.forth.disabled = index >= this.moments.length;
    this.now.disabled = index >= this.moments.length;
    for (const item of this.items.children) {
      const chosen = moment && item.dataset.number === String(moment.number);
      item.classList.toggle("chosen", Boolean(chosen));
      if (chosen) item.firstChild.setAttribute("aria-current", "true");
      else item.firstChild.removeAttribute("aria-current");
      if (chosen && follow) this.items.scrollTo({ top: item.offsetTop - this.items.clientHeight / 2 });
    }
  }
}

function footnote({ since, journal }, count) {
  if (!count) return "Nothing has happened to this door that is still known.";
  if (journal) return since ? "From the journal, as far back as is read for one door." : "From the journal, from its beginning.";
  return since ? "As far back as this process remembers. With --journal it would be further." : "Since this process began. With --journal, the past would outlast it.";
}

