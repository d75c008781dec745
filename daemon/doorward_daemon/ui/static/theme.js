/** Light or dark: as the system is, unless somebody says otherwise on this page. */

const KEY = "doorward theme";
const NEXT = { "": "light", light: "dark", dark: "" };
const WORD = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" };

/** @param {HTMLButtonElement} button */
export function themed(button) {
  const show = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.textContent = WORD[theme];
  };
  let theme = localStorage.getItem(KEY) || "";
  if (!(theme in NEXT)) theme = "";
  show(theme);
  button.addEventListener("click", () => {
    theme = NEXT[theme];
    if (theme) localStorage.setItem(KEY, theme);
    else localStorage.removeItem(KEY);
    show(theme);
  });
}
