// The dialog that saves the prompt, and the line that says how far the draft went from it.
"use strict";

(() => {
  const dialog = document.getElementById("save-prompt");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== dialog) return;
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("[aria-invalid], .field:not([hidden]) .input").focus();
  });
  document.addEventListener("prompt-saved", () => dialog.close());
  dialog.addEventListener("change", ({ target }) => {
    if (target.name === "prompt") dialog.querySelector("[data-new]").hidden = Boolean(target.value);
    if (target.name.startsWith("kind-")) {
      target.closest("[data-spec]").querySelector(".spec__choices").hidden = target.value !== "choice";
    }
  });

  document.addEventListener("draft-saved", ({ detail }) => {
    const place = document.getElementById("prompt-changes");
    if (!place || !detail.prompt) return;
    place.textContent = detail.prompt.words;
    place.hidden = !detail.prompt.changes;
  });
})();
