"use strict";
/* Keeps an open page live. Times come from the server's clock alone: what this computer shows may be wrong. */
(() => {
  const SILENT_MS = 8000, AGAIN_MS = 2000, TRY_MS = 10000, OLD_MS = 300000, REDRAW_MS = 2000, CLOSED_MS = 2000, TURN_MS = 12000, FREEZE_S = 60;
  const root = document.documentElement;
  const rows = document.getElementById("rows");
  /* Painted: the rows below the screen are laid out too. */
  requestAnimationFrame(() => setTimeout(() => rows && rows.classList.remove("begins")));
  /* What was searched for by the server is a page of its moment, and says so. */
  if (!rows || !rows.dataset.stream) return;
  const status = document.getElementById("status");
  const notLive = document.getElementById("not-live");
  const pulse = document.getElementById("pulse");
  const further = document.getElementById("further");
  const zoned = new Intl.DateTimeFormat("en-GB", { timeZone: root.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  let base = { shown: Date.parse(root.dataset.now), at: performance.now(), speed: Number(root.dataset.speed) };
  let heard = { at: performance.now(), wall: Date.now() };
  let isHeard = false, stream = null, triedAt = 0, serverSays = "", signedOut = "", frozenUntil = 0, held = [], page = 0, needle = "";

  const now = () => base.shown + (performance.now() - base.at) * base.speed;
  const two = (n) => String(n).padStart(2, "0");

  function span(seconds) {
    if (seconds >= 259200) return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`;
    if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${two(Math.floor((seconds % 3600) / 60))} min`;
    return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  }
  function left(due) {
    const seconds = Math.floor((due - now()) / 1000);
    return seconds >= 0 ? `${span(seconds)} left` : `${span(-seconds)} late`;
  }
  function ago(then) {
    const seconds = Math.max(Math.floor((now() - then) / 1000), 0);
    return seconds < 120 ? `${seconds} s ago` : `${span(seconds)} ago`;
  }
  function write(element, text) { if (element.textContent !== text) element.textContent = text; }

  function tick() {
    for (const one of document.querySelectorAll("[data-due]")) write(one, left(Date.parse(one.dataset.due)));
    for (const one of document.querySelectorAll("[data-since]")) write(one, ago(Date.parse(one.dataset.since)));
    for (const one of document.querySelectorAll("[data-clock]")) write(one, zoned.format(now()));
    judge();
    thaw();
    /* A connection that was lost without a word looks like a quiet one for ever: begin another. */
    if (performance.now() - Math.max(heard.at, triedAt) > TRY_MS) { stream.close(); connect(); }
  }

  /* Not live: nothing heard for a while, by either clock of this computer, or the server itself says so. */
  function judge() {
    const silent = performance.now() - heard.at > SILENT_MS || Date.now() - heard.wall > SILENT_MS;
    /* Until the first word of the stream came the page is as of its making. */
    if (!isHeard && !silent && !signedOut) return;
    const why = signedOut || serverSays || (silent ? `Nothing heard from the server since ${zoned.format(base.shown)}: what you see may be old. Trying again.` : "");
    root.dataset.live = why ? "no" : "yes";
    notLive.hidden = !why;
    if (why) write(notLive.querySelector("span"), why);
    pulse.classList.toggle("is-live", !why);
    write(pulse.querySelector(".word"), why ? "not live" : "live");
    doubt(why !== "");
  }
  /* Of a page that is not live no feed may be called so. */
  let doubted = [];
  function doubt(isOld) {
    const found = isOld ? document.querySelectorAll(".f-live") : doubted;
    for (const one of found) {
      one.className = isOld ? "f-not-known" : "f-live";
      write(one.querySelector("strong"), isOld ? "not known" : "live");
    }
    doubted = isOld ? [...doubted, ...found] : [];
  }

  function take(message) {
    base = { shown: Date.parse(message.now), at: performance.now(), speed: message.speed };
    heard = { at: performance.now(), wall: Date.now() };
    isHeard = true;
    signedOut = "";
    serverSays = message.notLive;
    if (frozenUntil) held.push(message); else show(message);
    tick();
    /* Of another version than its script and style: after an update nobody comes to load the wall anew. */
    if (message.build && message.build !== root.dataset.build && performance.now() > OLD_MS && !isBusy()) location.reload();
    if (message.mark && message.mark !== rows.dataset.mark) redraw(message.mark);
  }

  function show(message) {
    if (message.rows) for (const [key, html] of Object.entries(message.rows)) place(key, html);
    if (message.order) arrange(message.order);
    if (message.status !== undefined && status) { status.innerHTML = message.status; say(); }
    if (message.rows || message.order) { search(); turn(); askClosed(); }
    /* The page held the first rows; now all that are kept live are here. */
    if (message.order && further) further.hidden = true;
  }
  /* For who hears the page instead of seeing it: the counts and what is wrong, when they change; no ticking. */
  function say() {
    const said = document.getElementById("said");
    if (said) write(said, [...status.querySelectorAll(".counts, .trouble")].map((one) => one.textContent).join(". "));
  }
  /* What ended today is asked for a moment after rows have changed, not by all pages in the same instant. */
  let closedSoon = 0;
  function askClosed() {
    if (closedSoon || !document.getElementById("closed")) return;
    closedSoon = setTimeout(async () => {
      closedSoon = 0;
      let reply = null;
      try { reply = await fetch(`/closed${location.search}`, { cache: "no-store" }); } catch { return; }
      if (reply.ok) swap(new DOMParser().parseFromString(await reply.text(), "text/html"), "closed");
    }, CLOSED_MS * (1 + Math.random()));
  }
  function place(key, html) {
    const known = document.getElementById(`c-${key}`);
    const made = document.createElement("template");
    made.innerHTML = html.trim();
    const fresh = made.content.firstElementChild;
    if (!known) { rows.append(fresh); return; }
    /* A stream that begins anew tells every row: what is the same stays as it is, and what is marked in it too. */
    if (timeless(known).isEqualNode(timeless(fresh))) return;
    const focused = known.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    known.replaceWith(fresh);
    if (focused) for (const link of fresh.querySelectorAll("a")) if (link.getAttribute("href") === focused) link.focus();
  }
  function timeless(row) {
    const copy = row.cloneNode(true);
    for (const one of copy.querySelectorAll("[data-due], [data-since]")) one.textContent = "";
    copy.hidden = false;
    return copy;
  }
  function arrange(order) {
    const wanted = new Set(order);
    for (const one of [...rows.children]) if (!wanted.has(one.id.slice(2))) one.remove();
    let before = rows.firstElementChild;
    for (const key of order) {
      const one = document.getElementById(`c-${key}`);
      if (!one) continue;
      if (one === before) before = before.nextElementSibling;
      else rows.insertBefore(one, before);
    }
  }

  /* --- the page of one clock: what is told there besides its row is asked for anew when it has changed */
  const answers = document.getElementById("answers");
  let askedAt = -Infinity;
  async function redraw(mark) {
    if (performance.now() - askedAt < REDRAW_MS) return;
    askedAt = performance.now();
    let reply = null;
    try { reply = await fetch(location.pathname, { cache: "no-store" }); } catch { return; }
    if (reply.status === 404) { location.reload(); return; }
    if (!reply.ok) return;
    const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
    if (!fresh.getElementById("story")) return;
    swap(fresh, "title");
    swap(fresh, "story");
    if (isAnswering()) document.getElementById("changed").hidden = false;
    else swap(fresh, "answers");
    rows.dataset.mark = mark;
    tick();
  }
  function swap(fresh, id) {
    const old = document.getElementById(id), next = fresh.getElementById(id);
    for (const one of old.querySelectorAll("details[open]")) {
      const same = next.querySelector(`#${CSS.escape(one.id)}`);
      if (same) same.open = true;
    }
    const focused = old.contains(document.activeElement) ? document.activeElement.closest("[id]").id : "";
    old.replaceChildren(...next.childNodes);
    if (focused) (document.getElementById(focused)?.querySelector("summary, a") || document.body).focus();
  }
  function isBusy() { return frozenUntil > 0 || needle !== "" || (answers !== null && isAnswering()); }
  /* Nobody's words are taken out of their hands: who has begun to answer is told to look again. */
  function isAnswering() {
    if (answers.contains(document.activeElement)) return true;
    return [...answers.querySelectorAll("select, input:not([type=hidden])")].some((one) => one.value !== "");
  }

  function connect() {
    triedAt = performance.now();
    const address = rows.dataset.stream;
    const one = stream = new EventSource(address.includes("?") ? address : address + location.search);
    one.addEventListener("board", (event) => take(JSON.parse(event.data)));
    one.addEventListener("error", () => {
      /* A refusal ends an EventSource for good; a lost connection it mends itself. */
      if (one !== stream || one.readyState !== EventSource.CLOSED) return;
      askWhy(one.url);
      setTimeout(() => { if (one === stream) connect(); }, AGAIN_MS);
    });
  }
  /* Refused for who asks, or sent to where one signs in: names must not stay for whoever comes by. */
  async function askWhy(address) {
    let reply = null;
    try { reply = await fetch(address, { cache: "no-store", redirect: "manual" }); } catch { return; }
    if (reply.body) reply.body.cancel();
    if (![401, 403].includes(reply.status) && reply.type !== "opaqueredirect") return;
    signedOut = "You are not signed in any more: load the page anew. What you see may be old.";
    for (const one of document.querySelectorAll(".name, .number")) one.remove();
    held = [];
    judge();
  }

  /* --- freeze, for who must read in peace; it thaws by itself */
  const freeze = document.getElementById("freeze");
  function thaw(at_once) {
    if (!frozenUntil) return;
    const seconds = Math.ceil((frozenUntil - performance.now()) / 1000);
    if (seconds > 0 && !at_once) { write(freeze, `Frozen, ${seconds} s: go on now`); return; }
    frozenUntil = 0;
    held.splice(0).forEach(show);
    freeze.setAttribute("aria-pressed", "false");
    write(freeze, `Freeze for ${FREEZE_S} s`);
  }
  if (freeze) {
    freeze.hidden = false;
    freeze.addEventListener("click", () => {
      if (frozenUntil) { thaw(true); return; }
      frozenUntil = performance.now() + FREEZE_S * 1000;
      freeze.setAttribute("aria-pressed", "true");
      thaw();
    });
  }

  /* --- search in what is here: what is typed leaves this computer only where it is sent on purpose */
  const form = document.getElementById("search");
  function search() {
    if (!form) return;
    for (const one of rows.children) one.hidden = needle !== "" && !one.textContent.toLowerCase().includes(needle);
  }
  if (form) {
    form.addEventListener("submit", (event) => event.preventDefault());
    form.search.addEventListener("input", () => { needle = form.search.value.trim().toLowerCase(); search(); });
  }

  /* --- the wall turns its pages */
  const size = Number(rows.dataset.pageSize || 0);
  function turn() {
    if (!size) return;
    const all = [...rows.children], pages = Math.max(Math.ceil(all.length / size), 1);
    page = page % pages;
    all.forEach((one, place) => { one.hidden = Math.floor(place / size) !== page; });
    write(document.getElementById("pages"), pages > 1 ? `${page + 1} of ${pages}` : "");
  }
  if (size) setInterval(() => { page += 1; turn(); }, TURN_MS);

  turn();
  tick();
  setInterval(tick, 1000);
  connect();
})();
