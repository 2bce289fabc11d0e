// What every page does: dialogs, toasts, copy buttons, the theme, local times, failed requests.
"use strict";

const site = (() => {
  const SHORT_MS = 6000;
  const announcer = () => document.getElementById("announce");

  function announce(words) {
    announcer().textContent = words;
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    svg.setAttribute("class", "i");
    svg.setAttribute("aria-hidden", "true");
    use.setAttribute("href", `#i-${name}`);
    svg.append(use);
    return svg;
  }

  // A toast; `link` is [words, address]. A success leaves by itself, an error stays.
  function toast(words, { isError = false, link = null } = {}) {
    const box = document.createElement("div");
    box.className = isError ? "toast toast--danger" : "toast";
    const text = document.createElement("p");
    text.className = "grow";
    text.textContent = words;
    const close = document.createElement("button");
    close.className = "btn btn--ghost btn--icon btn--sm";
    close.type = "button";
    close.dataset.closeToast = "";
    close.setAttribute("aria-label", "Close message");
    close.append(icon("x"));
    box.append(icon(isError ? "alert" : "check"), text);
    if (link) {
      const anchor = document.createElement("a");
      anchor.className = "btn btn--sm";
      [anchor.textContent, anchor.href] = link;
      box.append(anchor);
    }
    box.append(close);
    // One of a kind: a line that fails ten times says so once.
    for (const old of document.querySelectorAll(".toast p")) {
      if (old.textContent === words) old.parentElement.remove();
    }
    document.getElementById("toasts").append(box);
    leaveSoon(box);
  }

  function leaveSoon(box) {
    if (!box.classList.contains("toast--danger")) setTimeout(() => box.remove(), SHORT_MS);
  }

  function csrf() {
    return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"];
  }

  function post(url, body, options = {}) {
    return fetch(url, {
      method: "POST",
      body,
      headers: { "X-CSRFToken": csrf() },
      credentials: "same-origin",
      ...options,
    });
  }

  function signInLink() {
    return ["Sign in", `${document.body.dataset.login}?next=${encodeURIComponent(location.pathname)}`];
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
    return Boolean(document.querySelector("dialog[open], .rail:popover-open"));
  }

  // "10:42", or with the day.
  function showTimes(root = document) {
    for (const time of root.querySelectorAll("time[data-local]")) {
      const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
      if (time.dataset.local === "day") Object.assign(options, { day: "numeric", month: "short", year: "numeric" });
      time.textContent = new Date(time.dateTime).toLocaleString(undefined, options);
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
    }).catch(() => toast("The theme could not be saved. It holds until this page is left.", { isError: true }));
  }

  async function copyFrom(button) {
    const source = document.getElementById(button.dataset.copy);
    await copy("value" in source ? source.value : source.textContent);
    const use = button.querySelector("use");
    const before = use?.getAttribute("href");
    use?.setAttribute("href", "#i-check");
    setTimeout(() => use?.setAttribute("href", before), 1500);
    announce("Copied");
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

  // A request that failed says so once, in words; what was typed stays.
  document.addEventListener("htmx:sendError", () =>
    toast("The server cannot be reached. Nothing was lost; try again in a moment.", { isError: true }));
  document.addEventListener("htmx:responseError", (event) => {
    const words = {
      400: "The server could not read this. It may be too long; shorten it and try again.",
      403: "Your sign-in has changed since this page was opened. Load the page again; drafts are kept.",
      404: "It is not there any more, or not yours. Load the page again.",
      413: "This is too long to send. Shorten it and try again.",
    };
    toast(words[event.detail.xhr.status] || "The server failed on this. Its log has the cause; try again.", { isError: true });
  });
  // Signed out elsewhere: the answer is the sign-in page, which has no place inside this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const login = document.body.dataset.login;
    const answered = event.detail.xhr.responseURL;
    if (!login || !answered || new URL(answered).pathname !== login) return;
    event.detail.shouldSwap = false;
    toast("You are signed out. Drafts are kept.", { isError: true, link: signInLink() });
  });

  showTimes();
  document.querySelectorAll(".toast").forEach(leaveSoon);

  return { announce, csrf, isOverlayOpen, open, post, showTimes, signInLink, toast };
})();
