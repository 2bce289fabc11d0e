// The dialog for the parameters of one column.
"use strict";

(() => {
  const dialog = document.getElementById("own");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target !== dialog) return;
    if (!dialog.open) dialog.showModal();
    dialog.querySelector("[aria-invalid], .input").focus();
  });
  dialog.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.status === 200) dialog.close(); // a refusal is shown in it
  });
})();
