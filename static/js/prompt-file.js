// A chosen file is read into a text field: no file is sent, only what it says.
"use strict";

document.addEventListener("change", async ({ target }) => {
  if (!target.matches("input[type=file][data-into]") || !target.files.length) return;
  const text = await target.files[0].text();
  document.getElementById(target.dataset.into).value = text;
});
