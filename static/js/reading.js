// How answers are shown: plain, as they came, or read as Markdown by the server. Plain while they
// stream. The choice holds for this browser.
"use strict";

(() => {
  const KEY = "reading";
  const OVER = ["done", "failed", "stopped"];
  let reading = "plain";
  try {
    if (localStorage.getItem(KEY) === "markdown") reading = "markdown";
  } catch {
    // Storage is forbidden: the choice holds for this page.
  }

  const choices = () => document.querySelectorAll("#reading [name=reading]");

  function showAll() {
    for (const choice of choices()) choice.checked = choice.value === reading;
    run.columns().forEach(show);
  }

  function show(column) {
    const [plain, marked] = [column.querySelector(".plain"), column.querySelector(".marked")];
    const isWanted = reading === "markdown" && plain.textContent && OVER.includes(column.dataset.status);
    if (isWanted && marked.dataset.of !== marked.dataset.markdown) return fetchInto(marked, column);
    marked.hidden = !isWanted;
    plain.hidden = isWanted && !marked.querySelector("[data-too-long]");
  }

  // The answer is the server's own fragment, cleaned there; htmx never sees it.
  async function fetchInto(marked, column) {
    const address = marked.dataset.markdown;
    if (marked.dataset.fetching === address) return;
    marked.dataset.fetching = address;
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, credentials: "same-origin" });
      if (site.isSignIn(answer.url)) return site.showSignedOut();
      if (!answer.ok) throw new Error(answer.status);
      const template = document.createElement("template");
      template.innerHTML = await answer.text();
      marked.replaceChildren(template.content);
      marked.dataset.of = address;
      show(column);
    } catch {
      site.toast("The Markdown view did not come. The answer is shown as it came.", { isError: true });
    } finally {
      delete marked.dataset.fetching;
    }
  }

  document.addEventListener("change", (event) => {
    if (!event.target.matches("#reading [name=reading]")) return;
    reading = event.target.value;
    try {
      localStorage.setItem(KEY, reading);
    } catch {
      // Not kept, then.
    }
    showAll();
  });
  document.addEventListener("run:changed", showAll);
  document.addEventListener("DOMContentLoaded", showAll);
})();
