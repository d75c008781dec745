/** Times as people read them. */

const UNITS = [
  [86400 * 365, "y"],
  [86400, "d"],
  [3600, "h"],
  [60, "m"],
];

/** A format is made when it is first needed, and once: that takes longer than a hundred uses of it. */
function lazily(options) {
  let format;
  return (date) => (format ??= new Intl.DateTimeFormat([], options)).format(date);
}

const inFull = lazily({ dateStyle: "medium", timeStyle: "medium" });
const timeOfDay = lazily({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayOfYear = lazily({ month: "short", day: "numeric" });

/** How long ago, as kubectl tells it: 3d, 5h, 12m, 8s. @param {number} at seconds since the epoch */
export function age(at, now = Date.now() / 1000) {
  if (!at) return "";
  const seconds = Math.max(0, now - at);
  for (const [size, unit] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  return `${Math.floor(seconds)}s`;
}

/** The whole time, in the reader's own zone. */
export function whole(at) {
  return at ? inFull(new Date(at * 1000)) : "";
}

/** The time of day, with the date where it isn't today. */
export function clock(at) {
  const date = new Date(at * 1000);
  const time = timeOfDay(date);
  const today = date.toDateString() === new Date().toDateString();
  return today ? time : `${dayOfYear(date)} ${time}`;
}
