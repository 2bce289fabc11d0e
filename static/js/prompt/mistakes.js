// Mistakes, shown where they are.
"use strict";

const mistakes = (() => {
  const errors = document.getElementById("prompt-errors");

  // The server words them, all at once: after a pause in typing beside each field, and on Run in
  // the callout too. A field that is edited is taken to be right until the server says otherwise.

  const CHECKED = ["temperature", "max_tokens", "top_p", "stop", "extra", "tools", "response_format"];
  const ABOUT_MESSAGES = ["prompt", "messages", "size"];

  function fieldOf(name) {
    if (ABOUT_MESSAGES.includes(name)) return messages.inOrder().at(-1);
    return name === "stop" ? parameters.typing : promptForm.elements[name];
  }

  function mark(name, words) {
    const place = document.getElementById(isExample(name) ? "examples-error" : `${name}-error`);
    if (place && place.textContent !== words) place.textContent = words;
    if (words) fieldOf(name)?.setAttribute("aria-invalid", "true");
    else fieldOf(name)?.removeAttribute("aria-invalid");
  }

  function showMistakes(told) {
    for (const name of CHECKED) mark(name, told[name] || "");
  }

  const isExample = (name) => name.startsWith("example-");

  function settleExamples() {
    for (const field of document.getElementById("examples").querySelectorAll("[name]")) settle(field.name);
    for (const line of [...errors.querySelectorAll("[data-field^=example-]")]) settle(line.dataset.field);
  }

  function settleMessages() {
    ABOUT_MESSAGES.forEach(settle);
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
    title.textContent = site.words("nothing_sent");
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
    const fold = first.closest("details");
    if (fold) fold.open = true;
    first.focus();
  }

  function checkSize() {
    const words = editors.sizeError();
    if (!words) settle("size");
    else mark("size", words);
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "outputs") settle("variants");
    if (event.target === errors) showRefusal();
  });

  return { checkSize, clear: () => errors.replaceChildren(), refuse, settle, settleExamples, settleMessages, show: showMistakes };
})();
