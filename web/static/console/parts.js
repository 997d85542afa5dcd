// What the screen's and the serial line's pages share: who is there, taking over, power buttons, a state in words.
import { ask } from "./link.js";

const page = document.getElementById("main");
const find = (selector) => page.querySelector(selector);
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

export const state = (text, tone) => {
  const line = find(".console-state");
  write(line, text);
  line.dataset.tone = tone;
};

export const cover = (text, again) => {
  find(".console-cover").hidden = text === null;
  write(find(".console-says"), text || "");
  find('[data-do="again"]').hidden = !again;
};

const sure = (title, says, yes) => new Promise((resolve) => {
  const dialog = document.getElementById("sure");
  write(document.getElementById("sure-title"), title);
  write(document.getElementById("sure-says"), says);
  write(document.getElementById("sure-yes"), yes);
  dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  dialog.returnValue = "no";
  dialog.showModal();
});

export const note = (text) => {
  find(".console-note").hidden = !text;
  write(find(".console-note"), text);
};

// What is told of a screen and of a line alike.
export const told = (message) => {
  if (message.type === "taken_over") note(`${message.by} took over${message.message ? `: “${message.message}”` : "."}`);
  else if (message.type === "input") note(message.passes ? "" : "What you type is not passed on now: the panel's database does not answer.");
  else if (message.type === "refused") note(message.because);
  else if (message.type === "recording") recorded(message);
};

const recorded = (message) => {
  find(".console-light").hidden = !message.on;
  find(".console-light").title = message.keys ? "What this shows is recorded, and so is what you type." : "What this shows is recorded. What you type is not.";
  if (message.because) note(message.because);
};

export const closed = (why, again) => {
  delete page.dataset.ready;
  state(again ? "Connection lost" : "Closed", "bad");
  cover(why, !again);
};

// --- who is there ---

let people = [];
export let controls = false;

export const seated = (message, changed) => {
  people = message.people;
  const me = people.find((one) => one.id === message.you);
  const others = people.filter((one) => one.id !== message.you);
  controls = Boolean(me && me.control);
  if (controls) note("");
  const named = others.map((one) => `${one.name}${one.control ? " (has the keyboard)" : ""}`);
  write(find(".console-people"), others.length ? `Also here: ${named.join(", ")}.` : "");
  find('[data-do="take-over"]').hidden = controls || !message.may_control;
  changed(controls);
};

export const takeOver = (link) => {
  const holder = people.find((one) => one.control);
  if (!holder) { link.tell({ type: "take_over" }); return; }
  const dialog = document.getElementById("take");
  write(document.getElementById("take-from"), `${holder.name} has the keyboard and mouse now, and will be told that you took over.`);
  dialog.addEventListener("close", () => {
    if (dialog.returnValue === "yes") link.tell({ type: "take_over", message: document.getElementById("take-word").value });
  }, { once: true });
  dialog.returnValue = "no";
  dialog.showModal();
};

// --- sharing by a link ---

const listShares = async () => {
  const { items } = await ask("GET", `/servers/${page.dataset.server}/console-shares`);
  document.getElementById("share-list").replaceChildren(...items.filter((one) => one.kind === page.dataset.kind).map((one) => {
    const line = document.createElement("li");
    const until = new Date(one.expires_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    line.append(`By ${one.by}, to ${one.mode === "view" ? "look on" : "take over"}, until ${until} `);
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: "End it" });
    button.addEventListener("click", async () => { await ask("DELETE", `/console-shares/${one.id}`); await listShares(); });
    line.append(button);
    return line;
  }));
};

const makeShare = async () => {
  const wrong = document.getElementById("share-wrong");
  try {
    const found = await ask("POST", `/servers/${page.dataset.server}/console-shares`, {
      kind: page.dataset.kind,
      mode: document.getElementById("share-mode").value,
      hours: Number(document.getElementById("share-hours").value),
    });
    document.getElementById("share-made").hidden = false;
    document.getElementById("share-link").value = found.url;
    document.getElementById("share-link").select();
    write(wrong, "");
    await listShares();
  } catch (error) {
    write(wrong, error.message);
  }
};

document.getElementById("share-make")?.addEventListener("click", makeShare);

export const share = () => {
  document.getElementById("share-made").hidden = true;
  document.getElementById("share").showModal();
  listShares().catch((error) => write(document.getElementById("share-wrong"), error.message));
};

// --- power, through the same door as everywhere ---

const job = (text) => { find(".console-job").hidden = false; write(find(".console-job"), text); };

const follow = (id) => {
  const stream = new EventSource(`/api/v1/jobs/${id}/events`);
  const told = (event) => {
    const now = JSON.parse(event.data);
    const { title } = now;
    const step = now.steps.find((one) => one.state === "running") || now.steps.filter((one) => one.state === "succeeded").pop();
    const words = { succeeded: "done", failed: "failed", cancelled: "cancelled", needs_attention: "needs attention" }[now.state] || "under way";
    const more = now.error ? `: ${now.error.message}` : step && !now.finished_at ? `: ${step.title || step.name}` : "";
    job(`${title}: ${words}${more}`);
  };
  stream.addEventListener("job", told);
  stream.addEventListener("end", (event) => { told(event); stream.close(); });
};

for (const button of page.querySelectorAll("[data-power]")) {
  button.addEventListener("click", async () => {
    const title = button.textContent;
    button.closest("details").open = false;
    if (!await sure(title, button.dataset.says, title)) return;
    try {
      const found = await ask("POST", `/servers/${page.dataset.server}/actions/${button.dataset.power}`, {});
      job(`${title}: asked for`);
      follow(found.id);
    } catch (error) {
      job(`${title}: ${error.message}`);
    }
  });
}

if (page.dataset.job) follow(page.dataset.job); // one came here with a job that goes on

// The screen and the line take every key, Tab too: these three lead out of them.
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey && event.altKey && event.key === "ArrowUp")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.activeElement?.blur();
  page.querySelector(".console-bar button, .console-bar summary").focus();
}, true);

export const actions = (table) => {
  page.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (button && table[button.dataset.do]) table[button.dataset.do](button);
  });
  document.addEventListener("click", (event) => {
    for (const menu of page.querySelectorAll("details.menu-of[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
};
