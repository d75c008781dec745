/** The page: which view the address asks for, and how the daemon fares. */

import { keepToken } from "./api.js";
import { h, put } from "./elements.js";
import { List } from "./list.js";
import { login } from "./login.js";
import { Store } from "./store.js";
import { themed } from "./theme.js";

const store = new Store();
const content = document.getElementById("content");
const live = document.getElementById("live");
const notice = document.getElementById("notice");
let view = null;
let place = "";

async function route() {
  const asked = location.hash;
  const [path, query = ""] = asked.slice(1).split("?");
  const [, page = "doors", ...rest] = path.split("/");
  const parts = rest.map(decodeURIComponent);
  const now = [page, ...parts].join("/");
  if (now !== place || !view) {
    // The list doesn't wait for what others need.
    const { DoorView } = page === "door" && parts.length === 3 ? await import("./door.js") : {};
    const { SettingsView } = page === "settings" ? await import("./settings.js") : {};
    if (location.hash !== asked) return;
    view?.close();
    view = DoorView ? new DoorView(store, parts) : SettingsView ? new SettingsView(store) : new List(store);
    const moved = place !== "";
    place = now;
    put(content, view.element);
    content.className = page;
    document.title = page === "door" ? `${parts[2]} · doorward` : page === "settings" ? "Settings · doorward" : "doorward";
    for (const each of document.querySelectorAll("nav a")) {
      if (each.dataset.page === (page === "door" ? "doors" : page)) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
    if (moved) content.focus({ preventScroll: true });
  }
  view.open(query);
}

function told() {
  const { problem } = store;
  if (problem?.status === 401 || problem?.status === 403) {
    const done = () => {
      view = null;
      place = "";
      store.dispatchEvent(new Event("signed"));
      route();
    };
    view?.close();
    view = null;
    content.className = "login";
    put(content, login(problem.message, done));
    if (problem.status === 401) keepToken("");
  }
  live.className = `live ${store.live ? "on" : "off"}`;
  const word = store.live ? "Live" : store.loaded ? "Reconnecting" : "Connecting";
  if (live.textContent !== word) live.textContent = word;
  const said = !store.live && store.loaded ? ["The daemon doesn't answer: what is shown is what was known before. The page goes on asking."] : store.about.said;
  notice.hidden = !said.length;
  notice.classList.toggle("bad", !store.about.ready || !store.live);
  const text = said.join("\n");
  if (notice.dataset.text !== text) {
    notice.dataset.text = text;
    put(notice, ...said.map((line) => h("p", {}, line)));
  }
}

themed(/** @type {HTMLButtonElement} */ (document.getElementById("theme")));
addEventListener("hashchange", route);
store.addEventListener("state", told);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
route();
store.run();
