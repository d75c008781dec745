/** What the page asks the daemon: everything is read, nothing is written. */

const TOKEN = "doorward token";

/** An answer that is none: its status, and the daemon's words. */
export class Failed extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function keepToken(token) {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

export const hasToken = () => Boolean(sessionStorage.getItem(TOKEN));

/** @returns {Promise<Response>} */
export async function fetched(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  let answer;
  try {
    answer = await fetch(`api/${path}`, { ...options, headers, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failed(0, "The daemon doesn't answer.");
  }
  if (!answer.ok) throw new Failed(answer.status, (await answer.text()).trim().slice(0, 500));
  return answer;
}

export async function asked(path, options) {
  return (await fetched(path, options)).json();
}

/** The path of a door in the API. @param {{kind: string, namespace: string, name: string}} door */
export function pathOf({ kind, namespace, name }, rest = "") {
  return `doors/${[kind, namespace, name].map(encodeURIComponent).join("/")}${rest}`;
}

/**
 * Follow the daemon's events until the stream ends. It is read by fetch, since an EventSource bears no token.
 * @param {string} path
 * @param {(name: string, data: any) => void} tell
 * @param {AbortSignal} signal
 */
export async function followed(path, tell, signal) {
  const answer = await fetched(path, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      const name = lines.find((line) => line.startsWith("event: "));
      const data = lines.find((line) => line.startsWith("data: "));
      if (name && data) tell(name.slice(7), JSON.parse(data.slice(6)));
    }
  }
}

/** Save what a path answers as a file. */
export async function saved(path, name) {
  const blob = await (await fetched(path)).blob();
  const url = URL.createObjectURL(blob);
  const anchor = document.createElement("a");
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
