// The live board: columns follow their calls over one socket, and nothing that did not change is
// touched, so that selections, focus and scroll positions stay where they are.
"use strict";

const run = (() => {
  const NEAR_END_PX = 48;
  const TICK_MS = 100;
  const GATHER_MS = 45; // as often as the server tells of one column's text
  const ANNOUNCE_EVERY_MS = 3000;
  const LONGEST_WAIT_S = 15;
  const AGAIN_S = 0.5;
  const ANOTHER_COOKIE_MS = 1500;
  const ENDED = 1000, SIGNED_OUT = 4401, NO_SUCH_RUN = 4404, TOO_MANY = 4429;
  const GOING = ["queued", "waiting", "streaming"];
  const OVER = ["done", "failed", "stopped"];

  const byId = (id) => document.getElementById(id);
  const board = () => byId("board");
  const columns = () => [...document.querySelectorAll("#board > .col")];
  const isGoing = (column) => GOING.includes(column.dataset.status);

  function fragmentOf(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  }

  // Columns --------------------------------------------------------------------------------

  // A column as the server has it -> the column on the page. Answers the node that shows it now.
  function applyColumn(there, fresh) {
    if (there.dataset.call !== fresh.dataset.call) {
      const held = there.contains(document.activeElement) ? document.activeElement : null;
      fresh.classList.toggle("is-alone", there.classList.contains("is-alone"));
      there.replaceWith(fresh);
      bodyOf(fresh).scrollTop = bodyOf(fresh).scrollHeight; // earlier turns lie above
      if (held) (byId(held.id)?.disabled === false ? byId(held.id) : bodyOf(fresh)).focus({ preventScroll: true });
      return fresh;
    }
    const before = there.dataset.status;
    Object.assign(there.dataset, { ...fresh.dataset });
    clocks.delete(there);
    copyInside(there, fresh, ".col__sub");
    copyInside(there, fresh, ".col__status");
    copyInside(there, fresh, ".metrics");
    copyFoot(there, fresh);
    copyThought(there, fresh);
    keepPlace(there, () => {
      setText(textOf(there), textOf(fresh).textContent);
      answerOf(there).lang = answerOf(fresh).lang; // known once it is over
      copyInside(there, fresh, ".col__beside");
      // Its place in line was told since, and is told again only when it changes.
      if (before !== "queued" || there.dataset.status !== "queued") copyInside(there, fresh, ".col__note");
    });
    const [body, freshBody] = [bodyOf(there), bodyOf(fresh)];
    if (freshBody.hasAttribute("aria-busy")) body.setAttribute("aria-busy", "true");
    else body.removeAttribute("aria-busy");
    if (before !== there.dataset.status) sayIfOver(there);
    return there;
  }

  const bodyOf = (column) => column.querySelector(".col__body");
  const textOf = (column) => column.querySelector(".plain");
  const answerOf = (column) => column.querySelector("[data-answer]");

  function copyInside(there, fresh, selector) {
    const [to, from] = [there.querySelector(selector), fresh.querySelector(selector)];
    if (to.innerHTML === from.innerHTML) return;
    to.replaceChildren(...from.childNodes);
    window.htmx?.process(to);
  }

  // Folded once there is an answer, unless somebody folded or opened it by hand.
  function copyThought(there, fresh) {
    const [old, now] = [there, fresh].map((column) => column.querySelector(".col__thought details"));
    if (old && now && "touched" in old.dataset) {
      now.open = old.open;
      now.dataset.touched = "";
    }
    copyInside(there, fresh, ".col__thought");
  }

  // Buttons stay the same nodes, so that a focused one keeps the focus.
  function copyFoot(there, fresh) {
    for (const button of fresh.querySelectorAll(".col__foot button")) {
      const old = byId(button.id);
      if (old) old.disabled = button.disabled;
    }
  }

  function setText(element, text) {
    const node = textNode(element);
    if (node.data === text) return;
    if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
    else node.data = text;
  }

  // The one text node of an output; the parser makes several of a very long text.
  function textNode(element) {
    if (element.childNodes.length > 1) element.normalize();
    return element.firstChild || element.appendChild(document.createTextNode(""));
  }

  // Follow the text only where the reader was at its end; otherwise offer to go there.
  const keepPlace = (column, change) => keepPlaces([[column, change]]);

  // The same for several columns at once: sizes are read together, before anything is written and
  // again after all of it, so that the page is laid out twice and not twice for each column.
  function keepPlaces(changes) {
    const places = changes.map(([column, change]) => ({ column, change, body: bodyOf(column) }));
    for (const place of places) place.wasAtEnd = isAtEnd(place.body);
    for (const place of places) place.change();
    for (const place of places) {
      place.isAtEnd = place.wasAtEnd || isAtEnd(place.body);
      place.height = place.body.scrollHeight;
    }
    for (const { column, body, wasAtEnd, isAtEnd: isThere, height } of places) {
      const jump = column.querySelector("[data-jump]");
      if (wasAtEnd) body.scrollTop = height;
      if (jump.hidden !== isThere) jump.hidden = isThere;
    }
  }

  function isAtEnd(body) {
    return body.scrollHeight - body.scrollTop - body.clientHeight < NEAR_END_PX;
  }

  // The outputs of an answer -> the outputs on the page; untouched columns stay the same nodes.
  function mergeOutputs(there, fresh) {
    const [to, from] = [there.querySelector("#board"), fresh.querySelector("#board")];
    if (!to || !from) {
      const children = [...fresh.childNodes];
      there.replaceChildren(...children);
      return children.filter((node) => node.nodeType === Node.ELEMENT_NODE);
    }
    for (const part of ["#strip", "#run-link", "#similarity", "#follow-to", "#follow-key"]) copyInside(there, fresh, part);
    const isSameRun = to.dataset.run === from.dataset.run;
    Object.assign(to.dataset, { ...from.dataset });
    const added = mergeColumns(to, [...from.querySelectorAll(":scope > .col")]);
    if (!isSameRun) firstWasStarted();
    return added;
  }

  function mergeColumns(to, fresh) {
    const wanted = new Set(fresh.map((column) => column.id));
    for (const column of columns()) if (!wanted.has(column.id)) column.remove();
    const added = [];
    let last = null;
    for (const column of fresh) {
      const old = byId(column.id);
      const isSame = old && old.dataset.endpoint === column.dataset.endpoint;
      const now = isSame ? applyColumn(old, column) : column;
      if (old && !isSame) old.remove();
      if (now !== old) added.push(now);
      // Moved by its menu, or new; `moveBefore` keeps what a reader scrolled to and selected.
      const next = last ? last.nextElementSibling : to.firstElementChild;
      if (now !== next) to.moveBefore && now.parentElement === to ? to.moveBefore(now, next) : to.insertBefore(now, next);
      last = now;
    }
    return added;
  }

  // Messages -------------------------------------------------------------------------------

  const pending = new Map(); // call id -> text that waits for the next frame
  let flushedAt = 0;
  const opens = new Map(); // output -> where the open end of its text is shown as well

  function hear(message) {
    if (message.type === "call") hearCall(message);
    if (message.type === "delta") hearDelta(message);
    if (message.type === "thought") hearThought(message);
    if (message.type === "place") hearPlace(message);
    if (message.type === "run") {
      flush();
      if (message.similarity) byId("similarity")?.replaceWith(fragmentOf(message.similarity));
    }
  }

  function hearCall(message) {
    pending.delete(message.id); // the column comes with all of its text
    const fresh = fragmentOf(message.html).querySelector(".col");
    const there = byId(fresh.id);
    // Another set of columns by now, or an earlier attempt: not for this board. A call keeps its
    // column when its endpoint is deleted.
    if (!there) return;
    const isOther = (name) => there.dataset[name] !== fresh.dataset[name];
    const haveEndpoints = there.dataset.endpoint && fresh.dataset.endpoint;
    if (haveEndpoints && isOther("endpoint") && isOther("call")) return;
    if (there.dataset.call && Number(there.dataset.attempt) > Number(fresh.dataset.attempt)) return;
    const now = applyColumn(there, fresh);
    if (now !== there) window.htmx?.process(now);
    refresh();
  }

  function hearDelta(message) {
    endings = 0;
    const column = byId(`call-${message.id}-text`)?.closest(".col");
    if (!column) return;
    const isFirst = column.dataset.status !== "streaming" || column.querySelector(".col__note").firstElementChild;
    if (isFirst) beginStreaming(column);
    if (message.ttft_ms !== undefined) {
      column.querySelector(".metrics dd").textContent = `${site.number(message.ttft_ms / 1000, 2)} s`;
    }
    if (!pending.size) flushSoon();
    pending.set(message.id, (pending.get(message.id) || "") + message.text);
  }

  function beginStreaming(column) {
    column.dataset.status = "streaming";
    const status = column.querySelector(".status");
    status.lastChild.data = site.words("streaming_now");
    column.querySelector(".col__note").replaceChildren();
    column.querySelector(".col__thought details:not([data-touched])")?.removeAttribute("open");
    for (const button of column.querySelectorAll(".col__foot :is([data-copy], [data-diff])")) button.disabled = false;
    refresh();
  }

  function hearThought(message) {
    const element = byId(`call-${message.id}-thought`);
    if (!element) return;
    keepPlace(element.closest(".col"), () => textNode(element).appendData(message.text));
    const many = site.number([...element.textContent].length);
    element.closest("details").querySelector("[data-count]").textContent = many;
  }

  function hearPlace(message) {
    const line = byId(`call-${message.id}-text`)?.closest(".col").querySelector("[data-line]");
    if (line) setIfOther(line, message.text);
  }

  // With the next frame; where several columns stream, together and at most every GATHER_MS.
  function flushSoon() {
    const rest_ms = Math.max(0, flushedAt + GATHER_MS - performance.now());
    setTimeout(() => requestAnimationFrame(flush), rest_ms);
  }

  function flush() {
    flushedAt = performance.now();
    const changes = [];
    for (const [id, text] of pending) {
      const element = byId(`call-${id}-text`);
      if (!element) continue;
      changes.push([element.closest(".col"), () => {
        textNode(element).appendData(text);
        opens.get(element)?.appendData(text);
      }]);
    }
    pending.clear();
    keepPlaces(changes);
  }

  // Socket ---------------------------------------------------------------------------------

  let line = null; // the open socket and what it is for
  let attempt = 0;
  let endings = 0; // how often in a row the server said "over" while this board saw calls going
  let retryAt = 0;
  let retryTimer = 0;

  function wantedAddress() {
    const address = board()?.dataset.socket;
    return address && columns().some((column) => column.dataset.call && isGoing(column)) ? address : "";
  }

  // Have the line that the board needs: none, the one there is, or a new one.
  function connect() {
    const address = wantedAddress();
    if (line && (line.address === address || (!address && line.address === board()?.dataset.socket))) return;
    if (line) line.socket.close();
    line = null;
    if (address && !retryTimer) openLine(address);
    if (!address) {
      endings = 0;
      calmDown();
    }
  }

  function openLine(address) {
    clearTimeout(retryTimer);
    retryTimer = 0;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const mine = { address, parts: [], socket: new WebSocket(`${scheme}://${location.host}${address}`) };
    line = mine;
    mine.socket.onmessage = (event) => {
      if (line !== mine) return;
      mine.isHeard = true;
      calmDown();
      const message = joined(mine.parts, JSON.parse(event.data));
      if (message) hear(message);
    };
    mine.socket.onclose = (event) => {
      if (line !== mine) return;
      line = null;
      flush();
      if (event.code === SIGNED_OUT) {
        calmDown();
        if (!mine.isHeard) return site.showSignedOut();
        // Another tab may have changed the password: its answer brings this browser a new cookie.
        retryTimer = setTimeout(retryNow, ANOTHER_COOKIE_MS);
        return;
      }
      if (event.code === TOO_MANY) {
        site.toast(site.words("too_many_places"), { isError: true });
        retryTimer = setTimeout(retryNow, LONGEST_WAIT_S * 1000);
        return;
      }
      if (event.code === NO_SUCH_RUN) {
        calmDown();
        if (mine.isHeard) site.toast(site.words("run_gone"), { isError: true });
        return;
      }
      if (event.code !== ENDED) return retryLater();
      calmDown();
      // Over, as far as this line knew; a retry may have begun just then.
      if (wantedAddress()) retryTimer = setTimeout(retryNow, backOff(AGAIN_S, endings++) * 1000);
    };
  }

  // A long message comes in parts, whose texts together are its JSON. Null until the last one.
  function joined(parts, message) {
    if (message.type !== "part") return message;
    parts.push(message.text);
    return message.last ? JSON.parse(parts.splice(0).join("")) : null;
  }

  const backOff = (first_s, times) => Math.min(first_s * 2 ** times, LONGEST_WAIT_S);

  function retryLater() {
    attempt += 1;
    const wait = backOff(1, attempt - 1);
    retryAt = Date.now() + wait * 1000;
    retryTimer = setTimeout(retryNow, wait * 1000);
    byId("connection").hidden = false;
    showWait();
  }

  function retryNow() {
    clearTimeout(retryTimer);
    retryTimer = 0;
    retryAt = 0;
    showWait();
    const address = wantedAddress();
    if (address && !line) openLine(address);
    else calmDown();
  }

  function showWait() {
    const words = byId("connection")?.querySelector("[data-attempt]");
    if (!words || !attempt) return;
    const left = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    const said = site.words(left ? "attempt_in" : "attempt", { attempt, left });
    if (words.textContent !== said) words.textContent = said;
  }

  function calmDown() {
    if (attempt) window.dispatchEvent(new CustomEvent("run:connected"));
    attempt = 0;
    if (byId("connection")) byId("connection").hidden = true;
  }

  // What the page says about the run -------------------------------------------------------

  const clocks = new WeakMap(); // column -> when its time on the page was right
  const plainTitle = document.title;
  let wasGoing = false;

  function summary() {
    const started = columns().filter((column) => column.dataset.call);
    const many = (status) => started.filter((column) => column.dataset.status === status).length;
    const over = OVER.reduce((sum, status) => sum + many(status), 0);
    const isGoing = over < started.length;
    const others = ["failed", "stopped"].filter(many).map((status) => site.words(`some_${status}`, { n: many(status) }));
    const among = !isGoing && others.length ? "some_done" : "done_of";
    const progress = [site.words(among, { n: many("done"), all: started.length }), ...others].join(", ");
    return { started: started.length, over, isGoing, progress, isAllDone: !isGoing && !others.length };
  }

  // After anything changed: the strip, the tab, the title, the line, and whoever listens.
  function refresh() {
    for (const column of columns()) showInStrip(column);
    const now = summary();
    const tab = document.querySelector("[data-progress]");
    if (tab) {
      tab.hidden = !now.started;
      tab.textContent = now.progress;
    }
    if (now.isGoing) document.title = `● ${site.words("over_of", { over: now.over, all: now.started })} · ${plainTitle}`;
    else document.title = wasGoing ? `${now.isAllDone ? site.words("all_done") : now.progress} · ${plainTitle}` : plainTitle;
    wasGoing = wasGoing || now.isGoing;
    connect();
    document.dispatchEvent(new CustomEvent("run:changed", { detail: now }));
  }

  function firstWasStarted() {
    wasGoing = false;
    for (const column of columns()) {
      column.querySelector("[data-jump]").hidden = true;
    }
  }

  const WORDS = { failed: site.words("failed"), stopped: site.words("stopped"), queued: site.words("queued"), idle: "" };
  const SPOKEN = { idle: site.words("not_run_yet") };
  for (const status of ["done", "streaming", "waiting"]) SPOKEN[status] = `, ${site.words(status)}`;

  function showInStrip(column) {
    const item = document.querySelector(`#strip [href="#${column.id}"]`);
    if (!item) return;
    const status = column.dataset.status;
    const [old, sign] = [item.querySelector("svg, .dot"), column.querySelector(".status").firstElementChild];
    if (item.dataset.status !== status && old && sign) old.replaceWith(sign.cloneNode(true));
    item.dataset.status = status;
    const brief = WORDS[status] ?? column.querySelector(".col__time").textContent;
    setIfOther(item.querySelector("[data-brief]"), brief);
    setIfOther(item.querySelector("[data-state]"), SPOKEN[status] || "");
  }

  // The text node stays: a new one would have every rule about children asked again.
  function setIfOther(element, text) {
    const node = textNode(element);
    if (node.data !== text) node.data = text;
  }

  // "You can ask again in 12 s", counted down where an endpoint said so.
  function showCountdowns() {
    for (const place of document.querySelectorAll("[data-until]")) {
      const left = Math.ceil((new Date(place.dataset.until) - Date.now()) / 1000);
      setIfOther(place, left > 0 ? site.words("ask_again_in", { left }) : site.words("ask_again_now"));
    }
  }

  function tick() {
    showWait();
    showCountdowns();
    for (const column of columns()) {
      if (!["waiting", "streaming"].includes(column.dataset.status)) continue;
      const clock = clocks.get(column) || { at: performance.now(), ms: Number(column.dataset.elapsedMs) };
      clocks.set(column, clock);
      const time = `${site.number((clock.ms + performance.now() - clock.at) / 1000, 1)} s`;
      setIfOther(column.querySelector(".col__time"), time);
      const brief = document.querySelector(`#strip [href="#${column.id}"] [data-brief]`);
      if (brief) setIfOther(brief, time);
    }
  }

  const toSay = [];
  let saidAt = 0;
  let sayTimer = 0;

  function sayIfOver(column) {
    const letter = column.querySelector(".letter").textContent;
    const time = column.querySelector(".col__time").textContent.replace(" s", "");
    const words = {
      done: site.words("finished", { letter, time }),
      failed: site.words("column_failed", { letter }),
      stopped: site.words("column_stopped", { letter }),
    };
    if (!words[column.dataset.status]) return;
    toSay.push(words[column.dataset.status]);
    if (!sayTimer) sayTimer = setTimeout(say, Math.max(50, saidAt + ANNOUNCE_EVERY_MS - Date.now()));
  }

  function say() {
    sayTimer = 0;
    saidAt = Date.now();
    site.announce(toSay.splice(0).join(" "));
  }

  // Stop the run of this board.
  function stop() {
    const address = board()?.dataset.stop;
    if (!address || !summary().isGoing) return;
    site.post(address).then((answer) => {
      if (answer.status !== 204) throw new Error(answer.status);
    }).catch((error) => error.message === "signed out" || site.toast(site.words("not_stopped"), { isError: true }));
  }

  window.htmx?.defineExtension("columns", {
    isInlineSwap: (style) => style === "columns",
    handleSwap(style, target, fragment) {
      if (style !== "columns") return false;
      const added = mergeOutputs(target, fragment.querySelector("#outputs"));
      refresh();
      return added;
    },
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-reconnect]")) retryNow();
    const thought = event.target.closest(".col__thought summary");
    if (thought) thought.parentElement.dataset.touched = "";
    const jump = event.target.closest("[data-jump]");
    if (!jump) return;
    const body = bodyOf(jump.closest(".col"));
    body.scrollTop = body.scrollHeight;
    body.focus({ preventScroll: true });
  });
  document.addEventListener("scroll", (event) => {
    if (!event.target.matches?.(".col__body")) return;
    if (isAtEnd(event.target)) event.target.closest(".col").querySelector("[data-jump]").hidden = true;
  }, { capture: true, passive: true });
  document.addEventListener("htmx:afterSwap", (event) => {
    // A retried column took the focus with it when it was replaced.
    if (event.target.matches?.(".col") && document.activeElement === document.body) {
      bodyOf(byId(event.target.id)).focus({ preventScroll: true });
    }
    refresh();
  });
  document.addEventListener("signed-in", refresh);
  window.addEventListener("online", () => attempt && retryNow());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && retryTimer) retryNow();
  });

  setInterval(tick, TICK_MS);
  document.addEventListener("DOMContentLoaded", refresh);
  return { columns, keepPlace, opens, stop, summary };
})();
