/** All doors as the daemon tells them, kept new by its events. */

import { followed } from "./api.js";
import { listed } from "./first.js";

/**
 * @typedef {Object} Door
 * @property {string} kind
 * @property {string} namespace
 * @property {string} name
 * @property {"True"|"False"|"Unknown"|""} status
 * @property {string} reason
 * @property {string} message
 * @property {string} url
 * @property {string} backend
 * @property {number} created
 * @property {number} since
 * @property {number} number
 * @property {string} key
 * @property {string} [text] what a search looks at, once there was one
 */

const AGAIN = 2000;

export class Store extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Door>} */
    this.doors = new Map();
    this.about = { ready: true, said: [], journal: false };
    this.loaded = false;
    this.live = false;
    this.columns = [];
    /** Why the list can't be had, if so. @type {Error|null} */
    this.problem = null;
  }

  /** Load the list and follow it, again and again, for as long as the page is open. */
  async run() {
    for (;;) {
      try {
        await this.follow(await this.load());
      } catch (error) {
        this.problem = error;
      }
      this.live = false;
      this.tell("state");
      if (this.problem?.status === 401 || this.problem?.status === 403) await this.signed();
      else await new Promise((resolve) => setTimeout(resolve, AGAIN));
    }
  }

  /** Wait until somebody has given a token. */
  signed() {
    return new Promise((resolve) => this.addEventListener("signed", resolve, { once: true }));
  }

  async load() {
    const list = await listed();
    this.columns = list.columns;
    this.doors = new Map(list.rows.map((row) => this.read(row)).map((door) => [door.key, door]));
    this.loaded = true;
    this.problem = null;
    this.tell("doors", { all: true });
    return list.version;
  }

  async follow(version) {
    const over = new AbortController();
    const news = (name, data) => {
      if (!this.live) {
        this.live = true;
        this.tell("state");
      }
      if (name === "about") {
        this.about = data;
        this.tell("state");
      } else if (data.anew) over.abort();
      else this.take(data);
    };
    await followed(`events?version=${version}`, news, over.signal);
  }

  take({ rows, gone }) {
    for (const ref of gone) this.doors.delete(ref.join("/"));
    const changed = rows.map((row) => this.read(row));
    for (const door of changed) this.doors.set(door.key, door);
    this.tell("doors", { changed: new Set([...changed.map((door) => door.key), ...gone.map((ref) => ref.join("/"))]) });
  }

  /** @returns {Door} */
  read(row) {
    const door = {};
    for (let index = 0; index < row.length; index++) door[this.columns[index]] = row[index];
    door.key = `${door.kind}/${door.namespace}/${door.name}`;
    return door;
  }

  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
