// Markdown while it streams: every paragraph, list or code block that has closed as HTML, made and
// cleaned by the server; what is still open as it came. At the end the rest joins, and nothing jumps.
"use strict";

const blocks = (() => {
  const LOOK_MS = 500, LONGEST_MS = 4000;
  // What may have closed a block: an empty line, a fence, a heading or a rule.
  const CLOSES = /\n[ \t]*\n|(?:^|\n) {0,3}(?:```|~~~|#|---|\*\*\*|___)/;
  const followed = new Map(); // .marked -> how far it is

  // Show this answer block by block, from wherever it is.
  function follow(marked, plain) {
    if (!followed.has(marked)) {
      const open = document.createElement("div");
      open.className = "open";
      open.dir = "auto";
      const text = open.appendChild(document.createTextNode(""));
      marked.replaceChildren(open);
      followed.set(marked, { plain, open, text, upto: 0, units: 0, wait: LOOK_MS, dueAt: 0, isAsking: false });
      run.opens.set(plain, text);
    }
    catchUp(marked);
  }

  // What is open is what was told and has not closed.
  function catchUp(marked) {
    const it = followed.get(marked);
    if (!it) return;
    const rest = it.plain.textContent.slice(it.units);
    if (it.text.data !== rest) it.text.data = rest;
  }

  function forget(marked) {
    const it = followed.get(marked);
    if (!it) return;
    followed.delete(marked);
    run.opens.delete(it.plain);
    marked.replaceChildren();
  }

  function look() {
    for (const [marked, it] of followed) {
      if (!marked.isConnected) forget(marked);
      else if (!it.isAsking && performance.now() >= it.dueAt && CLOSES.test(it.text.data)) ask(marked, it);
    }
  }

  // A block that stays open, such as a long list, is asked about ever less often.
  async function ask(marked, it) {
    it.isAsking = true;
    let isFurther = false;
    try {
      const answer = await fetch(`${marked.dataset.blocks}?from=${it.upto}`, { credentials: "same-origin" });
      if (!answer.ok || site.isSignIn(answer.url)) throw new Error(answer.status);
      const told = await answer.json();
      isFurther = followed.get(marked) === it && put(marked, it, told);
    } catch {
      // What is open stays as it came; the end asks for the whole.
    }
    it.isAsking = false;
    it.wait = isFurther ? LOOK_MS : Math.min(2 * it.wait, LONGEST_MS);
    it.dueAt = performance.now() + it.wait;
  }

  // Answers whether anything closed. The server may know more than was told here: then later.
  function put(marked, it, told) {
    if (told.upto === it.upto || told.units > it.plain.textContent.length) return false;
    const template = document.createElement("template");
    template.innerHTML = told.html;
    run.keepPlace(marked.closest(".col"), () => {
      it.open.before(template.content);
      [it.upto, it.units] = [told.upto, told.units];
      catchUp(marked);
    });
    return true;
  }

  // The whole answer is here: what shows it right already is not touched.
  function settle(marked, whole) {
    const it = followed.get(marked);
    if (it) {
      followed.delete(marked);
      run.opens.delete(it.plain);
    }
    run.keepPlace(marked.closest(".col"), () => {
      let next = marked.firstChild;
      while (next && whole.firstChild && next.isEqualNode(whole.firstChild)) {
        whole.firstChild.remove();
        next = next.nextSibling;
      }
      while (next) {
        const old = next;
        next = next.nextSibling;
        old.remove();
      }
      marked.append(whole);
    });
  }

  setInterval(look, LOOK_MS);
  return { catchUp, follow, forget, settle };
})();
