// The player of a recording: it goes to any moment by the chunk that begins with a whole picture before it.
import { Film } from "./film.js";
import { LineStage, ScreenStage } from "./stages.js";

const page = document.getElementById("main");
const find = (selector) => page.querySelector(selector);
const slider = document.getElementById("player-at");
const WHOLE = 1, EVENTS = 2, LAST = 4;
const QUIET = 2000, KEPT_QUIET = 400; // milliseconds: a longer quiet time is cut down to so much
const BEFORE_LINES = 400; // chunks of a serial line that are shown again before a moment
const TICK = 40;

const film = new Film(`/recordings/${page.dataset.recording}/key`);
const stage = page.dataset.kind === "graphical" ? new ScreenStage(find(".player-shows")) : new LineStage(find(".player-shows"));
let streams = [], events = [], length = 0;
let position = 0, next = 0, blocks = [], playing = false, seeking = 0;

const says = (text, tone) => { const line = find(".console-state"); line.textContent = text; line.dataset.tone = tone || ""; };
const note = (text) => { find(".console-note").hidden = !text; find(".console-note").textContent = text || ""; };
const cover = (text) => { find(".console-cover").hidden = text === null; find(".console-says").textContent = text || ""; };
const clock = (milliseconds) => {
  const all = Math.floor(milliseconds / 1000), hours = Math.floor(all / 3600);
  const rest = `${Math.floor(all / 60) % 60}:${String(all % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${rest.padStart(5, "0")}` : rest;
};

// --- what happened beside the picture ---

const happened = () => {
  const before = events.filter((one) => one.at <= position);
  const people = before.filter((one) => one.type === "people").pop();
  find(".console-people").textContent = people ? people.people.map((one) => `${one.name}${one.control ? " (has the keyboard)" : ""}`).join(", ") : "";
  const state = before.filter((one) => ["opening", "open", "away"].includes(one.type)).pop();
  cover(state && state.type === "away" ? state.because : null);
};

const show_time = () => {
  if (document.activeElement !== slider || playing) slider.value = position >= length ? slider.max : position;
  slider.setAttribute("aria-valuetext", clock(position));
  find(".player-time").textContent = `${clock(position)} / ${clock(length)}`;
  happened();
};

// --- the stream ---

const read_next = async () => {
  const chunk = streams[next];
  if (!chunk) return false;
  next += 1;
  blocks = stage.read(await film.ask({ type: "chunk", number: chunk.number }));
  return true;
};

// Shows what was shown up to the moment; false at the end.
const show_until = async (moment, mine) => {
  while (mine === seeking) {
    if (!blocks.length && !(await read_next())) return false;
    while (blocks.length && blocks[0].at <= moment && mine === seeking) await stage.show(blocks.shift());
    if (blocks.length) return true;
  }
  return true;
};

const seek = async (moment) => {
  const mine = seeking += 1;
  position = Math.max(0, Math.min(moment, length));
  let first = streams.findLastIndex((one) => one.start <= position && (!stage.whole || one.flags & WHOLE));
  if (!stage.whole) first = Math.max(0, first - BEFORE_LINES);
  first = Math.max(0, first);
  next = first;
  blocks = [];
  await stage.begin(streams[first].size);
  if (mine !== seeking) return;
  await show_until(position, mine);
  show_time();
};

const set_playing = (now) => {
  playing = now;
  find('[data-do="play"]').textContent = now ? "Pause" : "Play";
  says(now ? "Playing" : position >= length ? "The end" : "Paused", now ? "good" : "");
};

const play = async () => {
  if (playing) { set_playing(false); return; }
  if (position >= length) await seek(0);
  set_playing(true);
  const mine = seeking;
  let before = performance.now();
  while (playing && mine === seeking) {
    await new Promise((resolve) => { setTimeout(resolve, TICK); });
    const now = performance.now();
    position = Math.min(length, position + (now - before) * Number(document.getElementById("player-speed").value));
    before = now;
    const more = await show_until(position, mine);
    if (mine !== seeking) break;
    const coming = blocks[0]?.at;
    if (document.getElementById("player-skip").checked && coming - position > QUIET) position = coming - KEPT_QUIET;
    if (!more) position = length;
    show_time();
    if (position >= length) set_playing(false);
  }
};

const go_to = async (moment) => {
  const was = playing;
  playing = false;
  try { await seek(moment); } catch (error) { failed(error); return; }
  if (was && moment < length) play().catch(failed); else set_playing(false);
};

// --- a copy: FBS of a screen, asciicast of a line ---

const save = async () => {
  const parts = [];
  for (const chunk of streams) {
    parts.push(await film.ask({ type: "chunk", number: chunk.number }));
    says(`Saving: ${Math.round((100 * parts.length) / streams.length)} %`);
  }
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob(parts));
  anchor.download = `${page.dataset.name}-${page.dataset.recording}.${page.dataset.kind === "graphical" ? "fbs" : "cast"}`;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 60000);
  set_playing(false);
};

// --- begin ---

const failed = (error) => {
  set_playing(false);
  says("It cannot be played", "bad");
  cover(error.message);
};

const open = async () => {
  const index = await film.ask({ type: "index" });
  const chunks = index.chunks.map(([number, flags, start, end, width, height]) => ({ number, flags, start, end, size: [width, height] }));
  streams = chunks.filter((one) => !(one.flags & (EVENTS | LAST)));
  length = chunks.reduce((longest, one) => Math.max(longest, one.end), 0);
  if (!streams.length) { cover("Nothing was shown while it was recorded."); says("Empty"); return; }
  for (const chunk of chunks.filter((one) => one.flags & EVENTS)) {
    const lines = new TextDecoder().decode(await film.ask({ type: "chunk", number: chunk.number }));
    events.push(...lines.split("\n").filter(Boolean).map((line) => JSON.parse(line)));
  }
  slider.max = Math.ceil(length / 100) * 100;
  note(index.changed || (index.ended && !index.whole ? "The gateway stopped in the middle of it: this is all up to then." : ""));
  await seek(streams.find((one) => one.flags & WHOLE)?.end ?? 0);
  for (const control of page.querySelectorAll(".player-bar [disabled]")) control.disabled = false;
  set_playing(false);
  page.dataset.ready = "true";
};

find('[data-do="play"]').addEventListener("click", () => play().catch(failed));
find('[data-do="save"]').addEventListener("click", () => save().catch(failed));
slider.addEventListener("change", () => go_to(Number(slider.value)));
document.addEventListener("keydown", (event) => {
  if (["INPUT", "SELECT", "BUTTON", "SUMMARY"].includes(event.target.tagName)) return;
  if (event.key === " ") { event.preventDefault(); play().catch(failed); }
  if (event.key === "ArrowLeft") go_to(position - 5000);
  if (event.key === "ArrowRight") go_to(position + 5000);
});
open().catch(failed);
