// A run that takes long: offer to tell when it ends, and tell it where nobody looks at the page.
"use strict";

(() => {
  const LONG_MS = 20_000;
  const offer = () => document.getElementById("notify");
  const may = () => window.Notification?.permission;
  let startedAt = 0;
  let timer = 0;

  function begin() {
    startedAt = Date.now();
    timer = setTimeout(() => {
      if (may() === "default" && offer() && !offer().dataset.declined) offer().hidden = false;
    }, LONG_MS);
  }

  function end(summary) {
    clearTimeout(timer);
    if (offer()) offer().hidden = true;
    const tookMs = Date.now() - startedAt;
    startedAt = 0;
    if (tookMs < LONG_MS || !document.hidden || may() !== "granted") return;
    const told = new Notification("Prompt Playground", { body: site.words("run_ended", { progress: summary.progress }), tag: "run" });
    told.addEventListener("click", () => {
      window.focus();
      told.close();
    });
  }

  document.addEventListener("run:changed", (event) => {
    if (event.detail.isGoing && !startedAt) begin();
    if (!event.detail.isGoing && startedAt) end(event.detail);
  });
  document.addEventListener("click", async (event) => {
    if (event.target.closest("[data-notify]")) {
      offer().hidden = true;
      await Notification.requestPermission();
    }
    if (event.target.closest("[data-notify-not]")) {
      offer().hidden = true;
      offer().dataset.declined = "";
    }
  });
})();
