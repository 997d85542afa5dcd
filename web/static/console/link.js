// The way to the gateway: a key from the panel, a websocket, the stream in binary and what is about it in text.

const page = document.getElementById("main");

const secret = page.dataset.server ? null : location.hash.slice(1); // of a shared console
if (secret) history.replaceState(null, "", location.pathname); // it stays in no history

export const ask = async (method, path, body, more = {}) => {
  const answer = await fetch(path.startsWith("/shared") ? path : `/api/v1${path}`, {
    method,
    headers: { "Accept": "application/json", "Content-Type": "application/json", "X-CSRFToken": page.dataset.csrf, ...more },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const content = answer.status === 204 ? {} : await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(content.detail || `The panel answered ${answer.status}.`), { code: content.code });
  return content;
};

// What noVNC takes for a websocket: text messages go to `told`, binary ones on.
class Channel {
  constructor(socket) {
    this.socket = socket;
    this.binaryType = "arraybuffer";
    this.onopen = this.onmessage = this.onerror = this.onclose = null;
  }
  get protocol() { return ""; }
  get readyState() { return this.socket.readyState; }
  send(content) { if (this.socket.readyState === WebSocket.OPEN) this.socket.send(content); }
  close() { this.socket.close(); }
}

// Opens a console and keeps to it: after a lost connection it comes back by itself, for as long as the console is there.
export class Link {
  constructor({ told, opened, closed }) {
    this.told = told;
    this.opened = opened; // gets a channel for the stream
    this.closed = closed; // why, and whether it is tried again
    this.console = page.dataset.console || null;
    this.tries = 0;
    this.leaving = false;
    window.addEventListener("pagehide", () => { this.leaving = true; });
  }

  async open() {
    this.why = null;
    this.again = false;
    try {
      this.connect(await this.key());
    } catch (error) {
      if (error instanceof TypeError) this.lost(); // the panel cannot be reached
      else this.closed(error.message, false);
    }
  }

  async key() {
    if (secret !== null) {
      const found = await ask("POST", `/shared/${page.dataset.kind}`, { secret });
      document.getElementById("shared-name").textContent = found.name;
      return found;
    }
    const path = this.console ? `/consoles/${this.console}/token` : `/servers/${page.dataset.server}/consoles`;
    const found = await ask("POST", path, this.console ? undefined : { kind: page.dataset.kind, mode: "control" });
    this.console = found.id;
    return found;
  }

  connect({ websocket, token }) {
    const socket = new WebSocket(websocket);
    const channel = new Channel(socket);
    socket.binaryType = "arraybuffer";
    socket.onopen = (event) => {
      socket.send(JSON.stringify({ token }));
      channel.onopen?.(event);
    };
    socket.onmessage = (event) => {
      if (typeof event.data !== "string") {
        channel.onmessage?.(event);
        return;
      }
      const message = JSON.parse(event.data);
      if (message.type === "end") this.why = message;
      else if (message.type === "again") this.again = true;
      else this.told(message);
    };
    socket.onclose = (event) => {
      channel.onclose?.(event);
      if (this.leaving || this.socket !== socket) return;
      if (this.why && !this.again) this.closed(this.why.because, false);
      else this.lost();
    };
    this.socket = socket;
    this.opened(channel);
  }

  lost() {
    this.tries += 1;
    if (this.tries > 30) { this.closed("The connection was lost, and did not come back.", false); return; }
    this.closed("The connection was lost. It is tried again …", true);
    setTimeout(() => this.open(), Math.min(5000, 300 * this.tries));
  }

  came() { this.tries = 0; }

  tell(message) {
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  // A new console, after the one before has ended.
  anew() {
    this.console = null;
    this.tries = 0;
    this.open();
  }
}
