// Images of user messages: chosen or pasted, kept by the server, which says what is none.
"use strict";

const images = (() => {
  const TAKES = '.col:is([data-task="chat"], [data-task="responses"])';
  const choosing = document.createElement("input"); // in no form: only its address is sent
  Object.assign(choosing, { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp" });
  let target = null; // the message that the choice is for

  // `value` is the field's: the image's id, a blank, and words about it.
  function show(textarea, value) {
    const tag = document.getElementById("image-template").content.querySelector(".tag").cloneNode(true);
    const [id, words] = [value.slice(0, value.indexOf(" ")), value.slice(value.indexOf(" ") + 1)];
    const field = tag.querySelector("input");
    field.name = textarea.name.replace("message", "image");
    field.value = value;
    tag.querySelector("img").src = `${promptForm.dataset.images}${encodeURIComponent(id)}/`;
    const text = tag.querySelector(".clip");
    text.textContent = text.title = words;
    tag.querySelector("button").setAttribute("aria-label", site.words("remove_image", { image: words }));
    textarea.closest(".msg").querySelector(".attached").append(tag);
  }

  function say(message, words) {
    message.querySelector("[data-image-error]").textContent = words;
  }

  async function add(message, file) {
    const most = Number(promptForm.dataset.maxImageBytes);
    if (!document.querySelector(TAKES)) return say(message, site.words("no_column_for_images"));
    if (message.querySelector(".msg__role").value !== "user") return say(message, site.words("only_user_images"));
    if (file.size > most) {
      const kb = (bytes) => Math.round(bytes / 1024);
      return say(message, site.words("image_too_big", { name: file.name, size: kb(file.size), most: kb(most) }));
    }
    say(message, "");
    message.setAttribute("aria-busy", "true");
    try {
      const answer = await site.post(`${promptForm.dataset.images}?name=${encodeURIComponent(file.name)}`, file);
      if (answer.status !== 201 && answer.status !== 422) throw new Error(answer.status);
      const told = await answer.json();
      if (answer.ok) {
        show(message.querySelector("textarea"), told.value);
        mistakes.settleMessages();
        draft.changed();
      } else {
        say(message, told.message);
      }
    } catch (error) {
      if (error.message !== "signed out") say(message, site.words("image_not_taken"));
    }
    message.removeAttribute("aria-busy");
  }

  // An image as text, the way models are sent it.
  function fileOf(text) {
    const found = /^data:(image\/[\w.+-]+);base64,([A-Za-z0-9+/=\s]+)$/.exec(text.trim());
    if (!found) return null;
    try {
      const bytes = Uint8Array.from(atob(found[2]), (letter) => letter.charCodeAt(0));
      return new File([bytes], "pasted", { type: found[1] });
    } catch {
      return new File([], "pasted"); // the server says that it is none
    }
  }

  promptForm.addEventListener("input", ({ target }) => {
    if (target.matches("#messages textarea")) say(target.closest(".msg"), "");
  });
  promptForm.addEventListener("paste", (event) => {
    const message = event.target.closest("#messages .msg");
    if (!message) return;
    const text = event.clipboardData.getData("text/plain");
    const pasted = text ? [fileOf(text)] : [...event.clipboardData.files];
    const files = pasted.filter(Boolean);
    if (!files.length) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // it is not text
    for (const file of files) add(message, file);
  });
  promptForm.addEventListener("click", (event) => {
    const button = event.target.closest("[data-attach], [data-detach]");
    if (!button) return;
    const message = button.closest(".msg");
    if ("attach" in button.dataset) {
      target = message;
      choosing.value = "";
      choosing.click();
      return;
    }
    const tag = button.closest(".tag");
    const box = tag.parentElement;
    tag.remove();
    message.querySelector("textarea").focus();
    site.toast(site.words("image_removed"), { undo: () => {
      if (!box.isConnected) return;
      // Its message may have moved, and its fields with it.
      const number = message.querySelector("textarea").name.split("-")[1];
      for (const field of tag.querySelectorAll("[name]")) field.name = `image-${number}`;
      box.append(tag);
      draft.changed();
    } });
    draft.changed();
  });
  // A class by script: a rule with :has() over the columns was asked again for every piece of text,
  // and took half of the main thread.
  document.addEventListener("run:changed", () => {
    const tasks = new Set(run.columns().map((column) => column.dataset.task));
    const { classList } = document.querySelector(".play");
    classList.toggle("takes-images", tasks.has("chat") || tasks.has("responses"));
    classList.toggle("embeds", tasks.has("embeddings"));
  });
  choosing.addEventListener("change", () => {
    if (target?.isConnected && choosing.files.length) add(target, choosing.files[0]);
  });

  return { show };
})();
