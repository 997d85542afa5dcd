// A server's screen: noVNC over the gateway, keys that browsers keep for themselves, texts typed key by key.
import RFB from "../vendor/novnc-novnc/core/rfb.js";
import KeyTable from "../vendor/novnc-novnc/core/input/keysym.js";
import keysyms from "../vendor/novnc-novnc/core/input/keysymdef.js";
import { Link } from "./link.js";
import { layouts, likely } from "./layouts.js";
import * as parts from "./parts.js";

const page = document.getElementById("main");
const place = page.querySelector(".console-screen");
const typed = page.querySelector(".console-typed");
const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
let rfb = null;

// --- the connection ---

const opened = (channel) => {
  rfb?.disconnect();
  place.replaceChildren();
  const made = rfb = new RFB(place, channel, { shared: true });
  made.addEventListener("disconnect", () => { if (rfb === made) rfb = null; });
  rfb.scaleViewport = page.querySelector('[data-do="scale"]').checked;
  rfb.viewOnly = !parts.controls;
  rfb.showDotCursor = true;
  rfb.background = "transparent";
  rfb.addEventListener("connect", () => {
    link.came();
    parts.cover(null);
    told_open();
    page.dataset.ready = "true";
    if (!matchMedia("(pointer: coarse)").matches) rfb.focus();
  });
};

const told_open = () => parts.state(parts.controls ? "You have the keyboard and mouse" : "You are looking on", "good");

const told = (message) => {
  if (message.type === "people") {
    parts.seated(message, (controls) => {
      if (rfb) rfb.viewOnly = !controls;
      if (page.dataset.ready) told_open();
    });
  } else if (message.type === "away") {
    parts.state("No screen now", "bad");
    parts.cover(`${message.because} It is tried again by itself.`, false);
  } else if (message.type === "open") {
    if (page.dataset.ready) { parts.cover(null); told_open(); }
  } else {
    parts.told(message);
  }
};

const link = new Link({ told, opened, closed: parts.closed });

// --- keys that a browser or its computer keeps for itself ---

const F = Array.from({ length: 12 }, (_, index) => [`F${index + 1}`, [[KeyTable[`XK_F${index + 1}`], `F${index + 1}`]]]);
const CTRL = [KeyTable.XK_Control_L, "ControlLeft"];
const ALT = [KeyTable.XK_Alt_L, "AltLeft"];
const SHIFT = [KeyTable.XK_Shift_L, "ShiftLeft"];
const SYSRQ = [KeyTable.XK_Sys_Req, "PrintScreen"];
const KEYS = [
  ["Esc", [[KeyTable.XK_Escape, "Escape"]]],
  ["Del", [[KeyTable.XK_Delete, "Delete"]]],
  ["Tab", [[KeyTable.XK_Tab, "Tab"]]],
  ...F,
  ["Alt Tab", [ALT, [KeyTable.XK_Tab, "Tab"]]],
  ["Alt F4", [ALT, [KeyTable.XK_F4, "F4"]]],
  ["Ctrl Alt F1", [CTRL, ALT, [KeyTable.XK_F1, "F1"]]],
  ["Ctrl Alt F2", [CTRL, ALT, [KeyTable.XK_F2, "F2"]]],
  ["Windows", [[KeyTable.XK_Super_L, "MetaLeft"]]],
  ["Print", [[KeyTable.XK_Print, "PrintScreen"]]],
  ["SysRq S (sync)", [ALT, SYSRQ, [KeyTable.XK_s, "KeyS"]]],
  ["SysRq U (read-only)", [ALT, SYSRQ, [KeyTable.XK_u, "KeyU"]]],
  ["SysRq B (reboot)", [ALT, SYSRQ, [KeyTable.XK_b, "KeyB"]]],
];

const press = (keys) => {
  if (!rfb) return;
  for (const [sign, code] of keys) rfb.sendKey(sign, code, true);
  for (const [sign, code] of [...keys].reverse()) rfb.sendKey(sign, code, false);
};

const list = page.querySelector(".menu-keys");
for (const [title, keys] of KEYS) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = title;
  button.addEventListener("click", () => { press(keys); rfb?.focus(); });
  list.append(button);
}

// --- a text, typed as somebody would at that keyboard ---

const select = document.getElementById("paste-layout");
for (const { name, title } of layouts) select.add(new Option(title, name, false, name === (localStorage.getItem("keyboard") || likely())));

const missing = () => {
  const keys = layouts.find((one) => one.name === select.value).keys;
  return [...new Set(document.getElementById("paste-text").value.replaceAll("\r", ""))].filter((sign) => !keys.has(sign));
};
const say_missing = () => {
  const found = missing();
  document.getElementById("paste-missing").textContent = found.length ? `Not on this keyboard, and left out: ${found.join(" ")}` : "";
};
for (const name of ["paste-text", "paste-layout"]) document.getElementById(name).addEventListener("input", say_missing);

export const type = async (text, layout) => {
  const keys = layouts.find((one) => one.name === layout).keys;
  for (const sign of text.replaceAll("\r", "")) {
    const key = keys.get(sign);
    if (!key || !rfb) continue;
    const held = key.shift ? [SHIFT] : key.altgr ? [[KeyTable.XK_ISO_Level3_Shift, "AltRight"]] : [];
    const symbol = { "\n": KeyTable.XK_Return, "\t": KeyTable.XK_Tab }[sign] ?? keysyms.lookup(sign.codePointAt(0));
    press([...held, [symbol, key.code]]);
    await pause(12); // a server that starts loses keys that come faster
  }
};

const paste = () => {
  const dialog = document.getElementById("paste");
  dialog.addEventListener("close", async () => {
    if (dialog.returnValue !== "type") return;
    localStorage.setItem("keyboard", select.value);
    await type(document.getElementById("paste-text").value, select.value);
    document.getElementById("paste-text").value = "";
    rfb?.focus();
  }, { once: true });
  dialog.returnValue = "no";
  say_missing();
  dialog.showModal();
};

// --- a phone's keyboard: what it writes into a field is typed ---

typed.addEventListener("beforeinput", (event) => {
  event.preventDefault();
  if (event.inputType === "deleteContentBackward") press([[KeyTable.XK_BackSpace, "Backspace"]]);
  else if (event.inputType === "insertLineBreak") press([[KeyTable.XK_Return, "Enter"]]);
  else if (event.data) type(event.data, localStorage.getItem("keyboard") || likely());
});
typed.addEventListener("keydown", (event) => event.stopPropagation());

// --- the buttons ---

parts.actions({
  "ctrl-alt-del": () => rfb?.sendCtrlAltDel(),
  "keyboard": () => typed.focus(),
  "paste": paste,
  "scale": (box) => { if (rfb) rfb.scaleViewport = box.checked; place.classList.toggle("as-it-is", !box.checked); },
  "full": () => page.querySelector(".console-place").requestFullscreen().then(() => rfb?.focus()).catch(() => {}),
  "picture": () => {
    if (!rfb) return;
    const anchor = document.createElement("a");
    anchor.href = rfb.toDataURL("image/png");
    anchor.download = `${page.dataset.name}-${new Date().toISOString().replaceAll(":", "")}.png`;
    anchor.click();
  },
  "take-over": () => parts.takeOver(link),
  "share": parts.share,
  "again": () => { parts.cover("Opening …", false); link.anew(); },
});

link.open();
