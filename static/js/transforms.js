// The editors of transforms: line numbers, Tab, the line at fault, presets and dropped files.
"use strict";

(() => {
  const INDENT = "    ";
  const MAX_FILE = 200_000; // characters; what is too long is told by the server
  let isLeaving = false; // Esc was pressed: the next Tab moves the focus

  const areas = () => document.querySelectorAll("textarea[data-code]");
  const boxOf = (area) => area.closest("[data-editor]");

  function number(area) {
    const count = area.value.split("\n").length;
    const wrong = Number(boxOf(area).dataset.line || 0);
    const lines = boxOf(area).querySelector(".editor__lines");
    if (lines.childElementCount !== count || Number(lines.dataset.wrong || 0) !== wrong) {
      lines.dataset.wrong = wrong;
      lines.replaceChildren(...Array.from({ length: count }, (_, at) => {
        const line = document.createElement("span");
        line.textContent = `${at + 1}\n`;
        if (at + 1 === wrong) line.className = "is-wrong";
        return line;
      }));
    }
    lines.scrollTop = area.scrollTop;
    if (wrong) area.style.setProperty("--line", wrong);
    area.toggleAttribute("data-wrong", Boolean(wrong));
  }

  // Through the browser's own command, so that Ctrl+Z takes it back.
  function type(area, text) {
    if (!document.execCommand("insertText", false, text)) area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  }

  function lineStart(area) {
    return area.value.lastIndexOf("\n", area.selectionStart - 1) + 1;
  }

  function indent(area, isBack) {
    const { selectionStart: start, selectionEnd: end, value } = area;
    if (start === end && !isBack) return type(area, INDENT.slice((start - lineStart(area)) % INDENT.length));
    const first = lineStart(area);
    const block = value.slice(first, end);
    const shifted = isBack ? block.replace(/^ {1,4}/gm, "") : block.replace(/^(?=.)/gm, INDENT);
    if (shifted === block) return;
    area.setSelectionRange(first, end);
    type(area, shifted);
    if (start !== end) area.setSelectionRange(first, first + shifted.length);
  }

  function breakLine(area) {
    const line = area.value.slice(lineStart(area), area.selectionStart);
    const deeper = line.trimEnd().endsWith(":") ? INDENT : "";
    type(area, `\n${line.match(/^ */)[0]}${deeper}`);
  }

  document.addEventListener("keydown", (event) => {
    const area = event.target;
    if (!area.matches?.("textarea[data-code]") || event.isComposing) return;
    if (event.key === "Escape") isLeaving = true;
    else if (event.key === "Tab" && !isLeaving && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      indent(area, event.shiftKey);
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      document.getElementById("try-button")?.click();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      breakLine(area);
    }
    if (event.key !== "Escape" && event.key !== "Shift") isLeaving = false;
  });

  document.addEventListener("input", (event) => {
    if (!event.target.matches?.("textarea[data-code]")) return;
    delete boxOf(event.target).dataset.line; // it is another text now
    number(event.target);
  });

  // A preset takes the place of the whole text; Ctrl+Z brings that back.
  document.addEventListener("change", ({ target }) => {
    const area = document.getElementById(target.dataset?.preset);
    if (!area || !target.value) return;
    area.focus();
    area.select();
    type(area, target.value);
    target.focus();
  });
  document.addEventListener("input", ({ target }) => {
    const choice = target.id && document.querySelector(`[data-preset="${target.id}"]`);
    if (!choice) return;
    choice.value = target.value;
    if (choice.selectedIndex < 0) choice.value = "";
  });

  // A file that is dropped on an editor is its new text.
  document.addEventListener("dragover", (event) => {
    if (event.target.matches?.("textarea[data-code]") && event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    const area = event.target;
    const file = area.matches?.("textarea[data-code]") && event.dataTransfer.files[0];
    if (!file) return;
    event.preventDefault();
    const text = (await file.text()).slice(0, MAX_FILE);
    area.focus();
    area.select();
    type(area, text.replace(/\r\n?/g, "\n"));
  });

  // What a try found out: which line of which function is at fault, if any.
  document.addEventListener("htmx:oobAfterSwap", () => {
    for (const area of areas()) {
      const state = document.getElementById(`${area.name}-state`);
      if (state?.dataset.line) boxOf(area).dataset.line = state.dataset.line;
      else delete boxOf(area).dataset.line;
      number(area);
    }
  });

  // From a call that failed: ?line=3#id_transform_input.
  function showLine() {
    const area = [...areas()].find((each) => `#${each.id}` === location.hash);
    const line = Number(new URLSearchParams(location.search).get("line"));
    if (!area || !line || line > area.value.split("\n").length) return;
    boxOf(area).dataset.line = line;
    const start = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(start, start);
  }

  showLine();
  for (const area of areas()) {
    area.addEventListener("scroll", () => number(area));
    number(area);
  }
})();
