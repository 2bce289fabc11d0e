// All answers scroll together, in proportion: the column under the pointer or the focus leads. A
// column that follows its own stream is left alone.
"use strict";

(() => {
  const KEY = "sync-scroll";
  const NEAR_END_PX = 48;
  const toggle = () => document.getElementById("sync");
  let leader = null;
  let isDue = false;

  function lead(event) {
    leader = event.target.closest?.(".col__body") || leader;
  }

  const room = (body) => body.scrollHeight - body.clientHeight;
  const isFollowing = (body) => body.getAttribute("aria-busy") === "true" && room(body) - body.scrollTop < NEAR_END_PX;

  function follow() {
    isDue = false;
    if (!leader?.isConnected || !room(leader)) return;
    const share = leader.scrollTop / room(leader);
    for (const column of run.columns()) {
      const body = column.querySelector(".col__body");
      if (body !== leader && !isFollowing(body)) body.scrollTop = share * room(body);
    }
  }

  for (const kind of ["pointerover", "pointerdown", "focusin"]) document.addEventListener(kind, lead, { passive: true });
  document.addEventListener("scroll", (event) => {
    if (event.target !== leader || isDue || !toggle()?.checked) return;
    isDue = true;
    requestAnimationFrame(follow);
  }, { capture: true, passive: true });

  document.addEventListener("change", (event) => {
    if (event.target !== toggle()) return;
    try {
      localStorage.setItem(KEY, event.target.checked ? "on" : "off");
    } catch {
      // Not kept, then.
    }
  });
  document.addEventListener("run:changed", () => {
    if (toggle()) toggle().parentElement.hidden = run.columns().length < 2;
    if (!toggle() || toggle().dataset.known) return;
    toggle().dataset.known = "";
    try {
      toggle().checked = localStorage.getItem(KEY) !== "off";
    } catch {
      // Storage is forbidden: it is on.
    }
  });
})();
