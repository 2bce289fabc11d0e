// The follow-up: one more turn in the ticked columns. What is typed is kept in this browser until it
// was sent.
"use strict";

(() => {
  const form = () => document.getElementById("follow");
  const field = () => document.getElementById("follow-up");
  const key = () => `follow-up-${document.getElementById("prompt").dataset.owner}`;
  const OVER = ["done", "failed", "stopped"];
  const unticked = new Set(); // by hand: a column that ends does not tick itself again

  function canFollow(column) {
    const hasText = Boolean(column.querySelector(".plain").textContent);
    return hasText && OVER.includes(column.dataset.status) && column.dataset.task !== "embeddings"
      && Boolean(column.dataset.endpoint);
  }

  function show() {
    if (!form()) return;
    for (const tick of form().querySelectorAll("[name=to]")) {
      const column = document.getElementById(tick.dataset.column);
      const isReady = Boolean(column) && canFollow(column);
      tick.disabled = !isReady;
      tick.checked = isReady && !unticked.has(tick.dataset.column);
    }
    showSend();
  }

  function showSend() {
    const isTicked = Boolean(form().querySelector("[name=to]:checked"));
    form().querySelector("[type=submit]").disabled = !isTicked || !field().value.trim() || run.summary().isGoing;
  }

  function keep(text) {
    try {
      if (text) localStorage.setItem(key(), text);
      else localStorage.removeItem(key());
    } catch {
      // Not kept, then.
    }
  }

  document.addEventListener("input", (event) => {
    if (event.target === field()) {
      keep(field().value);
      showSend();
    }
    if (!event.target.matches("#follow [name=to]")) return;
    if (event.target.checked) unticked.delete(event.target.dataset.column);
    else unticked.add(event.target.dataset.column);
    showSend();
  });

  let sent = "";

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt !== form()) return;
    sent = field().value;
    // Which answers are gone on from: in another tab there may be others by now.
    for (const tick of form().querySelectorAll("[name=to]:checked")) {
      event.detail.formData.append("shown", document.getElementById(tick.dataset.column).dataset.call);
    }
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    // A refusal is swapped in, so htmx calls it a success; what was typed stays for it.
    const { elt, xhr } = event.detail;
    if (elt !== form() || !xhr.status) return;
    form().elements.follow_up_key.value = site.newKey(); // without an answer the same is meant again
    if (xhr.status !== 200 || site.isSignIn(xhr.responseURL)) return;
    if (field().value === sent) { // else somebody typed on meanwhile
      field().value = "";
      keep("");
    }
    document.getElementById("follow-errors").replaceChildren();
    showSend();
  });

  document.addEventListener("run:changed", show);
  document.addEventListener("DOMContentLoaded", () => {
    try {
      if (field() && !field().value) field().value = localStorage.getItem(key()) || "";
    } catch {
      // Storage is forbidden: nothing was kept.
    }
    show();
  });
})();
