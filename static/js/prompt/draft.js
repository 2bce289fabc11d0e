// The draft, never lost: in this browser soon, at the server later, beside another tab's.
"use strict";

const draft = (() => {
  const LOCAL_MS = 300, SERVER_MS = 2000, JSON_MS = 400, RETRY_MS = 10_000;
  const RELOAD_MS = 10_000; // what was typed this long ago simply goes on after a reload
  const NOT_DRAFT = ["csrfmiddlewaretoken", "idempotency_key", "column"];

  const key = `draft:${promptForm.dataset.owner}`;
  const state = document.getElementById("draft-state");
  let localTimer = 0;
  let serverTimer = 0;
  let isUnsaved = false;
  let savedAt = promptForm.dataset.savedAt; // the stored draft that this page's text is on top of
  let saving = null; // the save under way, to be aborted
  let unanswered = ""; // a text that was sent and may be stored: no answer came
  let keptAt = 0;

  function snapshot() {
    const isListed = (name) => /^(role|message|example|variable)-/.test(name); // there when empty, too
    return inOrder([...new FormData(promptForm)].filter(([name, value]) =>
      !NOT_DRAFT.includes(name) && (value !== "" || isListed(name))));
  }

  // The same fields are the same text, however they stand on the page; of one name the order counts.
  const inOrder = (fields) => fields.sort(([one], [other]) => one < other ? -1 : Number(one > other));

  const typedText = () => JSON.stringify(snapshot());

  // JSON is saved sooner, because the save judges it.
  function changed(isJson = false) {
    isUnsaved = true;
    if (offered && !offered.isStored) closeOffer();
    parameters.showParamline();
    stopTimers();
    localTimer = setTimeout(saveHere, LOCAL_MS);
    serverTimer = setTimeout(saveThere, isJson ? JSON_MS : SERVER_MS);
  }

  function stopTimers() {
    clearTimeout(localTimer);
    clearTimeout(serverTimer);
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
      const answer = await site.post(promptForm.dataset.draft, draftForm(), { signal: mine.signal });
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
      showState(site.words(isHere ? "draft_kept_here" : "draft_not_saved"));
      if (error.message !== "signed out") serverTimer = setTimeout(saveThere, RETRY_MS);
    }
  }

  function saved(told, sent) {
    document.dispatchEvent(new CustomEvent("draft-saved", { detail: { at: told.saved_at, prompt: told.prompt } }));
    unanswered = "";
    isUnsaved = typedText() !== sent;
    if (isUnsaved) serverTimer = setTimeout(saveThere, SERVER_MS);
    else mistakes.show(told.mistakes);
    saveHere();
    showState(`${site.words("draft_saved")} `, new Date(savedAt));
  }

  // Another draft is stored than the one this text began as: by another tab, or by this one when
  // the answer got lost.
  function meetOther(told) {
    savedAt = told.saved_at;
    if (JSON.stringify(inOrder(told.fields)) === unanswered) saveThere();
    else offer(site.words("draft_of_other_tab", { time: clock(Date.parse(savedAt)) }), site.words("use_that"), told.fields, true);
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
    site.post(promptForm.dataset.draft, draftForm(), { keepalive: true }).catch(() => {});
  }

  function fill(fields) {
    parameters.clearChips();
    messages.shape(fields);
    variables.shape(fields);
    for (const element of promptForm.querySelectorAll("textarea, .param .input, #p-stop")) element.value = "";
    promptForm.elements.takes_lines.checked = false;
    for (const [name, value] of fields) {
      if (name === "stop") parameters.addChip(value);
      else if (name.startsWith("image-")) images.show(promptForm.elements[name.replace("image", "message")], value);
      else if (name === "takes_lines") promptForm.elements.takes_lines.checked = true;
      else if (promptForm.elements[name]) promptForm.elements[name].value = value;
    }
    showAll();
  }

  function showAll() {
    messages.showAll();
    parameters.showAll();
    refresh();
  }

  // What follows from the texts: fields for variables, paint, counts.
  function refresh() {
    variables.sync();
    editors.all().forEach(editors.grow);
    editors.showTokens();
    mistakes.checkSize();
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
      offer(site.words("draft_shown", { time: clock(storedAt) }), site.words("use", { time: clock(kept.at) }), kept.fields);
      return;
    }
    fill(kept.fields);
    changed();
    if (Date.now() - kept.at > RELOAD_MS) {
      offer(site.words("draft_restored", { time: clock(kept.at) }), site.words("use_saved", { time: clock(storedAt) }), served);
    }
  }

  const banner = document.getElementById("restored");
  const clock = (ms) =>
    new Date(ms).toLocaleTimeString(site.locale, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
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

  function choose(isOther) {
    if (!offered) return;
    const { fields, isStored } = offered;
    closeOffer();
    if (isOther) fill(fields);
    changed();
    if (!isOther || !isStored) return;
    isUnsaved = false; // it is what the server has
    clearTimeout(serverTimer);
  }

  banner.addEventListener("click", ({ target }) => {
    if (target.closest("[data-compare]")) compare();
    if (target.closest("[data-use-other]")) choose(true);
    if (target.closest("[data-keep]")) choose(false);
  });

  // Both texts word by word, over the page; the choice is the banner's.
  const comparison = document.getElementById("draft-compare");

  async function compare() {
    const body = draftForm();
    body.append("other", JSON.stringify(offered.fields));
    try {
      const answer = await site.post(promptForm.dataset.draftDiff, body);
      if (!answer.ok) throw new Error(answer.status);
      const template = document.createElement("template");
      template.innerHTML = await answer.text(); // this site's own fragment: no text in it is markup
      if (!offered) return;
      comparison.querySelector("[data-body]").replaceChildren(template.content);
      site.open(comparison.id);
    } catch (error) {
      if (error.message !== "signed out") site.toast(site.words("not_compared"), { isError: true });
    }
  }

  comparison.addEventListener("click", ({ target }) => {
    const isOther = Boolean(target.closest("[data-draft-take]"));
    if (!isOther && !target.closest("[data-draft-keep]")) return;
    comparison.close();
    choose(isOther);
  });

  // A run keeps the draft as well ----------------------------------------------------------

  let sentText = "";
  let isSending = false;

  function runSent() {
    isSending = true;
    sentText = typedText();
    saving?.abort();
    saving = null;
    stopTimers();
    saveHere();
    closeOffer();
  }

  // `isKept` says whether the server has what was sent; without any answer nobody knows.
  function runAnswered(isKept, isAnswered) {
    isSending = false;
    if (!isAnswered) unanswered = sentText;
    if (!isKept) return changed();
    isUnsaved = typedText() !== sentText;
    if (isUnsaved) changed();
    saveHere();
    showState(`${site.words("draft_saved")} `, new Date());
  }

  // Its answer says when.
  document.addEventListener("draft-saved", (event) => { savedAt = event.detail.at; });
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && isUnsaved && saveThere());
  for (const name of ["run:connected", "online"]) {
    window.addEventListener(name, () => isUnsaved && saveThere());
  }

  function start() {
    showAll();
    restore();
  }

  return { changed, refresh, runAnswered, runSent, saveThere, start };
})();
