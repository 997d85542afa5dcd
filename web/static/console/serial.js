// A server's serial line: xterm over the gateway, with its scroll-back, search, break and paste.
/* global Terminal, FitAddon, SearchAddon */
import { Link } from "./link.js";
import * as parts from "./parts.js";

const page = document.getElementById("main");
const place = page.querySelector(".console-terminal");
const terminal = new Terminal({ scrollback: 20000, fontSize: 14, convertEol: false, cursorBlink: true, theme: { background: "#111418", foreground: "#e5e8ec" }, allowProposedApi: true });
const fit = new FitAddon.FitAddon();
const search = new SearchAddon.SearchAddon();
let channel = null;

terminal.loadAddon(fit);
terminal.loadAddon(search);
terminal.open(place);
fit.fit();
new ResizeObserver(() => fit.fit()).observe(place);

// --- the connection ---

const said_open = () => parts.state(parts.controls ? "You type here" : "You are looking on", "good");
const opened = (found) => {
  channel = found;
  terminal.reset(); // what was written before comes again, from the gateway
  channel.onmessage = (event) => terminal.write(new Uint8Array(event.data));
};

const ready = () => {
  link.came();
  parts.cover(null);
  said_open();
  if (!page.dataset.ready && parts.controls) terminal.focus(); // also at a line that was open before
  page.dataset.ready = "true";
};

const told = (message) => {
  if (message.type === "people") {
    parts.seated(message, () => { if (page.dataset.ready) said_open(); });
    if (!away) ready();
  } else if (message.type === "opening") {
    away = true;
    delete page.dataset.ready;
  } else if (message.type === "open") {
    away = false;
    ready();
  } else if (message.type === "away") {
    away = true;
    delete page.dataset.ready;
    parts.state("The line is away", "bad");
    const theirs = message.code === "serial_in_use";
    parts.cover(theirs ? message.because : `${message.because} It is tried again by itself.`, false);
    page.querySelector('[data-do="force"]').hidden = !theirs || !parts.controls;
  } else if (message.type === "lost") {
    parts.note(`${message.bytes} bytes were lost: they came faster than the BMC could send them.`);
  } else {
    parts.told(message);
  }
};
let away = false;

const link = new Link({ told, opened, closed: parts.closed });
const encoder = new TextEncoder();
const CHUNK = 16384; // the gateway takes no longer messages
const send = (text) => {
  if (!channel || !parts.controls) return;
  const content = encoder.encode(text);
  for (let at = 0; at < content.length; at += CHUNK) channel.send(content.subarray(at, at + CHUNK));
};
terminal.onData(send);
terminal.onBinary((text) => { if (channel && parts.controls) channel.send(Uint8Array.from(text, (sign) => sign.charCodeAt(0))); });

// --- keys, copying, pasting, searching ---

const KEYS = [["Break", null], ["Esc", "\x1b"], ["Tab", "\t"], ["Ctrl C", "\x03"], ["Ctrl D", "\x04"], ["Ctrl Z", "\x1a"], ["Ctrl ]", "\x1d"],
  ["Up", "\x1b[A"], ["Down", "\x1b[B"], ["F1", "\x1bOP"], ["F2", "\x1bOQ"], ["F10", "\x1b[21~"], ["F12", "\x1b[24~"], ["Del", "\x1b[3~"]];
const list = page.querySelector(".menu-keys");
for (const [title, text] of KEYS) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = title;
  button.addEventListener("click", () => {
    if (text === null) link.tell({ type: "break" });
    else send(text);
    terminal.focus();
  });
  list.append(button);
}

page.querySelector(".console-find").addEventListener("submit", (event) => {
  event.preventDefault();
  const found = search.findPrevious(document.getElementById("find").value);
  parts.note(found ? "" : "That is not in what was written here.");
});

parts.actions({
  "paste": () => {
    const dialog = document.getElementById("paste");
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "type") return;
      send(document.getElementById("paste-text").value.replaceAll("\r\n", "\r").replaceAll("\n", "\r"));
      document.getElementById("paste-text").value = "";
      terminal.focus();
    }, { once: true });
    dialog.returnValue = "no";
    dialog.showModal();
  },
  "copy": async (button) => {
    if (!terminal.hasSelection()) terminal.selectAll();
    await navigator.clipboard?.writeText(terminal.getSelection());
    terminal.clearSelection();
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  },
  "take-over": () => parts.takeOver(link),
  "share": parts.share,
  "force": (button) => { button.hidden = true; link.tell({ type: "try", deactivate_others: true }); },
  "again": () => { parts.cover("Opening …", false); link.anew(); },
});

link.open();
