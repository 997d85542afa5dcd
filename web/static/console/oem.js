// The console in the BMC's own pages: a key from the panel, posted to the address that is made for this visit.
import { ask } from "./link.js";

const LOOK_MS = 2000;
const OPENS_MS = 45000; // a BMC takes long to say nothing
const page = document.getElementById("main");
const state = page.querySelector(".console-state");
const open = page.querySelector('[data-do="open"]');
const end = page.querySelector('[data-do="end"]');
let id = page.dataset.console || null;
let waits = 0; // until when its window, in which it is being opened, is waited for

const say = (text, tone) => {
  if (state.textContent !== text) state.textContent = text;
  state.dataset.tone = tone || "";
};

const key = async () => {
  if (id) {
    try { return await ask("POST", `/consoles/${id}/token`); } catch (error) {
      if (error.code !== "wrong_state" && error.code !== "not_found") throw error;
      id = null; // it has ended: another one, then
    }
  }
  return ask("POST", `/servers/${page.dataset.server}/consoles`, { kind: "oem", mode: "control" });
};

const post = (url, token) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: url, target: "_blank", rel: "noopener" });
  form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "key", value: token }));
  document.body.append(form);
  form.submit();
  form.remove();
};

open.addEventListener("click", async () => {
  open.disabled = true;
  try {
    const { id: found, launch, token } = await key();
    id = found;
    waits = Date.now() + OPENS_MS;
    say("It opens in a window of its own …");
    post(launch, token);
  } catch (error) {
    say(error.message, "bad");
  } finally {
    open.disabled = false;
  }
});

end.addEventListener("click", async () => {
  try {
    await ask("DELETE", `/consoles/${id}`);
    waits = 0;
    say("It ends …");
  } catch (error) {
    say(error.message, "bad");
  }
});

const look = async () => {
  if (id === null || document.hidden) return;
  const { items } = await ask("GET", `/servers/${page.dataset.server}/consoles`, undefined, { "X-Oobctl-Poll": "1" });
  const there = items.some((one) => one.id === id);
  if (there) {
    waits = 0;
    say("It is open in another window.", "good");
  } else if (!waits && !end.hidden) {
    say("It is closed.");
  } else if (waits && Date.now() > waits) {
    waits = 0;
    say("It did not open. Its window says why.", "bad");
  }
  end.hidden = !there;
  open.textContent = there ? "Open it in a new window" : "Open the console";
};

const watch = async () => {
  try { await look(); } catch { /* the panel does not answer: it is asked again */ }
  setTimeout(watch, LOOK_MS);
};

watch();
page.dataset.ready = "true";
