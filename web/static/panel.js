// What pages do beyond htmx: local times that keep counting, the keyboard, a word when the connection is gone.
"use strict";
(() => {
  const page = document.documentElement;
  const skew = page.dataset.now ? Date.parse(page.dataset.now) - Date.now() : 0; // the server's clock, not this one's
  const now = () => Date.now() + skew;
  const two = (number) => String(number).padStart(2, "0");

  // --- times: the viewer's zone; UTC stays in the title ---

  const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const day = (at, year) => at.toLocaleDateString("en-GB", { day: "2-digit", month: "short", ...(year && { year: "numeric" }) });
  const age = (at) => {
    const seconds = Math.max(0, Math.floor((now() - at) / 1000));
    if (seconds >= 172800) return `${Math.floor(seconds / 86400)} d ago`;
    if (seconds >= 7200) return `${Math.floor(seconds / 3600)} h ago`;
    if (seconds >= 60) return `${Math.floor(seconds / 60)} min ago`;
    return `${seconds} s ago`;
  };
  const lasted = (since) => {
    const seconds = Math.max(0, (now() - since) / 1000);
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    if (seconds < 120) return `${Math.floor(seconds)} s`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min ${two(Math.floor(seconds % 60))} s`;
    return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
  };
  const said = (element) => {
    const at = new Date(element.dateTime);
    if (element.dataset.form === "age") return age(at);
    if (element.dataset.form === "date") return `${day(at, true)}, ${clock(at)}`;
    return at.toDateString() === new Date(now()).toDateString() ? clock(at) : `${day(at)}, ${clock(at)}`;
  };
  const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const tell = () => {
    for (const element of document.querySelectorAll("time[datetime]")) write(element, said(element));
    for (const element of document.querySelectorAll("[data-since]")) write(element, lasted(Date.parse(element.dataset.since)));
  };

  // --- connection ---

  const lost = document.getElementById("lost");
  const disconnected = () => {
    if (!lost.hidden) return;
    write(document.getElementById("lost-since"), clock(new Date(now())));
    lost.hidden = false;
  };
  const connected = () => { lost.hidden = true; };
  for (const name of ["htmx:sendError", "htmx:timeout"]) document.addEventListener(name, disconnected);
  for (const name of ["htmx:afterOnLoad", "htmx:sseOpen"]) document.addEventListener(name, connected);
  window.addEventListener("offline", disconnected);

  // --- forms: one press, one request ---

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    // Afterwards: a button that is disabled by now would not be in what is sent.
    setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; });
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // --- copying ---

  if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", async (event) => {
    if (!event.target.matches("[data-copy]")) return;
    await navigator.clipboard.writeText(document.getElementById(event.target.dataset.copy).textContent);
    write(event.target, "Copied");
  });

  // --- keyboard ---

  const help = document.getElementById("help");
  const rows = () => [...document.querySelectorAll("[data-row]")];
  const step = (by) => {
    const all = rows();
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
    if (next) next.focus();
  };
  const search = () => {
    const field = document.getElementById("search");
    if (field) field.select(); else window.location.assign("/servers#search");
  };
  const places = { s: "/servers", j: "/jobs", a: "/audit", ...(document.querySelector('nav a[href="/fleet"]') && { f: "/fleet" }) };
  let went = 0;
  const keys = { "/": search, j: () => step(1), k: () => step(-1), "?": () => help.showModal(), g: () => { went = Date.now(); } };
  document.addEventListener("keydown", (event) => {
    if (!help || help.open || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      if (event.key === "Enter" && event.target.id === "search" && rows().length) {
        event.preventDefault(); // the list is filtered already: go into it
        rows()[0].focus();
      }
      return;
    }
    if (Date.now() - went < 1500 && places[event.key]) {
      event.preventDefault();
      window.location.assign(places[event.key]);
      return;
    }
    if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });

  // A refreshed list keeps the row that had the focus.
  let focused = null;
  document.addEventListener("htmx:beforeSwap", () => {
    const row = document.activeElement;
    focused = row && row.matches("[data-row]") ? row.getAttribute("href") : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    tell();
    if (focused) for (const row of rows()) if (row.getAttribute("href") === focused) row.focus({ preventScroll: true });
    focused = null;
  });

  // What a live part is drawn anew for keeps its folds open, and long text where it was scrolled to.
  let opened = [];
  document.addEventListener("htmx:beforeSwap", () => {
    opened = [...document.querySelectorAll("details[data-stays]")].map((fold) => {
      const text = fold.querySelector("pre");
      const atEnd = text && text.scrollTop + text.clientHeight >= text.scrollHeight - 8;
      return { id: fold.id, open: fold.open, scrolled: text && !atEnd ? text.scrollTop : null };
    });
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const { id, open, scrolled } of opened) {
      const fold = document.getElementById(id);
      if (!fold) continue;
      fold.open = open || fold.open;
      const text = fold.querySelector("pre");
      if (text) text.scrollTop = scrolled === null ? text.scrollHeight : scrolled;
    }
    opened = [];
  });
  document.addEventListener("htmx:afterSwap", () => {
    if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  });

  const begin = () => {
    tell();
    setInterval(tell, 1000);
    if (window.location.hash === "#search") search();
    const opener = document.getElementById("help-open");
    if (opener) {
      opener.hidden = false;
      opener.addEventListener("click", () => help.showModal());
    }
  };
  begin();
})();
