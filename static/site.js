/* Progressive enhancement only: every page works without this file. No framework, no inline handlers.
   Words come from data-t-* attributes of <body>, so that this file has no language. */
(() => {
  "use strict";
  const words = document.body.dataset;
  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  // The menu of phones. The style sheet folds it only where scripts run.
  const toggle = document.querySelector(".nav-bar button");
  if (toggle) {
    const nav = toggle.closest(".nav");
    const set = (open) => { nav.classList.toggle("open", open); toggle.setAttribute("aria-expanded", String(open)); };
    toggle.addEventListener("click", () => set(toggle.getAttribute("aria-expanded") !== "true"));
    nav.addEventListener("keydown", (event) => { if (event.key === "Escape") { set(false); toggle.focus(); } });
  }

  // Filters are written open (they must work without scripts) and fold on narrow screens.
  // <details class="menu">: close on Escape and when one clicks elsewhere.
  const narrow = window.matchMedia("(max-width: 56rem)");
  const fold = () => each("details.fold", (box) => { box.open = !narrow.matches; box.dataset.ready = ""; });
  fold();
  narrow.addEventListener("change", fold);
  window.addEventListener("beforeprint", () => each("details", (box) => { box.open = true; }));
  document.addEventListener("click", (event) => {
    each("details.menu[open]", (box) => { if (!box.contains(event.target)) box.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      each("details.menu[open]", (box) => { box.open = false; box.querySelector("summary").focus(); });
    }
  });

  // Errors: bring the reader to the summary, and say it in the tab's title.
  const summary = document.querySelector(".error-summary");
  if (summary) {
    document.title = `${words.tError} ${document.title}`;
    summary.focus();
  }

  // Character counters, for data-maxlength, a textarea's maxlength or field.html's option. A hard maxlength becomes a
  // soft one: cutting a pasted text without a word is worse than saying that it is too long; the server refuses it.
  const count = (field) => {
    const limit = Number(field.dataset.maxlength);
    const note = field.parentElement.querySelector(".counter");
    if (!limit || !note) return;
    // As the server counts: a line break is one character, and so is what takes two units of UTF-16 here.
    const left = limit - [...field.value].length;
    note.textContent = (left >= 0 ? words.tLeft : words.tOver).replace("{n}", Math.abs(left).toLocaleString(document.documentElement.lang));
    note.classList.toggle("over", left < 0);
    // Speak only near the limit: a count at each key is noise in a screen reader.
    note.setAttribute("aria-live", left < Math.max(20, limit / 20) ? "polite" : "off");
  };
  const prepare = (root) => {
    each("[data-maxlength], textarea[maxlength], [data-limit] > :is(input, textarea)", (field) => {
      if (!field.matches("input, textarea") || field.dataset.counted) return;
      field.dataset.counted = "1";
      field.dataset.maxlength ||= field.getAttribute("maxlength") || field.parentElement.dataset.limit;
      field.removeAttribute("maxlength");
      const note = document.createElement("p");
      note.className = "counter";
      field.after(note);
      count(field);
    }, root);
    // Tables shown as cards on phones lose their roles to `display`; give them back.
    each("table.stack", (table) => {
      table.setAttribute("role", "table");
      each("thead, tbody, tfoot", (part) => part.setAttribute("role", "rowgroup"), table);
      each("tr", (row) => row.setAttribute("role", "row"), table);
      each("td", (cell) => cell.setAttribute("role", "cell"), table);
      each("tbody th", (cell) => cell.setAttribute("role", "rowheader"), table);
      each("thead th", (cell) => cell.setAttribute("role", "columnheader"), table);
    }, root);
    each("[data-copy]", (button) => { button.hidden = !navigator.clipboard; }, root);
  };
  prepare(document);
  document.addEventListener("htmx:load", (event) => prepare(event.target));
  document.addEventListener("input", (event) => { if (event.target.dataset.counted) count(event.target); });

  // Copy a digest: the target's text without the spaces that make it readable.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    navigator.clipboard.writeText(source.textContent.replace(/\s+/g, "")).then(() => { button.textContent = words.tCopied; });
  });

  // Unsaved changes: forms with data-unsaved. An automatic save that worked clears the warning.
  const dirty = new Set();
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-unsaved]");
    if (form) dirty.add(form);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) dirty.delete(event.target.closest("form"));
  });
  window.addEventListener("beforeunload", (event) => { if (dirty.size) event.preventDefault(); });

  // One submission per press. The button is disabled after the browser has collected the form, so that the pressed
  // button's name and value are sent. Forms that answer with a file opt out: data-resubmit.
  const sent = new Map();
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post" || form.dataset.resubmit !== undefined) return;
    if (sent.has(form)) { event.preventDefault(); return; }
    dirty.delete(form);
    const button = event.submitter;
    sent.set(form, button && { button, text: button.textContent });
    window.setTimeout(() => {
      if (!button) return;
      button.disabled = true;
      if (!button.children.length) button.textContent = words.tSending;
    });
  });
  // A form keeps its number with its place in the history: the browser's arrow asks for the page again, gives back what
  // was typed, and would have it sent as another form (marketplace/twice/once.py).
  const numbers = {};
  each("main input[type=hidden][name=key]", (input) => {
    const address = input.form.getAttribute("action") || "";
    const place = `${address} ${Object.keys(numbers).filter((other) => other.startsWith(`${address} `)).length}`;
    input.value = numbers[place] = history.state?.numbers?.[place] || input.value;
  });
  if (Object.keys(numbers).length) history.replaceState({ ...history.state, numbers }, "");
  // Coming back with the browser's arrow: the page may be restored as it was, buttons included.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    sent.forEach((was) => { if (was) { was.button.disabled = false; if (!was.button.children.length) was.button.textContent = was.text; } });
    sent.clear();
  });
})();
