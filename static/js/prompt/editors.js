// The texts of the prompt: they grow, paint their variables and say how much they hold.
"use strict";

const promptForm = document.getElementById("prompt");

const editors = (() => {
  const BIG = 50_000; // characters, from which an editor does no work of its own
  const OVER_MS = 400;
  const MOST_OVER = 3; // lines
  // What asking.py finds on the server: Python's \s and \w, which are not JavaScript's.
  const BLANK = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
  const VARIABLE = new RegExp(`\\{\\{${BLANK}([\\p{L}\\p{N}_]+)${BLANK}\\}\\}`, "gu");
  const all = () => [...promptForm.querySelectorAll(".editor > textarea")];
  const known = new WeakMap(); // textarea -> what was read of its text

  function read(textarea) {
    const text = textarea.value;
    let seen = known.get(textarea);
    if (seen?.text === text) return seen;
    const found = text.includes("{{") ? [...text.matchAll(VARIABLE)] : [];
    seen = { text, tokens: tokensIn(text), names: found.map((one) => one[1]), holes: found.map((one) => one[0]).join("") };
    known.set(textarea, seen);
    return seen;
  }

  // An estimate: a quarter of the letters, and one for each Chinese, Japanese or Korean one.
  function tokensIn(text) {
    let wide = 0;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      if (unit >= 0x1100 && isWide(unit)) wide += 1;
    }
    return wide + Math.ceil((text.length - wide) / 4);
  }

  const isWide = (unit) => unit <= 0x11ff || (unit >= 0x2e80 && unit <= 0xa4cf) || (unit >= 0xac00 && unit <= 0xd7af)
    || (unit >= 0xd840 && unit <= 0xd8bf) || (unit >= 0xf900 && unit <= 0xfaff) || (unit >= 0xff00 && unit <= 0xffef);

  const inWords = (tokens) => site.words("tokens", { n: tokens });

  // Growing and painting -------------------------------------------------------------------

  function grow(textarea) {
    const isBig = textarea.value.length > BIG;
    if (textarea.parentElement.classList.contains("editor--big") !== isBig) setBig(textarea, isBig, textarea.value);
    paint(textarea, isBig);
  }

  // Browsers take seconds to find the direction of every line of a big text, and to check its spelling.
  function setBig(textarea, isBig, text) {
    const isRightToLeft = /^\P{L}*[\u0590-\u08ff\ufb1d-\ufefc]/u.test(text);
    textarea.parentElement.classList.toggle("editor--big", isBig);
    textarea.spellcheck = !isBig;
    textarea.dir = isBig ? (isRightToLeft ? "rtl" : "ltr") : "auto";
  }

  function paint(textarea, isBig = textarea.value.length > BIG) {
    const shadow = textarea.previousElementSibling;
    const parts = isBig ? [] : textarea.value.split(VARIABLE);
    const marks = [];
    let at = 0;
    for (const [number, part] of parts.entries()) { // text, name, text, name, … text
      if (number % 2 === 0) {
        marks.push(part);
        at += part.length;
        continue;
      }
      const end = textarea.value.indexOf("}}", at) + 2;
      const mark = document.createElement("mark");
      mark.textContent = textarea.value.slice(at, end);
      mark.classList.toggle("is-empty", !variables.valueOf(part));
      marks.push(mark);
      at = end;
    }
    shadow.replaceChildren(...marks, isBig ? "" : "\n");
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

  // How much it is ------------------------------------------------------------------------

  // Why the messages are too long to send, or "". Values count as often as they stand somewhere.
  function sizeError() {
    const most = Number(promptForm.dataset.maxBytes);
    const texts = all().map(read).filter(({ text }) => /\S/.test(text));
    const sum = (measure) => texts.reduce((total, { text, names, holes }) => total + measure(text) - measure(holes)
      + names.reduce((more, name) => more + measure(variables.valueOf(name)), 0), 0);
    if (sum((text) => text.length) * 3 <= most) return ""; // 3 bytes per unit
    const encoder = new TextEncoder();
    const bytes = sum((text) => encoder.encode(text).length);
    const kb = { size: Math.round(bytes / 1024), most: Math.floor(most / 1024), excess: Math.ceil((bytes - most) / 1024) };
    return bytes <= most ? "" : site.words("too_long", kb);
  }

  function showTokens() {
    let sum = 0;
    for (const textarea of all()) {
      const { names, tokens, holes } = read(textarea);
      const place = textarea.closest(".msg").querySelector("[data-tokens]");
      const words = tokens ? inWords(tokens) : "";
      if (place.textContent !== words) place.textContent = words;
      sum += tokens - tokensIn(holes);
      for (const name of names) sum += tokensIn(variables.valueOf(name));
    }
    sum = Math.max(0, sum);
    estimated = sum;
    showTaking();
    clearTimeout(overTimer);
    overTimer = setTimeout(showOver, OVER_MS);
  }

  // What Run will take: calls, tokens, and dollars where the endpoints have prices.
  function showTaking() {
    const columns = run.columns().map(({ dataset }) => dataset);
    const calls = columns.reduce((all, each) => all + Number(each.calls || 1), 0);
    const said = site.words("estimate", { n: calls, tokens: inWords(estimated) });
    const mostSet = Number(promptForm.elements.max_tokens?.value) || 0;
    const mosts = columns.map((each) => Number(each.ownMost) || mostSet);
    const priced = columns.filter((each) => each.priceIn || each.priceOut);
    const cost = columns.reduce((sum, each, at) => sum
      + Number(each.calls || 1) * (Number(each.priceIn || 0) * estimated + Number(each.priceOut || 0) * mosts[at]) / 1e6, 0);
    const isWhole = columns.every((each, at) => (each.priceIn || each.priceOut) && (!Number(each.priceOut) || mosts[at]));
    setIfOther("[data-estimate]", said);
    setIfOther("[data-cost]", priced.length && estimated ? site.words(isWhole ? "cost_most" : "cost_least", { cost: dollars(cost) }) : "");
  }

  function setIfOther(selector, text) {
    const place = promptForm.querySelector(selector);
    if (place.textContent !== text) place.textContent = text;
  }

  // Two digits that count: $0.0042, $1.30.
  const dollars = (amount) => `$${site.number(amount, amount > 0 ? Math.min(8, Math.max(2, 1 - Math.floor(Math.log10(amount)))) : 2)}`;

  // What is likely more than a column takes. Not a mistake: only the endpoint counts exactly.
  let estimated = 0;
  let overTimer = 0;

  const box = document.getElementById("over");

  function showOver() {
    const over = run.columns().filter(({ dataset }) => dataset.maxTokens && estimated > Number(dataset.maxTokens));
    const lines = over.map((column) => {
      const [most, letter] = [Number(column.dataset.maxTokens), column.querySelector(".letter").textContent];
      return site.words("over", { n: estimated - most, letter, name: column.dataset.name, most });
    });
    const shown = [...new Set(lines)].slice(0, MOST_OVER);
    if (lines.length > MOST_OVER) shown.push(site.words("more_over", { n: lines.length - MOST_OVER }));
    if (box.lastElementChild.textContent !== shown.join("")) {
      box.lastElementChild.replaceChildren(...shown.map((words) => {
        const line = document.createElement("p");
        line.textContent = words;
        return line;
      }));
    }
    box.hidden = !shown.length;
  }

  document.addEventListener("run:changed", () => {
    showOver();
    showTaking();
  });
  promptForm.addEventListener("input", (event) => {
    if (event.target.closest(".param")) showTaking();
  });

  // A big text waits for a pause in typing.
  let timer = 0;
  function refreshSoon(textarea) {
    clearTimeout(timer);
    if (textarea.value.length > BIG) timer = setTimeout(draft.refresh, 250);
    else draft.refresh();
  }

  return { all, grow, paint, pasteBig, read, refreshSoon, showTokens, sizeError };
})();
