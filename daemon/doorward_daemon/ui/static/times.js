/** Times as people read them. */

const UNITS = [
  [86400 * 365, "y"],
  [86400, "d"],
  [3600, "h"],
  [60, "m"],
];

/** How long ago, as kubectl tells it: 3d, 5h, 12m, 8s. @param {number} at seconds since the epoch */
export function age(at, now = Date.now() / 1000) {
  if (!at) return "";
  const seconds = Math.max(0, now - at);
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  return `${Math.floor(seconds)}s`;
}

/** The whole time, in the reader's own zone. */
export function whole(at) {
  return at ? new Date(at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" }) : "";
}

/** The time of day, with the date where it isn't today. */
export function clock(at) {
  const date = new Date(at * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const today = date.toDateString() === new Date().toDateString();
  return today ? time : `${date.toLocaleDateString([], { month: "short", day: "numeric" })} ${time}`;
}
