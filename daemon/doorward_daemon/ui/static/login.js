/** Where the page isn't on loopback: a token of the cluster, kept for as long as this tab is open. */

import { hasToken, keepToken } from "./api.js";
import { h } from "./elements.js";

/**
 * @param {string} said the daemon's words
 * @param {() => void} done
 */
export function login(said, done) {
  const input = h("textarea", { id: "token", rows: 4, spellcheck: "false", autocomplete: "off", autocapitalize: "off", required: true });
  const submit = (event) => {
    event.preventDefault();
    keepToken(input.value.trim());
    done();
  };
  return h(
    "section",
    { class: "login" },
    h("h1", {}, "Who are you?"),
    h("p", {}, "This page shows the doors of those namespaces in which you may list InferenceServices. Give it a token of the cluster, such as the one that ", h("code", {}, "kubectl create token NAME"), " prints."),
    hasToken() && h("p", { class: "problem" }, said),
    h(
      "form",
      { submit },
      h("label", { for: "token" }, "Token"),
      input,
      h("p", { class: "hint" }, "It is kept in this tab alone, and forgotten when the tab is closed."),
      h("button", { type: "submit", class: "primary" }, "Show the doors"),
    ),
  );
}
