// Moving about: keys, columns, the picker, the raw drawer, the splitter. Works on the playground and on a run.
"use strict";

(() => {
  const play = document.querySelector(".play");
  const panel = document.getElementById("prompt");
  const right = () => document.documentElement.dir === "rtl" ? -1 : 1; // the way of the arrow to the right
  const isField = (element) => element.matches("input, textarea, select, [contenteditable]");

  // Columns --------------------------------------------------------------------------------

  function goTo(column) {
    if (!column) return;
    const alone = document.querySelector(".board.has-alone > .is-alone");
    if (alone && alone !== column) {
      alone.classList.remove("is-alone");
      column.classList.add("is-alone");
    }
    document.getElementById("pane-outputs").checked = true;
    column.scrollIntoView({ inline: "start", block: "nearest" });
    column.querySelector(".col__diff:not([hidden]), .col__body").focus({ preventScroll: true });
    markCurrent(column);
  }

  function markCurrent(column) {
    for (const item of document.querySelectorAll("#strip [aria-current]")) item.removeAttribute("aria-current");
    document.querySelector(`#strip [href="#${column.id}"]`)?.setAttribute("aria-current", "true");
  }

  function currentColumn() {
    const focused = document.activeElement.closest(".col");
    const marked = document.querySelector("#strip [aria-current]")?.getAttribute("href");
    return focused || (marked && document.querySelector(marked));
  }

  function step(by) {
    const columns = run.columns();
    const at = columns.indexOf(currentColumn());
    goTo(columns[Math.min(columns.length - 1, Math.max(0, at + by))]);
  }

  document.addEventListener("click", (event) => {
    const item = event.target.closest("#strip a");
    if (!item) return;
    event.preventDefault();
    goTo(document.querySelector(item.getAttribute("href")));
  });
  document.addEventListener("focusin", (event) => {
    const column = event.target.closest(".col");
    if (column) markCurrent(column);
  });

  // The message to shorten, of the prompt beside the outputs.
  function showLongest() {
    const size = (message) => (message.querySelector("textarea")?.value ?? message.textContent).length;
    const all = [...panel.querySelectorAll(".msg")];
    const longest = all.reduce((most, each) => (most && size(most) >= size(each) ? most : each), null);
    if (!longest) return;
    document.getElementById("pane-prompt").checked = true;
    if (panel.hidden) togglePanel();
    const fold = longest.closest("details");
    if (fold) fold.open = true;
    const place = longest.querySelector("textarea") || longest;
    if (place === longest) longest.tabIndex = -1;
    longest.scrollIntoView({ block: "nearest" });
    place.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => event.target.closest("[data-longest]") && showLongest());

  // Keys -----------------------------------------------------------------------------------

  function press(selector) {
    const button = currentColumn()?.querySelector(selector);
    if (button && !button.disabled) button.click();
  }

  const KEYS = {
    e: () => document.getElementById("picker") && site.open("picker"),
    "/": () => document.getElementById("picker") && site.open("picker"), // its search has the focus
    p: () => focusPrompt(),
    f: () => focusFollowUp(),
    c: () => press("[data-copy]"),
    d: () => press("[data-diff]"),
    r: () => press("[data-retry]"),
    b: () => press('[data-vote="best"]'),
    j: () => press("[data-raw]"),
    "[": () => togglePanel(),
    "?": () => site.open("keys"),
    ArrowLeft: () => step(-right()),
    ArrowRight: () => step(right()),
  };

  function focusPrompt() {
    const messages = panel.querySelectorAll("#messages textarea");
    if (!messages.length) return;
    if (panel.hidden) togglePanel();
    document.getElementById("pane-prompt").checked = true;
    messages[messages.length - 1].focus();
  }

  function focusFollowUp() {
    const field = document.getElementById("follow-up");
    if (!field) return;
    document.getElementById("pane-outputs").checked = true;
    field.focus();
  }

  const showPanel = document.getElementById("show-panel");

  function togglePanel() {
    panel.hidden = !panel.hidden;
    showPanel.hidden = !panel.hidden;
  }

  showPanel.addEventListener("click", () => {
    togglePanel();
    (panel.querySelector(".editor > textarea") || panel.querySelector("button:enabled"))?.focus();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) return runAll(event);
    if (event.defaultPrevented || event.isComposing || site.isOverlayOpen()) return;
    if (event.key === "Escape") return reading.closeDiff() || run.stop();
    if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    if (document.body.dataset.keys === "off" && event.key.length === 1) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = /^[1-9]$/.test(key) ? () => goTo(run.columns()[key - 1]) : KEYS[key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  function runAll(event) {
    const form = event.target.closest?.("#follow") || panel;
    const button = form.querySelector("[type=submit]");
    if (!button || site.isOverlayOpen()) return;
    event.preventDefault();
    if (!button.disabled) form.requestSubmit(button);
  }

  const runStop = document.getElementById("stop");
  if (!document.getElementById("run")) {
    runStop?.addEventListener("click", () => run.stop());
    document.addEventListener("run:changed", (event) => { if (runStop) runStop.disabled = !event.detail.isGoing; });
  }

  // One column alone -----------------------------------------------------------------------

  document.addEventListener("click", (event) => {
    const alone = event.target.closest("[data-alone]");
    if (!alone) return;
    const column = alone.closest(".col");
    const isAlone = column.classList.toggle("is-alone");
    for (const other of run.columns()) if (other !== column) other.classList.remove("is-alone");
    document.getElementById("board").classList.toggle("has-alone", isAlone);
    column.querySelector(".col__body").focus({ preventScroll: true });
  });

  document.addEventListener("run:changed", () => {
    const board = document.getElementById("board"); // the one alone may have been removed
    board?.classList.toggle("has-alone", Boolean(board.querySelector(":scope > .is-alone")));
  });

  // A column that is removed: the focus goes to the next one, else to the last.
  let afterRemoved = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const button = detail.requestConfig.elt;
    if (!button.matches(".col__remove") || !button.contains(document.activeElement)) return;
    afterRemoved = button.closest(".col").nextElementSibling?.id || "";
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (afterRemoved === null) return;
    const column = document.getElementById(afterRemoved) || run.columns().at(-1);
    afterRemoved = null;
    (column?.querySelector(".col__body") || document.querySelector("#outputs button")).focus({ preventScroll: true });
  });

  // Picker ---------------------------------------------------------------------------------

  const picker = document.getElementById("picker");

  function countChosen() {
    const chosen = picker.querySelectorAll("[name=endpoint]:checked").length;
    picker.querySelector("[data-use]").textContent = site.words("use_endpoints", { n: chosen });
  }

  function filterPicker(words) {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of picker.querySelectorAll("[data-group]")) {
      let inGroup = 0;
      for (const item of group.querySelectorAll(".picker__item")) {
        const text = item.textContent.toLowerCase();
        item.hidden = !wanted.every((word) => text.includes(word));
        inGroup += item.hidden ? 0 : 1;
      }
      group.hidden = wanted.length > 0 && !inGroup; // one that still loads has no items yet
      shown += inGroup;
    }
    const none = picker.querySelector("[data-none]");
    none.hidden = shown > 0 || !wanted.length;
  }

  function movePicker(event) {
    const stops = [picker.querySelector("[type=search]"),
      ...picker.querySelectorAll(".picker__item:not([hidden]) :is(input, button)")];
    const at = stops.indexOf(document.activeElement);
    if (at < 0) return;
    event.preventDefault();
    stops[Math.min(stops.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)))].focus();
  }

  // What was searched for is meant, also by who ticks nothing: Enter then uses the first of it.
  function tickFirst(words) {
    const found = [...picker.querySelectorAll(".picker__item:not([hidden]) [name=endpoint]")];
    if (words.trim() && found.length && !found.some((item) => item.checked)) found[0].checked = true;
  }

  if (picker) {
    picker.addEventListener("input", (event) => {
      if (event.target.type === "search") filterPicker(event.target.value);
      else countChosen();
    });
    picker.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") movePicker(event);
      if (event.key === "Enter" && event.target.type === "search") tickFirst(event.target.value);
    });
    picker.addEventListener("close", () => {
      const form = picker.querySelector("form");
      form.reset(); // what was ticked and not used is forgotten
      filterPicker("");
      countChosen();
    });
    document.addEventListener("htmx:afterRequest", (event) => {
      if (event.detail.elt === picker.querySelector("form") && event.detail.xhr.status === 200) picker.close();
    });
    // What was found arrives while one searches; one that was set up is ticked, until used or closed.
    picker.addEventListener("htmx:afterSettle", () => {
      for (const made of picker.querySelectorAll("[data-made]")) {
        delete made.dataset.made;
        made.checked = true;
        made.focus();
      }
      filterPicker(picker.querySelector("[type=search]").value);
      countChosen();
    });
  }

  // Raw drawer -----------------------------------------------------------------------------

  const raw = document.getElementById("raw");

  function showTab(tab) {
    for (const other of raw.querySelectorAll("[role=tab]")) {
      other.setAttribute("aria-selected", other === tab);
      other.tabIndex = other === tab ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = other !== tab;
    }
    tab.focus();
  }

  raw.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) showTab(tab);
  });
  raw.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -right(), ArrowRight: right() }[event.key];
    if (!by || !event.target.matches("[role=tab]")) return;
    event.preventDefault();
    const tabs = [...raw.querySelectorAll("[role=tab]")];
    showTab(tabs[(tabs.indexOf(event.target) + by + tabs.length) % tabs.length]);
  });
  // Once all is settled: htmx gives the focus to [autofocus] a moment after the swap.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target !== raw) return;
    site.showTimes(raw);
    paint(raw.querySelectorAll(".code"));
    site.open("raw");
  });
  raw.addEventListener("close", () => raw.replaceChildren());

  // Keys, texts and numbers in colour: ranges, not elements, so that a copy is what was sent.
  const TOKEN = /("(?:[^"\\\n]|\\.)*")(\s*:)?|(?<![\w.-])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.-])|\b(?:true|false|null)\b/g;
  const BIGGEST = 200_000; // more would not be read, and take long

  function paint(codes) {
    if (!window.Highlight) return;
    const kinds = { key: new Highlight(), text: new Highlight(), number: new Highlight() };
    for (const { firstChild: text } of codes) {
      if (text?.nodeType !== Node.TEXT_NODE || text.length > BIGGEST) continue;
      TOKEN.lastIndex = text.parentElement.hasAttribute("data-after-head") ? text.data.search(/[[{]/) : 0;
      for (const token of text.data.matchAll(TOKEN)) {
        const [whole, quoted, colon] = token;
        const kind = colon ? "key" : quoted ? "text" : "number";
        kinds[kind].add(new StaticRange({
          startContainer: text, startOffset: token.index,
          endContainer: text, endOffset: token.index + (quoted || whole).length,
        }));
      }
    }
    for (const [kind, highlight] of Object.entries(kinds)) CSS.highlights.set(`code-${kind}`, highlight);
  }

  // Splitter -------------------------------------------------------------------------------

  const splitter = document.querySelector(".splitter");
  const [LEAST, MOST, STEP] = [280, 720, 16];

  function setWidth(px) {
    const width = Math.round(Math.min(MOST, Math.max(LEAST, px)));
    play.style.setProperty("--panel-w", `${width}px`);
    splitter.setAttribute("aria-valuenow", width);
    try {
      localStorage.setItem("panel-width", width);
    } catch {
      // Not kept, then.
    }
  }

  splitter.addEventListener("pointerdown", (event) => {
    splitter.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  splitter.addEventListener("pointermove", (event) => {
    const place = play.getBoundingClientRect();
    const width = right() > 0 ? event.clientX - place.left : place.right - event.clientX;
    if (splitter.hasPointerCapture(event.pointerId)) setWidth(width);
  });
  splitter.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -STEP * right(), ArrowRight: STEP * right() }[event.key];
    if (!by) return;
    event.preventDefault();
    setWidth(panel.getBoundingClientRect().width + by);
  });

  try {
    const kept = Number(localStorage.getItem("panel-width"));
    if (kept) setWidth(kept);
  } catch {
    // Storage is forbidden: the width of the style sheet holds.
  }
})();
