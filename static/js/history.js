// The history: which run is shown, what is ticked, the keys, and list or detail on a phone.
"use strict";

(() => {
  const view = document.querySelector(".md");
  const form = document.getElementById("filters");
  const compare = document.getElementById("compare");
  const isField = (element) => element.matches("input:not([type=checkbox]), textarea, select");

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-show-list]")) {
      event.preventDefault();
      view.dataset.view = "list";
      document.querySelector(".run__link[aria-current]")?.focus();
    }
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    site.showTimes(event.detail.target);
    if (event.detail.target.id === "runs" || event.detail.target.closest?.("#runs")) return showTicked();
    if (event.detail.target.id !== "detail") return;
    document.querySelector(".run__link[aria-current]")?.removeAttribute("aria-current");
    event.detail.requestConfig.elt.setAttribute("aria-current", "true");
    view.dataset.view = "detail";
    const detail = document.getElementById("detail");
    detail.setAttribute("aria-labelledby", "summary-t");
    detail.scrollTop = 0;
    if (matchMedia("(max-width: 47.99rem)").matches) detail.focus();
  });

  // What was ticked stays so while the list changes; what is not in it any more is let go.
  function showTicked() {
    const many = document.querySelectorAll(".run__tick:checked").length;
    compare.classList.toggle("has-some", many > 0);
    compare.querySelector("button").disabled = many < 2;
  }

  document.addEventListener("change", (event) => event.target.matches(".run__tick") && showTicked());
  form.addEventListener("input", () => {
    document.getElementById("clear").hidden = ![...new FormData(form).values()].some(Boolean);
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || site.isOverlayOpen()) return;
    if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
    if (document.body.dataset.keys === "off") return;
    if (event.key === "?") return site.open("keys");
    if (event.key !== "/") return;
    event.preventDefault();
    view.dataset.view = "list";
    document.getElementById("q").focus();
  });

  showTicked();
})();
