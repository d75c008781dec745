/** The list, asked for before the rest of the page is there. */

import { asked } from "./api.js";

let early = asked("doors");
early.catch(() => {}); // whoever takes it is told

/** The list: at first the one that is under way. @returns {Promise<any>} */
export function listed() {
  const list = early || asked("doors");
  early = null;
  return list;
}
