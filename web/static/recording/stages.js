// What a recording is shown on: a screen (noVNC, fed from FBS) or a terminal (xterm, fed from asciicast).
/* global Terminal */
const HEADER = new TextEncoder().encode("FBS ");
const VERSION = new TextEncoder().encode("RFB 003.003\n");
const NO_PASSWORD = new Uint8Array([0, 0, 0, 1]);
const PIXELS = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];
const UPDATE = 0, ASKS_FOR_MORE = 3;
const ANSWERS_WITHIN = 2000; // milliseconds

const server_init = (width, height) => new Uint8Array([width >> 8, width & 255, height >> 8, height & 255, ...PIXELS, 0, 0, 0, 0]);

// What noVNC takes for a websocket: it hears what is fed, and asks for more once it has drawn that.
class Feed {
  constructor() {
    this.binaryType = "arraybuffer";
    this.protocol = "";
    this.readyState = WebSocket.OPEN;
    this.onopen = this.onmessage = this.onerror = this.onclose = null;
    this.drawn = null;
  }
  send(content) { if (new Uint8Array(content.buffer || content, content.byteOffset || 0, content.byteLength).includes(ASKS_FOR_MORE)) this.drawn?.(); }
  close() { this.readyState = WebSocket.CLOSED; }
  hears(content) { this.onmessage?.({ data: content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) }); }
  // Until it has drawn an update; a picture that cannot be drawn keeps nobody.
  draws(content) {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, ANSWERS_WITHIN);
      this.drawn = () => { clearTimeout(late); this.drawn = null; resolve(); };
      this.hears(content);
    });
  }
}

export class ScreenStage {
  constructor(place) { this.place = place; this.whole = true; }

  // The messages of a chunk, with their times: all but the greeting, which the stage gives itself.
  read(content) {
    if (HEADER.every((byte, at) => content[at] === byte)) return []; // who was there may have been written before it
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const found = [];
    for (let at = 0; at + 8 <= content.length;) {
      const length = view.getUint32(at);
      const end = at + 4 + length + ((4 - (length % 4)) % 4);
      found.push({ at: view.getUint32(end), content: content.subarray(at + 4, at + 4 + length) });
      at = end + 4;
    }
    return found;
  }

  async begin(size) {
    this.rfb?.disconnect();
    this.place.replaceChildren();
    const { default: RFB } = await import("../vendor/novnc-novnc/core/rfb.js");
    this.feed = new Feed();
    this.rfb = new RFB(this.place, this.feed, { shared: true });
    Object.assign(this.rfb, { viewOnly: true, scaleViewport: true, background: "transparent" });
    await new Promise((resolve) => {
      this.rfb.addEventListener("connect", resolve, { once: true });
      for (const said of [VERSION, NO_PASSWORD, server_init(...size)]) this.feed.hears(said); // it takes one at a time
    });
  }

  async show({ content }) {
    if (content[0] === UPDATE) await this.feed.draws(content);
    else this.feed.hears(content);
  }
}

export class LineStage {
  constructor(place) {
    this.whole = false;
    this.terminal = new Terminal({ cols: 80, rows: 24, scrollback: 5000, fontSize: 14, convertEol: false, disableStdin: true, theme: { background: "#111418", foreground: "#e5e8ec" } });
    this.terminal.open(place);
  }

  read(content) {
    const lines = new TextDecoder().decode(content).split("\n").filter(Boolean).map((line) => JSON.parse(line));
    return lines.filter(Array.isArray).map(([at, , text]) => ({ at: at * 1000, content: text }));
  }

  async begin() { this.terminal.reset(); }

  show({ content }) { return new Promise((resolve) => { this.terminal.write(content, resolve); }); }
}
