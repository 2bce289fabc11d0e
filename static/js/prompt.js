// The prompt panel: editors that grow, parameters that may be unset, stop sequences, extra JSON
// checked as typed, a draft that is never lost, Run and Stop.
"use strict";

(() => {
  const form = document.getElementById("prompt");
  const LOCAL_MS = 300, SERVER_MS = 2000;
  const NOT_DRAFT = ["csrfmiddlewaretoken", "idempotency_key", "column"];
  const runButton = document.getElementById("run");
  const stopButton = document.getElementById("stop");
  const errors = document.getElementById("prompt-errors");

  // Messages -------------------------------------------------------------------------------

  function growEditor(textarea) {
    textarea.previousElementSibling.textContent = `${textarea.value}\n`;
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

  function addChip(value) {
    const tag = document.createElement("span");
    tag.className = "tag";
    const code = document.createElement("code");
    code.textContent = value;
    const hidden = document.createElement("input");
    Object.assign(hidden, { type: "hidden", name: "stop", value });
    const remove = document.createElement("button");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove stop sequence ${value}`);
    remove.append(form.querySelector("[data-keep] svg").cloneNode(true));
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
    changed();
  });

  // Extra JSON -----------------------------------------------------------------------------

  // Why the extra JSON cannot be sent, or "".
  function extraError() {
    const typed = form.elements.extra.value;
    if (!typed.trim()) return "";
    try {
      const value = JSON.parse(typed);
      const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
      return isObject ? "" : 'Extra JSON is one object, such as {"seed": 7}.';
    } catch (error) {
      return `Extra JSON cannot be read${whereIn(typed, error.message)}.`;
    }
  }

  // Engines word it differently: "line 2 column 5", "position 17", or nothing, which is the end.
  function whereIn(typed, message) {
    const named = message.match(/line (\d+) column (\d+)/);
    if (named) return ` at line ${named[1]}, column ${named[2]}`;
    const at = message.match(/position (\d+)/);
    const before = typed.slice(0, at ? Number(at[1]) : typed.length).split("\n");
    return ` at line ${before.length}, column ${before.at(-1).length + 1}`;
  }

  function checkExtra() {
    const field = form.elements.extra;
    const error = extraError();
    document.getElementById("extra-error").textContent = error;
    if (error) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    return !error;
  }

  // Draft ----------------------------------------------------------------------------------

  const key = `draft:${form.dataset.owner}`;
  const state = document.getElementById("draft-state");
  let localTimer = 0;
  let serverTimer = 0;
  let isUnsaved = false;

  function snapshot() {
    return [...new FormData(form)].filter(([name, value]) => !NOT_DRAFT.includes(name) && value !== "");
  }

  function changed() {
    isUnsaved = true;
    showParamline();
    clearTimeout(localTimer);
    clearTimeout(serverTimer);
    localTimer = setTimeout(saveHere, LOCAL_MS);
    serverTimer = setTimeout(saveThere, SERVER_MS);
  }

  // Only what the server does not have yet: a shared computer keeps no prompts.
  function saveHere() {
    try {
      if (isUnsaved) localStorage.setItem(key, JSON.stringify({ at: Date.now(), fields: snapshot() }));
      else localStorage.removeItem(key);
    } catch {
      // Storage is full or forbidden: the server's copy remains.
    }
  }

  function draftForm() {
    const body = new FormData();
    for (const [name, value] of snapshot()) body.append(name, value);
    return body;
  }

  async function saveThere() {
    clearTimeout(serverTimer);
    const sent = JSON.stringify(snapshot());
    try {
      const answer = await site.post(form.dataset.draft, draftForm());
      if (answer.status !== 204) throw new Error(answer.status);
      if (JSON.stringify(snapshot()) === sent) isUnsaved = false;
      saveHere();
      const now = new Date();
      showState("Draft saved ", now);
    } catch {
      showState("Draft kept in this browser; the server did not take it");
    }
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
    checkExtra();
    showParamline();
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
    if (!kept || JSON.stringify(kept.fields) === JSON.stringify(served)) return;
    const clock = (ms) => new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const savedAt = Date.parse(form.dataset.savedAt);
    if (kept.at > savedAt) {
      fill(kept.fields);
      changed();
      offer(`Restored your draft from ${clock(kept.at)}`, `Use saved ${clock(savedAt)}`, served);
    } else {
      offer(`Draft from ${clock(savedAt)} is shown`, `Use ${clock(kept.at)}`, kept.fields);
    }
  }

  function offer(words, button, fields) {
    const banner = document.getElementById("restored");
    banner.querySelector("[data-words]").textContent = words;
    const use = banner.querySelector("[data-use-other]");
    use.textContent = button;
    banner.hidden = false;
    use.addEventListener("click", () => {
      banner.hidden = true;
      fill(fields);
      changed();
    }, { once: true });
    banner.querySelector("[data-keep]").addEventListener("click", () => {
      banner.hidden = true;
      changed();
    }, { once: true });
  }

  // Run and stop ---------------------------------------------------------------------------

  const SLIP_MS = 700; // Stop stands where a second click of a double click may land
  let isSending = false;
  let startedAt = 0;

  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    form.elements.idempotency_key.value = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  }

  function showButtons(isGoing) {
    runButton.disabled = isSending || isGoing;
    setWord(runButton.disabled ? "Running…" : "Run");
    stopButton.disabled = !isGoing;
  }

  function setWord(word) {
    runButton.querySelector("[data-word]").textContent = word;
  }

  function showRefusal(field) {
    const element = form.elements[field] || document.querySelector("[name=message-2], [name=message-1]");
    if (field === "extra") document.getElementById("extra-fold").open = true;
    element?.focus?.();
  }

  form.addEventListener("submit", (event) => {
    takeTyped();
    if (!checkExtra()) {
      event.preventDefault();
      event.stopPropagation();
      showRefusal("extra");
    } else if (runButton.disabled) {
      event.preventDefault();
      event.stopPropagation();
    }
  }, { capture: true });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== form) return;
    isSending = true;
    startedAt = Date.now();
    clearTimeout(localTimer);
    clearTimeout(serverTimer);
    errors.replaceChildren();
    showButtons(run.summary().isGoing);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== form) return;
    isSending = false;
    if (event.detail.xhr.status) newKey(); // answered; without an answer the same run is meant again
    showButtons(run.summary().isGoing);
    if (event.detail.successful) {
      isUnsaved = false;
      saveHere();
      showState("Draft saved ", new Date());
      document.getElementById("pane-outputs").checked = true;
    } else {
      changed();
      const refusal = errors.querySelector("[data-field]");
      if (refusal) showRefusal(refusal.dataset.field);
    }
  });
  document.addEventListener("run:changed", (event) => showButtons(event.detail.isGoing));

  stopButton.addEventListener("click", () => {
    if (Date.now() - startedAt > SLIP_MS) run.stop();
  });

  form.addEventListener("input", (event) => {
    const { target } = event;
    if (target.matches(".editor > textarea")) growEditor(target);
    if (target.matches(".range")) target.closest(".param").querySelector(".input").value = target.value;
    if (target.closest(".param")) showParam(target.closest(".param"));
    if (target.name === "extra") checkExtra();
    changed();
  });
  form.addEventListener("change", (event) => {
    if (event.target.matches(".msg__role")) nameEditor(event.target);
    changed();
  });
  form.querySelector("[data-reset-params]").addEventListener("click", () => {
    for (const input of form.querySelectorAll(".param .input")) input.value = "";
    form.querySelectorAll(".param").forEach(showParam);
    changed();
  });
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && isUnsaved && saveThere());

  showAll();
  restore();
})();
