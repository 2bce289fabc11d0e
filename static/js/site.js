// What every page does: dialogs, toasts, copy buttons, the theme, local times, failed requests.
"use strict";

const site = (() => {
  const SHORT_MS = 6000, UNDO_MS = 10_000;
  const announcer = () => document.getElementById("announce");

  // Words and numbers in the language of the page; dates as this browser writes them in it.
  const known = JSON.parse(document.getElementById("words").textContent);
  const language = document.documentElement.lang;
  const locale = navigator.language.split("-")[0] === language.split("-")[0] ? navigator.language : language;
  const plural = new Intl.PluralRules(language);

  function number(value, digits = 0) {
    return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: "always" });
  }

  // A sentence of script_words.py with its {parts}; of two forms the one for `n`.
  function words(key, values = {}) {
    const found = known[key];
    const text = Array.isArray(found) ? found[plural.select(values.n) === "one" ? 0 : 1] : found;
    return text.replace(/\{(\w+)\}/g, (part, name) => {
      const value = values[name];
      return typeof value === "number" ? number(value) : value ?? part;
    });
  }

  function announce(text) {
    announcer().textContent = text;
  }

  function icon(name, size = "") {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", size ? `i i--${size}` : "i");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
  }

  // A toast; `link` is [words, address], `action` [words, what to do], `undo` takes back what it tells.
  // A success leaves by itself, an error stays.
  function toast(text, { isError = false, link = null, undo = null, action = undo && [words("undo"), undo] } = {}) {
    const box = document.createElement("div");
    box.className = isError ? "toast toast--danger" : "toast";
    const line = document.createElement("p");
    line.className = "grow";
    line.textContent = text;
    const close = document.createElement("button");
    close.className = "btn btn--ghost btn--icon btn--sm";
    close.type = "button";
    close.dataset.closeToast = "";
    close.setAttribute("aria-label", words("close_message"));
    close.append(icon("x"));
    box.append(icon(isError ? "alert" : "check"), line);
    if (link) {
      const anchor = document.createElement("a");
      anchor.className = "btn btn--sm";
      [anchor.textContent, anchor.href] = link;
      box.append(anchor);
    }
    if (action) {
      const button = document.createElement("button");
      button.className = "btn btn--sm";
      button.type = "button";
      button.textContent = action[0];
      button.addEventListener("click", () => {
        box.remove();
        action[1]();
      });
      box.append(button);
    }
    box.append(close);
    // One of a kind: a line that fails ten times says so once.
    for (const old of document.querySelectorAll(".toast p")) {
      if (old.textContent === text) old.parentElement.remove();
    }
    document.getElementById("toasts").append(box);
    leaveSoon(box, undo ? UNDO_MS : SHORT_MS);
    return box;
  }

  function leaveSoon(box, ms = SHORT_MS) {
    if (!box.classList.contains("toast--danger")) setTimeout(() => box.remove(), ms);
  }

  function csrf() {
    return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"];
  }

  // A POST's answer. Where the session is over that is said at once, and the answer is an error.
  async function post(url, body, options = {}) {
    const { headers = {}, ...others } = options;
    const send = () => fetch(url, {
      method: "POST",
      body,
      headers: { ...headers, "X-CSRFToken": csrf() },
      credentials: "same-origin",
      ...others,
    });
    const answer = await send();
    told(answer.headers.get("Session-End"));
    if (!isSignedOut(answer)) return answer;
    showSignedOut();
    if (await signedInAgain()) return send();
    throw new Error("signed out");
  }

  // Any answer says when the session ends by now (session.js).
  function told(end) {
    if (end) document.dispatchEvent(new CustomEvent("session-end", { detail: end }));
  }

  function isSignedOut(answer) {
    return isSignIn(answer.url) || Boolean(answer.headers.get("HX-Trigger")?.includes("signed-out"));
  }

  // Signed out, a request is led to the sign-in page, which has no place inside this one.
  function isSignIn(url) {
    const login = document.body.dataset.login;
    return Boolean(login && url && new URL(url).pathname === login);
  }

  // Said, and no more: nobody asked for anything just now, so the focus stays.
  function showSessionEnded() {
    const banner = document.getElementById("signed-out");
    if (banner) banner.hidden = false;
    else toast(words("signed_out"), { isError: true, link: signInLink() });
  }

  function showSignedOut() {
    showSessionEnded();
    const dialog = again();
    if (!dialog || dialog.open) return;
    dialog.showModal();
    document.getElementById("again-password").focus();
  }

  // Sign in over the page --------------------------------------------------------------------

  const again = () => document.getElementById("sign-in-again");
  let waiting = []; // what was refused for want of a session: told true once there is one

  function signedInAgain() {
    return new Promise((resolve) => waiting.push(resolve));
  }

  function tellWaiting(isIn) {
    const told = waiting;
    waiting = [];
    told.forEach((resolve) => resolve(isIn));
  }

  const parsed = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html");

  // A page's token for POSTs: its form's where nobody is signed in, else the one that htmx sends.
  function tokenIn(page) {
    const headers = JSON.parse(page.body.getAttribute("hx-headers") || "{}");
    return headers["X-CSRFToken"] || page.querySelector("[name=csrfmiddlewaretoken]")?.value;
  }

  async function signIn(form) {
    let answer = await fetch(form.action, { credentials: "same-origin" });
    let page = await parsed(answer);
    if (isSignIn(answer.url)) {
      const typed = new FormData(form);
      typed.set("csrfmiddlewaretoken", tokenIn(page));
      answer = await fetch(form.action, { method: "POST", body: typed, credentials: "same-origin" });
      page = await parsed(answer);
    }
    if (isSignIn(answer.url)) return page.querySelector("[role=alert] p")?.textContent.trim() || words("type_password");
    // Somebody else by now, in another tab: this page is not theirs.
    if (page.body.dataset.user !== document.body.dataset.user) {
      location.reload();
      return new Promise(() => {});
    }
    told(answer.headers.get("Session-End"));
    const token = tokenIn(page);
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-CSRFToken": token }));
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
    return "";
  }

  document.addEventListener("submit", async (event) => {
    if (event.target.parentElement !== again()) return;
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("[type=submit]");
    const error = document.getElementById("again-error");
    button.disabled = true;
    try {
      error.textContent = await signIn(form);
    } catch {
      error.textContent = words("not_reached");
    }
    button.disabled = false;
    if (error.textContent) return form.elements.password.select();
    form.reset();
    const banner = document.getElementById("signed-out");
    if (banner) banner.hidden = true;
    document.querySelectorAll(".toast--danger").forEach((old) => old.remove());
    tellWaiting(true);
    again().close();
    document.dispatchEvent(new CustomEvent("signed-in"));
  });
  document.addEventListener("close", (event) => event.target === again() && tellWaiting(false), { capture: true });

  // What htmx could not send is asked for again, by the same form or button, once.
  function repeatSignedIn({ elt, requestConfig }) {
    if (requestConfig.verb === "get") return;
    signedInAgain().then((isIn) => {
      if (!isIn || !elt.isConnected) return;
      if (elt.matches("form")) elt.requestSubmit();
      else window.htmx.trigger(elt, requestConfig.triggeringEvent?.type || "click");
    });
  }

  function signInLink() {
    return [words("sign_in"), `${document.body.dataset.login}?next=${encodeURIComponent(location.pathname)}`];
  }

  // A fresh idempotency key: one for each intent.
  function newKey() {
    return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    // Plain http on another machine has no clipboard API.
    const box = document.createElement("textarea");
    box.value = text;
    box.className = "vh";
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }

  function open(id) {
    const dialog = document.getElementById(id);
    if (dialog && !document.querySelector("dialog[open]")) dialog.showModal();
  }

  function isOverlayOpen() {
    return Boolean(document.querySelector("dialog[open], :popover-open"));
  }

  // "10:42", or with the day.
  function showTimes(root = document) {
    for (const time of root.querySelectorAll("time[data-local]")) {
      const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
      if (time.dataset.local === "day") Object.assign(options, { day: "numeric", month: "short", year: "numeric" });
      time.textContent = new Date(time.dateTime).toLocaleString(locale, options);
    }
  }

  function toggleTheme(button) {
    const root = document.documentElement;
    const isDark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    const form = new FormData();
    form.append("theme", root.dataset.theme);
    // htmx's header tells the server that nobody waits for a page.
    post(button.dataset.themeToggle, form, {
      headers: { "X-CSRFToken": csrf(), "HX-Request": "true" },
    }).catch((error) => error.message === "signed out" || toast(words("theme_not_saved"), { isError: true }));
  }

  async function copyFrom(button) {
    const source = document.getElementById(button.dataset.copy);
    await copy("value" in source ? source.value : source.textContent);
    const use = button.querySelector("use");
    const before = use?.getAttribute("href");
    use?.setAttribute("href", "#i-check");
    setTimeout(() => use?.setAttribute("href", before), 1500);
    announce(words("copied"));
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-open]")) open(at("[data-open]").dataset.open);
    if (at("[data-close]")) at("dialog").close();
    if (at("[data-close-toast]")) at(".toast").remove();
    if (at("[data-theme-toggle]")) toggleTheme(at("[data-theme-toggle]"));
    if (at("[data-copy]")) copyFrom(at("[data-copy]"));
    if (event.target.matches?.("dialog")) event.target.close(); // its backdrop
  });

  // A list that fills the field beside it.
  document.addEventListener("change", (event) => {
    const field = document.getElementById(event.target.dataset?.fills);
    if (!field || !event.target.value) return;
    field.value = event.target.value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // What is typed while an answer is under way outlives it: the answer knows only what was there
  // when it was asked for.
  const asked = new WeakMap(); // request -> id of each field in its target -> value

  const valueOf = (field) => (field.type === "checkbox" || field.type === "radio" ? field.checked : field.value);
  const fieldsIn = (target) => [...(target?.querySelectorAll?.("input[id]:not([type=file]), textarea[id], select[id]") || [])];

  document.addEventListener("htmx:beforeSend", (event) => {
    const values = fieldsIn(event.detail.target).map((field) => [field.id, valueOf(field)]);
    asked.set(event.detail.xhr, new Map(values));
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const values = asked.get(event.detail.xhr);
    if (!values || !event.detail.shouldSwap) return;
    const typed = fieldsIn(event.detail.target).filter((field) => values.has(field.id) && values.get(field.id) !== valueOf(field));
    if (!typed.length) return;
    document.addEventListener("htmx:afterSettle", () => {
      for (const old of typed) {
        const now = document.getElementById(old.id);
        if (!now || now === old) continue;
        if (typeof valueOf(old) === "boolean") now.checked = old.checked;
        else now.value = old.value;
      }
    }, { once: true });
  });

  // A request that failed says so once, in words; what was typed stays.
  document.addEventListener("htmx:sendError", () =>
    toast(words("not_reached_kept"), { isError: true }));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.getResponseHeader("HX-Trigger")?.includes("signed-out")) return;
    const key = `refused_${event.detail.xhr.status}`;
    toast(words(key in known ? key : "server_failed"), { isError: true });
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isSignIn(event.detail.xhr.responseURL)) return;
    event.detail.shouldSwap = false;
    repeatSignedIn(event.detail);
    showSignedOut();
  });
  // A token of a session that is over; on htmx's own requests the event comes to their element.
  document.addEventListener("htmx:afterRequest", (event) => {
    told(event.detail.xhr.getResponseHeader("Session-End"));
    if (event.detail.xhr.getResponseHeader("HX-Trigger")?.includes("signed-out")) repeatSignedIn(event.detail);
  });
  document.addEventListener("signed-out", showSignedOut);

  // A form that was opened in time for its secret asks for the password once that time is over.
  const proofs = [...document.querySelectorAll("[data-proof-in]")];
  const proofDue = proofs.map((proof) => Date.now() + Number(proof.dataset.proofIn) * 1000);

  function showDueProofs() {
    proofs.forEach((proof, at) => { if (Date.now() >= proofDue[at]) proof.hidden = false; });
  }

  if (proofs.length) {
    setInterval(showDueProofs, 5000);
    document.addEventListener("focusin", showDueProofs);
  }

  showTimes();
  document.querySelectorAll(".toast").forEach((box) => leaveSoon(box, box.querySelector("form") ? UNDO_MS : SHORT_MS));

  return { announce, csrf, icon, isOverlayOpen, isSignIn, newKey, locale, number, open, post, showSessionEnded, showSignedOut, showTimes, signInLink, toast, words };
})();
