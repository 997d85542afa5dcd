// The search of a serial log: lines with their times, the newest last; earlier ones on demand.
import { ask } from "../console/link.js";
import { Film } from "./film.js";

const page = document.getElementById("main");
const list = page.querySelector(".log-lines");
const earlier = page.querySelector(".log-earlier");
const says = (text) => { page.querySelector(".log-says").textContent = text; };
const film = new Film(page.dataset.log);
let words = "", before = null;

const line_of = ([at, text]) => {
  const line = document.createElement("li");
  const when = document.createElement("time");
  const moment = new Date(at);
  when.dateTime = at;
  when.textContent = `${moment.toLocaleDateString([], { month: "short", day: "numeric" })} ${moment.toLocaleTimeString()}`;
  line.append(when, Object.assign(document.createElement("span"), { textContent: text }));
  return line;
};

const show = async (older) => {
  says("Reading …");
  try {
    const { lines, more } = await film.ask({ type: "lines", words, before: older ? before : null });
    if (!older) list.replaceChildren();
    const height = list.scrollHeight;
    list.prepend(...lines.map(line_of));
    list.hidden = !list.children.length;
    earlier.hidden = !more;
    if (lines.length) before = lines[0][0];
    list.scrollTop = older ? list.scrollHeight - height : list.scrollHeight;
    says(list.children.length ? "" : words ? `Nothing that is kept has “${words}”.` : page.dataset.empty);
  } catch (error) {
    says(error.message);
  }
  page.dataset.shown = "true";
};

page.querySelector(".log-find").addEventListener("submit", (event) => {
  event.preventDefault();
  delete page.dataset.shown;
  words = document.getElementById("log-words").value.trim();
  show(false);
});
earlier.addEventListener("click", () => show(true));

const record = document.getElementById("record-when");
record?.addEventListener("change", async () => {
  const told = document.querySelector(".record-says");
  try {
    await ask("PUT", `/servers/${page.dataset.server}/record-consoles`, { record: record.value || null });
    told.textContent = `Recorded from now on: ${record.selectedOptions[0].textContent}. Who is there sees it.`;
  } catch (error) {
    told.textContent = error.message;
  }
});

const when = document.getElementById("log-when");
when?.addEventListener("change", async () => {
  try {
    await ask("PUT", `/servers/${page.dataset.server}/serial-log`, { when: when.value });
    says(`Kept from now on: ${when.selectedOptions[0].textContent}.`);
  } catch (error) {
    says(error.message);
  }
});

if (page.dataset.atOnce) show(false);
page.dataset.ready = "true";
