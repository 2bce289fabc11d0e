// What goes beside the messages: parameters that may be unset, stop sequences, JSON.
"use strict";

const parameters = (() => {
  const JSON_FIELDS = ["extra", "tools", "response_format"];

  // Parameters -----------------------------------------------------------------------------

  function showParam(row) {
    const [range, number] = [row.querySelector(".range"), row.querySelector(".input")];
    row.toggleAttribute("data-unset", number.value === "");
    range.value = number.value === "" ? range.dataset.usual : number.value;
    if (number.value === "") range.setAttribute("aria-valuetext", site.words("not_set"));
    else range.removeAttribute("aria-valuetext");
  }

  function showParamline() {
    const set = [...promptForm.querySelectorAll(".param")].flatMap((row) => {
      const number = row.querySelector(".input");
      return number.value === "" ? [] : [`${site.words(number.name)} ${number.value}`];
    });
    const stops = stopValues().length;
    if (stops) set.push(site.words("stops", { n: stops }));
    for (const name of JSON_FIELDS) if (promptForm.elements[name].value.trim()) set.push(site.words(name));
    promptForm.querySelector("[data-paramline]").textContent = set.join(" · ") || site.words("no_parameters");
  }

  // Stop sequences -------------------------------------------------------------------------

  const chips = promptForm.querySelector("[data-chips]");
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
    remove.setAttribute("aria-label", site.words("remove_stop", { stop: visible(value) }));
    remove.append(site.icon("x", "sm"));
    tag.append(code, hidden, remove);
    typing.before(tag);
  }

  function clearChips() {
    for (const tag of chips.querySelectorAll(".tag")) tag.remove();
  }

  function takeTyped() {
    if (!typing.value) return;
    if (!stopValues().slice(0, -1).includes(typing.value)) addChip(typing.value);
    typing.value = "";
    draft.changed();
  }

  // JSON -----------------------------------------------------------------------------------

  // The border at once; the words, with line and column, follow from the server.
  function checkJson(field) {
    mistakes.settle(field.name);
    try {
      if (field.value.trim()) JSON.parse(field.value);
    } catch {
      field.setAttribute("aria-invalid", "true");
    }
  }

  // Events ---------------------------------------------------------------------------------

  typing.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      takeTyped();
    } else if (event.key === "Backspace" && !typing.value) {
      typing.previousElementSibling?.remove();
      draft.changed();
    }
  });
  typing.addEventListener("blur", takeTyped);
  chips.addEventListener("click", (event) => {
    event.target.closest("button")?.parentElement.remove();
    typing.focus();
    mistakes.settle("stop");
    draft.changed();
  });
  promptForm.addEventListener("input", ({ target }) => {
    if (target.matches(".range")) target.closest(".param").querySelector(".input").value = target.value;
    const row = target.closest(".param");
    if (row) {
      showParam(row);
      mistakes.settle(row.querySelector(".input").name);
    }
    if (target === typing) mistakes.settle("stop");
    if ("json" in target.dataset) checkJson(target);
  });
  promptForm.querySelector("[data-reset-params]").addEventListener("click", () => {
    for (const input of promptForm.querySelectorAll(".param .input")) {
      input.value = "";
      mistakes.settle(input.name);
    }
    promptForm.querySelectorAll(".param").forEach(showParam);
    draft.changed();
  });

  function showAll() {
    promptForm.querySelectorAll(".param").forEach(showParam);
    showParamline();
  }

  return { addChip, clearChips, showAll, showParamline, takeTyped, typing };
})();
