// Run and Stop, and what follows from typing.
"use strict";

(() => {
  const runButton = document.getElementById("run");
  const stopButton = document.getElementById("stop");
  const SLIP_MS = 700; // Stop stands where a second click of a double click may land
  let isSending = false;
  let startedAt = 0;

  // Not `disabled`: a press says why nothing happens.
  function showButtons(isGoing) {
    const isBusy = isSending || isGoing;
    if (isBusy) runButton.setAttribute("aria-disabled", "true");
    else runButton.removeAttribute("aria-disabled");
    setWord(site.words(isBusy ? "running" : "run"));
    stopButton.disabled = !isGoing;
  }

  function setWord(word) {
    runButton.querySelector("[data-word]").textContent = word;
  }

  function mayRun() {
    const isSlip = Date.now() - startedAt < SLIP_MS; // the second half of a double click
    if (isSending || (isSlip && run.summary().isGoing)) return false;
    if (run.summary().isGoing) {
      site.toast(site.words("still_running"));
      return false;
    }
    const tooLong = editors.sizeError();
    if (tooLong) mistakes.refuse("size", tooLong);
    return !tooLong;
  }

  promptForm.addEventListener("submit", (event) => {
    parameters.takeTyped();
    if (mayRun()) return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt !== promptForm) return;
    isSending = true;
    startedAt = Date.now();
    draft.runSent();
    mistakes.clear();
    mistakes.show({});
    showButtons(run.summary().isGoing);
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== promptForm) return;
    const { xhr } = event.detail;
    isSending = false;
    if (xhr.status) promptForm.elements.idempotency_key.value = site.newKey(); // answered; without an answer the same run is meant again
    showButtons(run.summary().isGoing);
    // A refusal keeps the draft as well.
    draft.runAnswered([200, 422, 429].includes(xhr.status) && !site.isSignIn(xhr.responseURL), Boolean(xhr.status));
    if (xhr.status === 200 && !site.isSignIn(xhr.responseURL)) document.getElementById("pane-outputs").checked = true;
  });
  document.addEventListener("run:changed", (event) => showButtons(event.detail.isGoing));

  stopButton.addEventListener("click", () => {
    if (Date.now() - startedAt > SLIP_MS) run.stop();
  });

  promptForm.addEventListener("paste", editors.pasteBig);
  promptForm.addEventListener("input", ({ target }) => {
    if (target.matches(".editor > textarea")) {
      editors.grow(target);
      if (target.closest("#examples")) mistakes.settleExamples();
      mistakes.settleMessages();
      editors.refreshSoon(target);
    } else if (target.closest(".variable")) {
      editors.showTokens();
      mistakes.checkSize();
    }
    draft.changed("json" in target.dataset);
  });
  promptForm.addEventListener("change", ({ target }) => {
    if (target.matches(".msg__role")) {
      messages.nameEditor(target);
      draft.refresh(); // examples may come elsewhere, and with them the order of the variables
    }
    draft.changed("json" in target.dataset);
  });
  draft.start();
})();
