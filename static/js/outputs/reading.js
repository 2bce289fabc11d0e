// How answers are read: plain, as they came, as Markdown or as JSON laid out; what differs from
// another answer; and which column was best. JSON once it is whole. The choice holds for this browser.
"use strict";

const reading = (() => {
  const KEY = "reading";
  const OVER = ["done", "failed", "stopped"];
  const BIGGEST_JSON = 200_000; // characters: more would not be read, and take long
  const DEEPEST_JSON = 60;
  let way = "plain";
  try {
    const kept = localStorage.getItem(KEY);
    if (["markdown", "json"].includes(kept)) way = kept;
  } catch {
    // Storage is forbidden: the choice holds for this page.
  }

  const choices = () => document.querySelectorAll("#reading [name=reading]");

  function showAll() {
    for (const choice of choices()) choice.checked = choice.value === way;
    run.columns().forEach(show);
  }

  function show(column) {
    const isOver = OVER.includes(column.dataset.status);
    for (const answer of column.querySelectorAll("[data-answer]")) showAnswer(answer, column, isOver);
  }

  // One answer of a column: one that was asked for several has as many.
  function showAnswer(answer, column, isOver) {
    const [plain, marked, laid] = answer.querySelectorAll(":scope > [data-plain], :scope > .marked, :scope > .laid");
    if (way === "markdown" && column.dataset.status === "streaming" && marked.dataset.blocks) {
      blocks.follow(marked, plain);
      [marked.hidden, plain.hidden, laid.hidden] = [false, true, true];
      return;
    }
    if (way !== "markdown") blocks.forget(marked);
    const isWanted = (name) => way === name && isOver && plain.textContent !== "";
    if (isWanted("markdown") && marked.dataset.of !== marked.dataset.markdown) return fetchInto(marked, column);
    if (isWanted("json") && !("of" in laid.dataset)) layOut(plain.textContent, laid);
    marked.hidden = !isWanted("markdown");
    laid.hidden = !isWanted("json") || !laid.textContent;
    plain.hidden = !laid.hidden || (!marked.hidden && !marked.querySelector("[data-too-long]"));
  }

  // The answer is the server's own fragment, cleaned there; htmx never sees it.
  async function fetchInto(marked, column) {
    const address = marked.dataset.markdown;
    if (marked.dataset.fetching === address) return;
    marked.dataset.fetching = address;
    blocks.catchUp(marked);
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (site.isSignIn(answer.url)) return site.showSignedOut();
      if (!answer.ok) throw new Error(answer.status);
      const template = document.createElement("template");
      template.innerHTML = await answer.text();
      blocks.settle(marked, template.content);
      marked.dataset.of = address;
      show(column);
    } catch {
      site.toast(site.words("no_markdown"), { isError: true });
    } finally {
      delete marked.dataset.fetching;
    }
  }

  // JSON -------------------------------------------------------------------------------------

  const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;

  function layOut(text, laid) {
    laid.dataset.of = "";
    laid.textContent = laidOut(text);
  }

  // An object or a list with a line for each member, every token as it came: a number keeps its
  // digits, a name that is there twice stays twice. Empty for anything else.
  function laidOut(text) {
    if (text.length > BIGGEST_JSON || !/^\s*[[{]/.test(text)) return "";
    try {
      JSON.parse(text);
    } catch {
      return "";
    }
    const parts = [];
    const newLine = (depth) => parts.push("\n", "  ".repeat(depth));
    let depth = 0;
    let before = "";
    for (const [token] of text.matchAll(TOKEN)) {
      const [closes, wasOpened] = [/^[\]}]$/.test(token), /^[[{]$/.test(before)];
      if (closes) depth -= 1;
      if (depth > DEEPEST_JSON) return "";
      if (closes !== wasOpened || before === ",") newLine(depth);
      parts.push(token === ":" ? ": " : token);
      if (/^[[{]$/.test(token)) depth += 1;
      before = token;
    }
    return parts.join("");
  }

  // Differences ------------------------------------------------------------------------------

  const diffs = () => [...document.querySelectorAll(".col__diff:not([hidden])")];

  function diffButton(diff) {
    return diff.closest(".col").querySelector("[data-diff]");
  }

  // That of the column in use, else any. Answers whether there was one to close.
  function closeDiff(diff = diffs().find((each) => each.closest(".col").contains(document.activeElement)) || diffs()[0]) {
    if (!diff) return false;
    const hadFocus = diff.contains(document.activeElement);
    diff.hidden = true;
    diff.replaceChildren();
    diffButton(diff).setAttribute("aria-expanded", "false");
    if (hadFocus) diffButton(diff).focus({ preventScroll: true });
    return true;
  }

  function showDiff(diff) {
    diffButton(diff).setAttribute("aria-expanded", "true");
    if (!diff.hidden) return;
    diff.hidden = false;
    diff.scrollTop = 0;
    diff.focus({ preventScroll: true });
  }

  // What was compared while it was still coming is compared again when it has come.
  function compareAgain() {
    const isOver = (id) => OVER.includes(document.querySelector(`#board > .col[data-call="${id}"]`)?.dataset.status);
    for (const form of document.querySelectorAll(".diffbar[data-waits]")) {
      if (!form.dataset.waits.trim().split(" ").some(isOver)) continue;
      delete form.dataset.waits;
      htmx.trigger(form, "change");
    }
  }

  document.addEventListener("htmx:beforeRequest", (event) => {
    const button = event.detail.elt;
    if (!button.matches("[data-diff]") || button.getAttribute("aria-expanded") !== "true") return;
    event.preventDefault();
    closeDiff(document.getElementById(button.getAttribute("aria-controls")));
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const { target, requestConfig } = event.detail;
    if (!target.matches?.(".col__diff")) return;
    // One that was closed meanwhile opens by its button alone.
    if (requestConfig.elt.matches("[data-diff]")) showDiff(target);
    else if (target.hidden) target.replaceChildren();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-close-diff]");
    if (button) closeDiff(button.closest(".col__diff"));
  });

  // Best -------------------------------------------------------------------------------------

  const PICK = { least: Math.min, most: Math.max };

  // The best value of each metric, once every column has ended and there is something to compare.
  function markBest(isGoing) {
    for (const slot of document.querySelectorAll("#board .is-best")) {
      slot.classList.remove("is-best");
      slot.querySelector(".vh").remove();
    }
    const done = isGoing ? [] : run.columns().filter((column) => column.dataset.status === "done");
    for (const name of ["ttft", "rate", "cost"]) {
      const known = done.map((column) => column.querySelector(`[data-metric="${name}"]`)).filter((slot) => slot.dataset.value);
      if (known.length < 2) continue;
      const best = PICK[known[0].dataset.best](...known.map((slot) => Number(slot.dataset.value)));
      const words = known.find((slot) => Number(slot.dataset.value) === best).textContent;
      const winners = known.filter((slot) => slot.textContent === words); // what looks alike is alike
      if (winners.length < known.length) winners.forEach(markAsBest);
    }
  }

  function markAsBest(slot) {
    const word = document.createElement("span");
    word.className = "vh";
    word.textContent = ` ${site.words("best")}`;
    slot.classList.add("is-best");
    slot.append(word);
  }

  document.addEventListener("change", (event) => {
    if (!event.target.matches("#reading [name=reading]")) return;
    way = event.target.value;
    try {
      localStorage.setItem(KEY, way);
    } catch {
      // Not kept, then.
    }
    showAll();
  });
  document.addEventListener("run:changed", (event) => {
    showAll();
    compareAgain();
    markBest(event.detail.isGoing);
  });
  document.addEventListener("DOMContentLoaded", showAll);
  return { closeDiff };
})();
