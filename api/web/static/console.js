// The console: a queue that is always up to date, and the talks one has claimed.
import { call, leave } from "./console-api.js";
import { Bell } from "./console-bell.js";
import { leaveWhenSignedOut } from "./console-fragments.js";
import { handsInTalk, handsOnCards, raiseByKey } from "./console-hands.js";
import { Keys } from "./console-keys.js";
import { Live } from "./console-live.js";
import { Sealing, wipe } from "./console-sealing.js";
import { Talk } from "./console-talk.js";
import { counted } from "./console-words.js";

const words = JSON.parse(document.body.dataset.words);
const longest = Number(document.body.dataset.longest);
const queue = document.getElementById("queue");
const pane = document.getElementById("talks");
const notice = document.getElementById("notice");
const connection = document.getElementById("connection");
const talks = new Map();

const POLL_EVERY = 10000;
const AGAIN_AFTER = 3000;
const LONGEST_PRESS = 2000;
let clockSlip = 0; // how far this machine's clock is from the server's
let pressed = null; // while a pointer is down on the queue

// Before anything is heard: what is said to this page is sealed to its browser. Without a key it takes nobody.
const session = document.body.dataset.session;
const sealing = await Sealing.of(session);
document.getElementById("no-sealing").hidden = sealing !== null;

const bell = new Bell(document.getElementById("bell"), words);

const live = new Live({
  onMessage(message) {
    const talk = talks.get(message.handoff);
    if (message.type === "queue") refresh();
    else if (message.type === "message") talk?.heard(message);
    else if (message.type === "said") {
      talk?.said(message);
      talk?.typing.hide();
    } else if (message.type === "typing") talk?.typing.show();
    else if (message.type === "lapsed") talk?.lapsed(message);
    else if (message.type === "mark") talk?.mark(message);
    else if (message.type === "note") talk?.noted(message);
    else if (message.type === "key") document.body.dataset.opens = ""; // from here on words are sealed to this browser
    else if (message.type === "no_key") document.getElementById("no-sealing").hidden = false;
    else if (message.type === "left") talk?.left();
    else if (message.type === "not_yours") refresh();
  },
  onOpen() {
    say(words.connected, true);
    if (sealing) live.say({ type: "key", key: sealing.key });
    for (const talk of talks.values()) talk.watch();
  },
  onDown() {
    say(words.reconnecting, false);
  },
  onSignedOut: signedOut,
});

function say(text, good) {
  if (connection.textContent !== text) connection.textContent = text; // it is read out when it changes, and only then
  connection.classList.toggle("down", !good);
}

async function signedOut() {
  for (const talk of talks.values()) talk.end("");
  await wipe(session);
  leave();
}

// A menu left open hides the words below it: it closes as menus do, by Escape and by a click anywhere else.
document.addEventListener("click", (event) => {
  for (const menu of pane.querySelectorAll(".menu[open]")) menu.open = menu.contains(event.target);
});
document.addEventListener("keydown", (event) => {
  raiseByKey(event, [...talks.values()].find((talk) => !talk.element.hidden && !talk.over && !talk.reading));
  if (event.key !== "Escape") return;
  for (const menu of pane.querySelectorAll(".menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault(); // and nothing else closes with it
  }
});

// One request at a time, and one more after it for what changed meanwhile (hx-sync). The promise is kept when a request
// that was sent after the call has been answered and what came stands there.
let sent = 0;
const awaited = [];

function refresh() {
  const after = sent;
  const done = new Promise((resolve) => awaited.push({ after, resolve }));
  htmx.trigger(queue, "changed");
  return done;
}

function answered(number) {
  for (const one of awaited.splice(0)) {
    if (one.after < number) one.resolve();
    else awaited.push(one);
  }
}

// What stands here already is not sent again.
queue.addEventListener("htmx:configRequest", ({ detail }) => {
  detail.parameters.drawn = queue.querySelector(".groups").dataset.drawn ?? "";
});

queue.addEventListener("htmx:beforeSend", ({ detail }) => (detail.xhr.number = ++sent));

let held = null; // where the focus was last, if on a card: the element's id and the card's

document.addEventListener("focusin", ({ target }) => {
  held = target.closest(".card") && { element: target.id, card: target.closest(".card").dataset.id };
});
document.addEventListener("pointerdown", ({ target }) => target.closest(".card") || (held = null));

queue.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!pressed) return; // a card that is replaced between press and release swallows the click: it is asked for again then
  pressed.again = detail.xhr.late = true;
  detail.shouldSwap = false;
});

queue.addEventListener("htmx:afterSwap", () => {
  settle();
  if (!held || document.activeElement !== document.body) return;
  // A button that is there no more leaves its focus to the card, not to another button: a second Enter must do nothing.
  const there = document.getElementById(held.element) ?? card(held.card);
  if (there?.matches(".card")) there.tabIndex = -1;
  there?.focus({ preventScroll: true });
});

queue.addEventListener("htmx:afterRequest", ({ detail: { successful, xhr } }) => {
  clearTimeout(refresh.timer);
  if (successful && live.up) say(words.connected, true);
  else if (!successful && xhr.status !== 401) {
    say(words.reconnecting, false);
    if (live.up) refresh.timer = setTimeout(refresh, AGAIN_AFTER); // else it is asked for every few seconds anyway
  }
  if (!xhr.late) answered(xhr.number);
});

// One's own, or one in which one is present.
const readable = (card) => card?.dataset.mine === "yes" || card?.dataset.reads !== undefined;
const card = (id) => queue.querySelector(`.card[data-id="${CSS.escape(id)}"]`);

