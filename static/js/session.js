// Nobody is signed out without a warning: two minutes before, with a way to stay where there is one.
"use strict";

(() => {
  const WARN_MS = 2 * 60_000, LOOK_MS = 5000;
  const tabs = new BroadcastChannel("session-end"); // what one tab does keeps the others signed in
  let endsAt = Infinity;
  let isFixed = false;
  let warning = null; // the toast

  // "43200": seconds until it ends unnoticed; "43200 fixed": until it ends whatever is done.
  function note(end) {
    const [left, fixed] = end.split(" ");
    const at = Date.now() + Number(left) * 1000;
    if (warning && at > endsAt + LOOK_MS) calmDown();
    [endsAt, isFixed] = [at, Boolean(fixed)];
  }

  function calmDown() {
    warning.remove();
    warning = null;
  }

  function look() {
    const left = endsAt - Date.now();
    if (left > WARN_MS) return;
    if (left <= 0) {
      endsAt = Infinity;
      if (warning) calmDown();
      site.showSessionEnded();
    } else if (!warning) warn(left);
  }

  function warn(left) {
    const how = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    const time = new Date(endsAt).toLocaleTimeString(site.locale, how);
    const text = site.words("session_ends", { n: Math.ceil(left / 60_000), time });
    warning = isFixed
      ? site.toast(`${text} ${site.words("session_fixed")}`, { isError: true })
      : site.toast(text, { isError: true, action: [site.words("stay"), stay] });
  }

  function stay() {
    site.post(document.body.dataset.sessionKeep).then((answer) => {
      if (!answer.ok) throw new Error(answer.status);
      warning = null;
      site.toast(site.words("stays"));
    }).catch((error) => {
      warning = null; // it comes again
      if (error.message !== "signed out") site.toast(site.words("not_reached"), { isError: true });
    });
  }

  tabs.addEventListener("message", (event) => note(event.data));
  document.addEventListener("session-end", (event) => {
    note(event.detail);
    tabs.postMessage(event.detail);
  });
  if (document.body.dataset.sessionEnd) {
    note(document.body.dataset.sessionEnd);
    tabs.postMessage(document.body.dataset.sessionEnd); // opening a page is using the session
  }
  setInterval(look, LOOK_MS);
  document.addEventListener("visibilitychange", () => document.hidden || look());
})();
