// The prompt panel: editors that grow, parameters that may be unset, stop sequences, mistakes shown
// where they are, a draft that is never lost, Run and Stop.
"use strict";

(() => {
  const form = document.getElementById("prompt");
  const LOCAL_MS = 300, SERVER_MS = 2000, RETRY_MS = 10_000;
  const RELOAD_MS = 10_000; // what was typed this long ago simply goes on after a reload
  const BIG = 50_000; // characters, from which an editor does no work of its own
  const NOT_DRAFT = ["csrfmiddlewaretoken", "idempotency_key", "column"];
  const runButton = document.getElementById("run");
  const stopButton = document.getElementById("stop");
  const errors = document.getElementById("prompt-errors");

  // Messages -------------------------------------------------------------------------------

  const editors = () => [...form.querySelectorAll(".editor > textarea")];

  function growEditor(textarea) {
    const isBig = textarea.value.length > BIG;
    if (textarea.parentElement.classList.contains("editor--big") !== isBig) setBig(textarea, isBig, textarea.value);
    const text = isBig ? "" : `${textarea.value}\n`;
    const shadow = textarea.previousElementSibling;
    if (shadow.textContent !== text) shadow.textContent = text;
  }

  // Browsers take seconds to find the direction of every line of a big text, and to check its spelling.
  function setBig(textarea, isBig, text) {
    const isRightToLeft = /^\P{L}*[\u0590-\u08ff\ufb1d-\ufefc]/u.test(text);
    textarea.parentElement.classList.toggle("editor--big", isBig);
    textarea.spellcheck = !isBig;
    textarea.dir = isBig ? (isRightToLeft ? "rtl" : "ltr") : "auto";
  }

  // Why the messages are too long to send, or "".
  function sizeError() {
    const most = Number(form.dataset.maxBytes);
    const texts = editors().map((textarea) => textarea.value).filter((text) => /\S/.test(text));
    if (texts.reduce((sum, text) => sum + text.length, 0) * 3 <= most) return ""; // 3 bytes per unit
    const bytes = texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
    const kb = Math.round(bytes / 1024).toLocaleString("en");
    return bytes <= most ? ""
      : `The prompt is ${kb} KB long; at most ${Math.floor(most / 1024)} KB can be sent. Shorten it.`;
  }

  function checkSize() {
    const words = sizeError();
    if (!words) settle("size");
    else mark("size", words);
  }

  // The browser's own way to insert this much takes seconds, at the paste and at every key after it.
  function pasteBig(event) {
    const text = event.clipboardData.getData("text/plain");
    const { target } = event;
    if (text.length <= BIG || !target.matches(".editor > textarea")) return;
    event.preventDefault();
    setBig(target, true, target.value + text);
    target.setRangeText(text.replace(/\r\n?/g, "\n"), target.selectionStart, target.selectionEnd, "end");
    target.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertFromPaste" }));
  }

  function nameEditor(select) {
    const word = select.selectedOptions[0].textContent;
    select.closest(".msg").querySelector("textarea").setAttribute("aria-label", `${word} message`);
  }

  // Parameters -----------------------------------------------------------------------------

  function showParam(row) {
    const [range, number] = [row.querySelector(".range"), row.querySelector(".input")];
    row.toggleAttribute("data-unset", number.value === "");
    range.value = number.value === "" ? range.dataset.usual : number.value;
    if (number.value === "") range.setAttribute("aria-valuetext", "not set");
    else range.removeAttribute("aria-valuetext");
  }

  function showParamline() {
    const set = [...form.querySelectorAll(".param")].flatMap((row) => {
      const number = row.querySelector(".input");
      const short = { temperature: "temp", max_tokens: "max", top_p: "top p" }[number.name];
      return number.value === "" ? [] : [`${short} ${number.value}`];
    });
    const stops = stopValues().length;
    if (stops) set.push(`${stops} stop${stops > 1 ? "s" : ""}`);
    if (form.elements.extra.value.trim()) set.push("extra JSON");
    form.querySelector("[data-paramline]").textContent = set.join(" · ") || "no parameters set";
  }

  // Stop sequences -------------------------------------------------------------------------

  const chips = form.querySelector("[data-chips]");
  const typing = chips.querySelector("#p-stop");

  function stopValues() {
    return [...chips.querySelectorAll("[name=stop]")].map((input) => input.value).filter(Boolean);
  }

  // Blanks at the ends and control characters drawn, as they count: templatetags' `visible`.
  function visible(value) {
    return value.replace(/^ +| +$/g, (blanks) => "␣".repeat(blanks.length))
      .replace(/[\n\r\t]/g, (letter) => JSON.stringify(letter).slice(1, -1));
  }

  function addChip(value) {
    const tag = document.createElement("span");
    tag.className = "tag";
    const code = document.createElement("code");
    code.textContent = visible(value);
    const hidden = document.createElement("input");
    Object.assign(hidden, { type: "hidden", name: "stop", value });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove stop sequence ${visible(value)}`);
    remove.append(site.icon("x", "sm"));
    tag.append(code, hidden, remove);
    typing.before(tag);
  }

  function takeTyped() {
    if (!typing.value) return;
    if (!stopValues().slice(0, -1).includes(typing.value)) addChip(typing.value);
    typing.value = "";
    changed();
  }

  typing.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      takeTyped();
    } else if (event.key === "Backspace" && !typing.value) {
      typing.previousElementSibling?.remove();
      changed();
    }
  });
  typing.addEventListener("blur", takeTyped);
  chips.addEventListener("click", (event) => {
    event.target.closest("button")?.parentElement.remove();
    typing.focus();
    settle("stop");
    changed();
  });

  // Mistakes -------------------------------------------------------------------------------
  // The server words them, all at once: after a pause in typing beside each field, and on Run in
  // the callout too. A field that is edited is taken to be right until the server says otherwise.

  const CHECKED = ["temperature", "max_tokens", "top_p", "stop", "extra"];
  const ABOUT_MESSAGES = ["prompt", "messages", "size"];

  function fieldOf(name) {
    if (ABOUT_MESSAGES.includes(name)) return editors().at(-1);
    return name === "stop" ? typing : form.elements[name];
  }

  function mark(name, words) {
    const place = document.getElementById(`${name}-error`);
    if (place && place.textContent !== words) place.textContent = words;
    if (words) fieldOf(name)?.setAttribute("aria-invalid", "true");
    else fieldOf(name)?.removeAttribute("aria-invalid");
  }

  function showMistakes(mistakes) {
    for (const name of CHECKED) mark(name, mistakes[name] || "");
  }

  // Nothing is known against this field any more.
  function settle(name) {
    mark(name, "");
    for (const line of errors.querySelectorAll(`[data-field="${name}"]`)) line.remove();
    if (!errors.querySelector("[data-field]")) errors.replaceChildren();
  }

  function refuse(name, words) {
    const [box, title, line] = ["div", "h3", "p"].map((tag) => document.createElement(tag));
    box.className = "callout callout--danger";
    box.setAttribute("role", "alert");
    title.textContent = "Nothing was sent";
    line.dataset.field = name;
    line.textContent = words;
    box.append(site.icon("alert"), title, line);
    errors.replaceChildren(box);
    showRefusal();
  }

  // Mark what the callout names, and go to the first of it.
  function showRefusal() {
    const lines = [...errors.querySelectorAll("[data-field]")];
    for (const { dataset, textContent } of lines) mark(dataset.field, textContent);
    const first = lines.length && fieldOf(lines[0].dataset.field);
    if (!first) return;
    document.getElementById("pane-prompt").checked = true;
    if (first.name === "extra") document.getElementById("extra-fold").open = true;
    first.focus();
  }

  // The border at once; the words follow with the next save.
  function checkExtra() {
    settle("extra");
    const typed = form.elements.extra.value;
    try {
      if (typed.trim()) JSON.parse(typed);
    } catch {
      form.elements.extra.setAttribute("aria-invalid", "true");
    }
  }

  // Draft ----------------------------------------------------------------------------------

  const key = `draft:${form.dataset.owner}`;
  const state = document.getElementById("draft-state");
  let localTimer = 0;
  let serverTimer = 0;
  let isUnsaved = false;
  let savedAt = form.dataset.savedAt; // the stored draft that this page's text is on top of
  let saving = null; // the save under way, to be aborted
  let unanswered = ""; // a text that was sent and may be stored: no answer came
  let keptAt = 0;

  function snapshot() {
    const isMessage = (name) => /^(role|message)-/.test(name); // there when empty, too
    return [...new FormData(form)].filter(([name, value]) =>
      !NOT_DRAFT.includes(name) && (value !== "" || isMessage(name)));
  }

  const typedText = () => JSON.stringify(snapshot());

  function changed() {
    isUnsaved = true;
    if (offered && !offered.isStored) closeOffer();
    showParamline();
    clearTimeout(localTimer);
    clearTimeout(serverTimer);
    localTimer = setTimeout(saveHere, LOCAL_MS);
    serverTimer = setTimeout(saveThere, SERVER_MS);
  }

  // Only what the server does not have yet: a shared computer keeps no prompts.
  function saveHere() {
    try {
      if (isUnsaved) {
        keptAt = Date.now();
        localStorage.setItem(key, JSON.stringify({ at: keptAt, fields: snapshot() }));
        return true;
      }
      // Another tab may have put its own text there.
      if (keptAt && JSON.parse(localStorage.getItem(key))?.at === keptAt) localStorage.removeItem(key);
    } catch {
      // Storage is full or forbidden: the server's copy remains.
    }
    return false;
  }

  function draftForm() {
    const body = new FormData();
    for (const [name, value] of snapshot()) body.append(name, value);
    body.append("saved_at", savedAt);
    return body;
  }

  // One save at a time, and none while a run is sent (it saves, too) or a choice is open.
  async function saveThere() {
    clearTimeout(serverTimer);
    if (saving || isSending || offered?.isStored) return;
    const mine = saving = new AbortController();
    const sent = typedText();
    try {
      const answer = await site.post(form.dataset.draft, draftForm(), { signal: mine.signal });
      if (!answer.ok && answer.status !== 409) throw new Error(answer.status);
      const told = await answer.json();
      if (saving !== mine) return;
      saving = null;
      if (answer.status === 409) meetOther(told);
      else saved(told, sent);
    } catch (error) {
      if (saving !== mine) return;
      saving = null;
      unanswered = sent;
      const isHere = saveHere();
      showState(isHere ? "Draft kept in this browser; the server did not take it"
        : "Draft not saved: it is too long, or the server did not take it");
      if (error.message !== "signed out") serverTimer = setTimeout(saveThere, RETRY_MS);
    }
  }

  function saved(told, sent) {
    savedAt = told.saved_at;
    unanswered = "";
    isUnsaved = typedText() !== sent;
    if (isUnsaved) serverTimer = setTimeout(saveThere, SERVER_MS);
    else showMistakes(told.mistakes);
    saveHere();
    showState("Draft saved ", new Date(savedAt));
  }

  // Another draft is stored than the one this text began as: by another tab, or by this one when
  // the answer got lost.
  function meetOther(told) {
    savedAt = told.saved_at;
    if (JSON.stringify(told.fields) === unanswered) saveThere();
    else offer(`Another tab saved this draft at ${clock(Date.parse(savedAt))}`, "Use that one", told.fields, true);
  }

  function showState(words, time = null) {
    const dot = document.createElement("span");
    dot.setAttribute("aria-hidden", "true");
    dot.textContent = "· ";
    state.replaceChildren(dot, words);
    if (!time) return;
    const element = document.createElement("time");
    element.dateTime = time.toISOString();
    element.dataset.local = "";
    state.append(element);
    site.showTimes(state);
  }

  function leave() {
    if (!isUnsaved) return;
    saveHere();
    if (offered?.isStored) return;
    unanswered = typedText();
    site.post(form.dataset.draft, draftForm(), { keepalive: true }).catch(() => {});
  }

  function fill(fields) {
    for (const tag of chips.querySelectorAll(".tag")) tag.remove();
    for (const element of form.querySelectorAll("textarea, .param .input, #p-stop")) element.value = "";
    form.elements.takes_lines.checked = false;
    for (const [name, value] of fields) {
      if (name === "stop") addChip(value);
      else if (name === "takes_lines") form.elements.takes_lines.checked = true;
      else if (form.elements[name]) form.elements[name].value = value;
    }
    showAll();
  }

  function showAll() {
    form.querySelectorAll(".editor > textarea").forEach(growEditor);
    form.querySelectorAll(".msg__role").forEach(nameEditor);
    form.querySelectorAll(".param").forEach(showParam);
    showParamline();
    checkSize();
  }

  // What this browser kept and the server never got: the newer is shown, the other offered.
  function restore() {
    let kept = null;
    try {
      kept = JSON.parse(localStorage.getItem(key));
    } catch {
      return;
    }
    const served = snapshot();
    if (!kept || JSON.stringify(kept.fields) === JSON.stringify(served)) {
      if (kept) localStorage.removeItem(key);
      return;
    }
    const storedAt = Date.parse(savedAt);
    if (kept.at <= storedAt) {
      offer(`Draft from ${clock(storedAt)} is shown`, `Use ${clock(kept.at)}`, kept.fields);
      return;
    }
    fill(kept.fields);
    changed();
    if (Date.now() - kept.at > RELOAD_MS) {
      offer(`Restored your draft from ${clock(kept.at)}`, `Use saved ${clock(storedAt)}`, served);
    }
  }

  const banner = document.getElementById("restored");
  const clock = (ms) =>
    new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  let offered = null; // {fields, isStored}: another text, and whether saving waits for the choice

  function offer(words, button, fields, isStored = false) {
    offered = { fields, isStored };
    banner.querySelector("[data-words]").textContent = words;
    banner.querySelector("[data-use-other]").textContent = button;
    banner.hidden = false;
  }

  function closeOffer() {
    offered = null;
    banner.hidden = true;
  }

  banner.addEventListener("click", (event) => {
    const isUse = event.target.closest("[data-use-other]");
    if (!isUse && !event.target.closest("[data-keep]")) return;
    const { fields, isStored } = offered;
    closeOffer();
    if (isUse) fill(fields);
    changed();
    if (!isUse || !isStored) return;
    isUnsaved = false; // it is what the server has
    clearTimeout(serverTimer);
  });

  // Run and stop ---------------------------------------------------------------------------

  const SLIP_MS = 700; // Stop stands where a second click of a double click may land
  let isSending = false;
  let sentText = "";
  let startedAt = 0;

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    form.elements.idempotency_key.value = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  }

  // Not `disabled`: a press says why nothing happens.
  function showButtons(isGoing) {
    const isBusy = isSending || isGoing;
    if (isBusy) runButton.setAttribute("aria-disabled", "true");
    else runButton.removeAttribute("aria-disabled");
    setWord(isBusy ? "Running…" : "Run");
    stopButton.disabled = !isGoing;
  }

  function setWord(word) {
    runButton.querySelector("[data-word]").textContent = word;
  }

  function mayRun() {
    const isSlip = Date.now() - startedAt < SLIP_MS; // the second half of a double click
    if (isSending || (isSlip && run.summary().isGoing)) return false;
    if (run.summary().isGoing) {
      site.toast("Still running. Stop it first (Esc).");
      return false;
    }
    const tooLong = sizeError();
    if (tooLong) refuse("size", tooLong);
    return !tooLong;
  }

  form.addEventListener("submit", (event) => {
    takeTyped();
    if (mayRun()) return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== form) return;
    isSending = true;
    sentText = typedText();
    startedAt = Date.now();
    saving?.abort();
    saving = null;
    clearTimeout(localTimer);
    clearTimeout(serverTimer);
    saveHere();
    closeOffer();
    errors.replaceChildren();
    showMistakes({});
    showButtons(run.summary().isGoing);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== form) return;
    const { xhr } = event.detail;
    isSending = false;
    if (xhr.status) newKey(); // answered; without an answer the same run is meant again
    else unanswered = sentText;
    showButtons(run.summary().isGoing);
    // A refusal keeps the draft as well.
    if (![200, 422, 429].includes(xhr.status) || site.isSignIn(xhr.responseURL)) return changed();
    isUnsaved = typedText() !== sentText;
    if (isUnsaved) changed();
    saveHere();
    showState("Draft saved ", new Date());
    if (xhr.status === 200) document.getElementById("pane-outputs").checked = true;
  });
  // Run saves the draft as well; its answer says when.
  document.addEventListener("draft-saved", (event) => { savedAt = event.detail.at; });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "outputs") settle("variants");
    if (event.target === errors) showRefusal();
  });
  document.addEventListener("run:changed", (event) => showButtons(event.detail.isGoing));

  stopButton.addEventListener("click", () => {
    if (Date.now() - startedAt > SLIP_MS) run.stop();
  });

  form.addEventListener("paste", pasteBig);
  form.addEventListener("input", (event) => {
    const { target } = event;
    if (target.matches(".editor > textarea")) {
      growEditor(target);
      ABOUT_MESSAGES.forEach(settle);
      checkSize();
    }
    if (target.matches(".range")) target.closest(".param").querySelector(".input").value = target.value;
    const row = target.closest(".param");
    if (row) {
      showParam(row);
      settle(row.querySelector(".input").name);
    }
    if (target === typing) settle("stop");
    if (target.name === "extra") checkExtra();
    changed();
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches(".msg__role")) nameEditor(event.target);
    changed();
    if (event.target.name === "extra") saveThere(); // for its words
  });
  form.querySelector("[data-reset-params]").addEventListener("click", () => {
    for (const input of form.querySelectorAll(".param .input")) {
      input.value = "";
      settle(input.name);
    }
    form.querySelectorAll(".param").forEach(showParam);
    changed();
  });
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && isUnsaved && saveThere());
  for (const name of ["run:connected", "online"]) {
    window.addEventListener(name, () => isUnsaved && saveThere());
  }

  showAll();
  restore();
})();