// Bring the talks in line with the cards: who owns what is decided by the server alone.
function settle() {
  clockSlip = Number(queue.querySelector(".groups").dataset.now) * 1000 - Date.now();
  for (const [id, talk] of talks) {
    const now = card(id);
    if (readable(now) && talk.over && now.dataset.state === "claimed") begin(talk, now); // it has come back
    else if (readable(now)) talk.refresh(now);
    else talk.taken(now);
    now?.classList.toggle("open", !talk.element.hidden);
    showUnread(talk);
  }
  for (const mine of queue.querySelectorAll('.card[data-mine="yes"], .card[data-reads]')) talkOf(mine);
  // The page comes with them disabled: before there is somebody to hear it, a click would be lost.
  for (const button of queue.querySelectorAll("button[data-act], button[data-hands]")) button.disabled = false;
  bell.settle([...queue.querySelectorAll('.card.p0[data-owned="no"]')]);
  tick();
}

function talkOf(mine) {
  const id = mine.dataset.id;
  if (!talks.has(id)) {
    const talk = new Talk(id, mine, {
      words,
      longest,
      live,
      sealing,
      onEnded: remove,
      onNotice: warn,
      onBack: () => open(null),
      onUnread: showUnread,
    });
    handsInTalk(talk, { after: refresh, warn });
    talk.element.hidden = true;
    talks.set(id, talk);
    pane.append(talk.element);
    htmx.process(talk.element); // which asks for parts of its own
    talk.aids.load();
  }
  return talks.get(id);
}

function begin(talk, now) {
  const shown = !talk.element.hidden;
  talk.element.remove();
  talks.delete(talk.id);
  talkOf(now);
  if (shown) open(talk.id);
}

function open(id) {
  for (const [other, talk] of talks) if (other !== id) talk.element.hidden = true;
  for (const [other, talk] of talks) if (other !== id && talk.over && !readable(card(other))) remove(talk);
  document.getElementById("no-talk").hidden = id !== null;
  document.body.classList.toggle("talking", id !== null);
  for (const one of queue.querySelectorAll(".card")) one.classList.toggle("open", one.dataset.id === id);
  if (id !== null) talks.get(id).show();
}

function remove(talk) {
  const shown = !talk.element.hidden;
  talk.element.remove();
  talks.delete(talk.id);
  if (shown) open(null);
  refresh();
}

function showUnread(talk) {
  const badge = card(talk.id)?.querySelector(".unread");
  if (!badge) return;
  badge.hidden = talk.unread === 0;
  badge.textContent = talk.unread ? counted(words.unread, talk.unread) : "";
}

function warn(code) {
  if (code === "signed-out") return signedOut();
  notice.textContent = words[`problem_${code}`] ?? words.problem_other;
  notice.hidden = false;
  clearTimeout(warn.timer);
  warn.timer = setTimeout(() => (notice.hidden = true), 6000);
  refresh();
}

queue.addEventListener("pointerdown", () => {
  const press = { again: pressed?.again ?? false };
  pressed = press;
  const ended = new AbortController();
  const released = () => {
    ended.abort();
    if (pressed !== press) return;
    pressed = null;
    if (press.again) refresh();
  };
  const after = () => setTimeout(released, 0); // the click comes in the same task as the release, or right after it
  for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, after, { signal: ended.signal });
  setTimeout(released, LONGEST_PRESS);
});

queue.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button) return;
  const { id, epoch } = button.closest(".card").dataset;
  if (button.dataset.act === "claim") {
    if (!sealing) return warn("no-sealing"); // whoever is taken here would write into the void
    button.disabled = true;
    const { ok, code } = await call("POST", `handoffs/${id}/claim`, { epoch: Number(epoch) });
    if (!ok) return warn(code);
    await refresh();
  }
  const mine = card(id);
  if (readable(mine)) {
    talkOf(mine);
    open(id);
  }
});

handsOnCards(queue, {
  warn,
  able: sealing !== null,
  async after(act, id) {
    await refresh();
    if (!["accept", "join", "take-over"].includes(act) || !readable(card(id))) return;
    talkOf(card(id));
    open(id);
  },
});

document.getElementById("sign-out").addEventListener("click", async () => {
  await call("DELETE", "session");
  await signedOut();
});

document.addEventListener("visibilitychange", () => {
  for (const talk of talks.values()) talk.settle();
});

const two = (number) => String(number).padStart(2, "0");

function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

// Only what changes is written: every write lays the card out anew, and there may be two hundred.
function show(time, text) {
  if (time.textContent !== text) time.textContent = text;
}

function tick() {
  const now = Date.now() + clockSlip;
  for (const since of document.querySelectorAll("[data-since]")) show(since, span(now - Date.parse(since.dataset.since)));
  for (const until of document.querySelectorAll("[data-until]")) {
    const left = Date.parse(until.dataset.until) - now;
    show(until, left > 0 ? span(left).replace(/:\d\d$/, "") : words.window_closed);
    until.classList.toggle("late", left < 3600000);
  }
}

leaveWhenSignedOut(signedOut);
htmx.process(queue); // htmx itself begins a moment later, when the page is complete
new Keys({
  queue,
  talk: () => [...talks.values()].find((talk) => !talk.element.hidden),
  back: () => open(null),
  help: document.getElementById("keys"),
  opener: document.getElementById("keys-open"),
});

settle();
setInterval(tick, 1000);
setInterval(() => live.up || refresh(), POLL_EVERY);
setInterval(() => bell.settle([...queue.querySelectorAll('.card.p0[data-owned="no"]')]), 5000);
