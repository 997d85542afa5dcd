// What was recorded, asked of the gateway: one question at a time, each with its answer.
import { ask } from "../console/link.js";

export class Film {
  constructor(path) {
    this.path = path;
    this.waiting = null; // the question that has no answer yet
    this.last = Promise.resolve();
  }

  async open() {
    const { websocket, token } = await ask("POST", this.path);
    await new Promise((resolve, reject) => {
      this.socket = new WebSocket(websocket);
      this.socket.binaryType = "arraybuffer";
      this.socket.onopen = () => { this.socket.send(JSON.stringify({ token })); resolve(); };
      this.socket.onmessage = (event) => this.came(event.data);
      this.socket.onclose = () => {
        const why = this.why || "The connection to the gateway was lost.";
        reject(new Error(why));
        this.waiting?.reject(new Error(why));
        this.waiting = null;
        this.socket = null;
      };
    });
  }

  came(content) {
    const message = typeof content === "string" ? JSON.parse(content) : new Uint8Array(content);
    if (message.type === "end") { this.why = message.because; return; }
    const { resolve, reject } = this.waiting || {};
    this.waiting = null;
    if (message.type === "wrong") reject?.(new Error(message.because));
    else resolve?.(message);
  }

  // Who lost the connection gets a new key.
  ask(question) {
    const answer = this.last.then(async () => {
      if (!this.socket) await this.open();
      return new Promise((resolve, reject) => {
        this.waiting = { resolve, reject };
        this.socket.send(JSON.stringify(question));
      });
    });
    this.last = answer.catch(() => {});
    return answer;
  }
}
