// Find anything: Ctrl or ⌘ K opens a dialog; arrow keys go through what is found, Enter opens it.
"use strict";

(() => {
  const dialog = document.getElementById("palette");
  const field = document.getElementById("palette-q");
  const found = document.getElementById("palette-found");
  const options = () => [...found.querySelectorAll("a[role=option]")];
  const chosen = () => found.querySelector("[aria-selected=true]");

  function choose(option) {
    chosen()?.setAttribute("aria-selected", "false");
    if (!option) return field.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  }

  function step(by) {
    const all = options();
    const at = all.indexOf(chosen());
    choose(all[(at + by + all.length) % all.length]);
  }

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open || site.isOverlayOpen()) return;
      field.value = "";
      site.open("palette");
      window.htmx.trigger(field, "palette-opened");
    }
  });

  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault();
      chosen()?.click();
    }
  });

  found.addEventListener("htmx:afterSwap", () => {
    site.showTimes(found);
    choose(options()[0]);
  });
})();
