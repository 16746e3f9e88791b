// One live talk: the words are in this page's memory and nowhere else; they go when the talk or the page does.
import { Aids } from "./console-aids.js";
import { call } from "./console-api.js";
import { sealNote } from "./console-sealing.js";
import { TypingMark } from "./console-typing.js";

// safety.md: a bare 0 or x exits everywhere, so a counsellor is warned before asking for such an answer.
const COULD_EXIT = /(^|[^\p{L}\p{N}])(0|٠|۰|x|X|✖)($|[^\p{L}\p{N}])/u;

const AGAIN_EVERY = 2000;
const GIVEN_UP_AFTER = 600000;

// The template does not know yet whose talk it is going to be.
function ofTalk(element, id) {
  for (const name of ["id", "hx-get"]) {
    for (const part of element.querySelectorAll(`[${name}*="{id}"]`)) part.setAttribute(name, part.getAttribute(name).replace("{id}", id));
  }
}

export class Talk {
  constructor(id, card, { words, longest, live, sealing, onEnded, onNotice, onBack, onUnread }) {
    Object.assign(this, { id, words, longest, live, sealing, onEnded, onNotice, onBack, onUnread });
    this.opening = Promise.resolve();
    this.shown = new Set();
    this.marks = new Map();
    this.owed = [];
    this.unread = 0;
    this.over = false;
    this.sending = Promise.resolve();
    this.element = document.getElementById("talk-template").content.firstElementChild.cloneNode(true);
    this.element.dataset.handoff = id;
    ofTalk(this.element, id);
    this.list = this.element.querySelector(".words");
    this.banner = this.element.querySelector(".talk-banner");
    this.write = this.element.querySelector(".write");
    this.box = this.write.elements.text;
    this.warning = this.element.querySelector(".exit-warning");
    this.aids = new Aids(this);
    this.typing = new TypingMark(this);
    this.listen();
    this.refresh(card);
  }

  // The card in the queue is the truth about who owns this and under which epoch.
  refresh(card) {
    const facts = this.element.querySelector(".talk-facts");
    const known = card.querySelector(".where").textContent + card.querySelector(".chips").textContent;
    const read = this.reading;
    this.reading = card.dataset.mine !== "yes"; // present beside the owner, who alone writes and acknowledges
    if (known !== this.known) this.aids.stale();
    if (read !== undefined && read !== this.reading && !this.element.hidden) this.aids.show();
    this.known = known;
    facts.replaceChildren(...[".card-top", ".where", ".chips"].map((part) => card.querySelector(part).cloneNode(true)));
    const epoch = Number(card.dataset.epoch);
    const changed = epoch !== this.epoch;
    this.epoch = epoch;
    this.element.classList.toggle("reading", this.reading);
    if (!this.over) {
      this.element.querySelector(".not-now-warning").hidden = card.dataset.notNow === undefined;
      this.element.querySelector(".bot-goes-on").hidden = card.dataset.answered !== undefined;
    }
    this.element.querySelector(".safe-contact").hidden = card.dataset.state !== "left" || card.dataset.safeContact === undefined;
    if (card.dataset.state === "left") this.left();
    else if (changed) this.watch();
  }

  watch() {
    if (!this.over) this.live.say({ type: "watch", handoff: this.id, epoch: this.epoch });
  }

  get visible() {
    return !this.element.hidden && document.visibilityState === "visible";
  }

  show() {
    this.element.hidden = false;
    this.settle();
    this.aids.show();
    this.list.scrollTop = this.list.scrollHeight;
    if (!this.over && matchMedia("(min-width: 60rem)").matches) this.box.focus();
  }

  // Words are acknowledged once they stand on a screen somebody can see, not before.
  settle() {
    if (!this.visible) return;
    for (const seq of this.reading ? [] : this.owed.splice(0)) this.live.say({ type: "ack", handoff: this.id, seq });
    if (this.noteShown && !this.reading) {
      this.noteShown = false;
      this.live.say({ type: "note_read", handoff: this.id });
    }
    this.unread = 0;
    this.onUnread(this);
  }

  // What comes is opened one after the other: it stands in the order in which it came, however long one of them takes.
  inTurn(step) {
    this.opening = this.opening.then(() => (this.over ? undefined : step()));
  }

  async opened(sealed, kind, number) {
    return this.sealing && sealed ? this.sealing.open(sealed, kind, this.id, number) : null;
  }

  heard(message) {
    this.inTurn(async () => {
      const { seq, id, sealed } = message;
      const text = this.shown.has(id) ? "" : await this.opened(sealed, "words", seq);
      if (this.over) return;
      if (text !== null) return this.stands({ seq, id, text });
      this.missing(seq);
      if (!this.reading) this.live.say({ type: "unopened", handoff: this.id, seq });
    });
  }

  stands({ seq, id, text }) {
    if (!this.shown.has(id)) {
      this.shown.add(id);
      this.shown.add(`seq-${seq}`);
      this.add("theirs", text).dataset.seq = seq;
      this.unread += 1;
      this.onUnread(this);
    }
    this.owed.push(seq);
    this.settle();
  }

  // What the owner wrote, for whoever reads along.
  said({ seq, sealed }) {
    this.inTurn(async () => {
      const text = this.shown.has(`said-${seq}`) ? null : await this.opened(sealed, "said", seq);
      if (this.over || text === null) return;
      this.shown.add(`said-${seq}`);
      this.add("ours", text);
    });
  }

  // What the colleague before left for whoever goes on. It goes once it stands on a screen somebody can see.
  noted({ id, sealed }) {
    this.inTurn(async () => {
      if (this.shown.has(id)) return;
      const text = await this.opened(sealed, "note");
      if (this.over) return;
      this.shown.add(id);
      if (text === null) return void this.add("lapsed", this.words.note_lapsed);
      const note = this.add("note", text, this.words.note_gone);
      note.setAttribute("aria-label", this.words.note_for_you);
      note.dataset.heading = this.words.note_for_you;
      this.noteShown = true;
      this.unread += 1;
      this.onUnread(this);
      this.settle();
    });
  }

  // How far one of ours has come. The phone's answers arrive in any order; the server lets none go back.
  mark(message) {
    const item = this.list.querySelector(`.ours[data-seq="${Number(message.seq)}"]`);
    if (!item) return void this.marks.set(message.seq, message);
    const failed = message.mark === "undelivered";
    item.classList.toggle("failed", failed);
    item.querySelector("small").textContent = this.words[`mark_${message.mark}${failed ? `_${message.reason}` : ""}`] ?? "";
  }

  lapsed({ seq }) {
    this.inTurn(() => this.missing(seq));
  }

  missing(seq) {
    if (this.shown.has(`seq-${seq}`)) return;
    this.shown.add(`seq-${seq}`);
    this.add("lapsed", this.words.lapsed);
  }

  // safety.md: after an exit nothing is sent and nothing of the talk stays.
  left() {
    if (this.over) return;
    this.end(this.words.left_banner);
    this.write.remove();
    this.element.querySelector(".menu").remove();
  }

  taken(card) {
    if (this.over) return;
    const owner = card?.dataset.owner ? ` ${this.words.now_with} \u2068${card.dataset.owner}\u2069.` : "";
    this.end(this.words.taken_banner + owner);
    for (const mark of this.element.querySelectorAll(".chip.present")) mark.remove(); // who reads there now is not known here
    for (const part of [".write", ".menu", ".close", ".safe-contact"]) this.element.querySelector(part)?.remove();
  }

  end(words) {
    const unsent = this.list.querySelector(".waits") !== null;
    this.over = true;
    this.aids.end();
    this.typing.hide();
    this.owed = [];
    this.box.value = "";
    this.list.replaceChildren();
    this.banner.textContent = unsent ? `${words} ${this.words.unsent_banner}` : words;
    this.banner.hidden = false;
  }

  add(kind, text, state) {
    const near = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const item = document.createElement("li");
    item.className = kind;
    const bubble = document.createElement("p");
    bubble.dir = "auto";
    bubble.textContent = text;
    item.append(bubble);
    if (state !== undefined) {
      const note = document.createElement("small");
      note.textContent = state;
      item.append(note);
    }
    this.list.append(item);
    if (near || kind === "ours") this.list.scrollTop = this.list.scrollHeight;
    return item;
  }

  async send() {
    const text = this.box.value.trim();
    if (!text) return;
    const parts = await this.aids.parts(text); // shown before sending where they are several
    if (!parts || this.over) return;
    if (parts.some((part) => part.length > this.longest)) {
      this.warning.textContent = this.words.too_long;
      this.warning.hidden = false;
      return;
    }
    this.box.value = "";
    this.look();
    const items = parts.map((part) => this.add("ours", part, this.words.state_sending));
    // One after the other: what is written first arrives first.
    this.sending = this.sending.then(async () => {
      for (const [at, part] of parts.entries()) {
        if (this.over) return;
        const { ok, code, body } = await this.deliver(part, items[at]);
        if (this.over) return;
        const state = ok ? body.state : code === "store-away" ? "lapsed" : "failed";
        items[at].classList.remove("waits");
        items[at].classList.add(state === "lapsed" ? "failed" : state);
        items[at].querySelector("small").textContent = this.words[`state_${state}`] ?? state;
        if (ok) {
          items[at].dataset.seq = body.seq;
          if (this.marks.has(body.seq)) this.mark(this.marks.get(body.seq)); // the phone was quicker than our answer
        }
        if (!ok) this.onNotice(code);
        if (ok && state !== "failed" && state !== "refused") continue;
        // Somebody joined in that instant, or it is more than the channel takes: the words are not lost, to be sent again by whoever sees that.
        if (["stale-epoch", "invalid"].includes(code) && !this.over && !this.box.value) this.box.value = parts.slice(at).join(" ");
        // A text with a hole in it says something else: what comes after is not sent.
        for (const item of items.slice(at + 1)) {
          item.classList.add("failed");
          item.querySelector("small").textContent = this.words.not_sent_rest;
        }
        return;
      }
    });
  }

  // While the network is away the words wait and are sent again under one id, so that they arrive once. What nobody heard of
  // for as long as the other side's words are kept is given up: it would answer something else by then.
  async deliver(text, item) {
    const id = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const until = performance.now() + GIVEN_UP_AFTER;
    for (;;) {
      const answer = await call("POST", `handoffs/${this.id}/messages`, { text, epoch: this.epoch, id });
      if (answer.code !== "store-away" || this.over || performance.now() > until) return answer;
      item.classList.add("waits");
      item.querySelector("small").textContent = this.words.state_waits;
      await new Promise((later) => setTimeout(later, AGAIN_EVERY));
    }
  }

  look() {
    const risky = COULD_EXIT.test(this.box.value);
    this.warning.textContent = risky ? this.words.exit_warning : "";
    this.warning.hidden = !risky;
    this.aids.look();
  }

  wrapUp() {
    this.element.querySelector(".close")?.elements.outcome.focus();
  }

  listen() {
    this.write.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.box.addEventListener("input", () => this.look());
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.send();
      }
    });
    const close = this.element.querySelector(".close");
    const wrapUp = close.querySelector(".wrap-up");
    close.addEventListener("submit", (event) => {
      event.preventDefault();
      const done = [...close.querySelectorAll("[name=done]:checked")].map((box) => box.value);
      this.act("close", { outcome: close.elements.outcome.value, done, ask: close.elements.ask.checked });
    });
    close.addEventListener("change", () => (wrapUp.hidden = !close.elements.outcome.value));
    close.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !close.contains(event.relatedTarget)) wrapUp.hidden = true;
    });
    close.addEventListener("focusin", () => (wrapUp.hidden = !close.elements.outcome.value));
    close.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      wrapUp.hidden = true;
      this.box.focus();
    });
    this.element.querySelector(".transfer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.handOn(event.target);
    });
    this.element.addEventListener("click", (event) => {
      const act = event.target.closest("[data-act]")?.dataset.act;
      if (act === "release") this.act("release", {});
      if (act === "back") this.onBack();
    });
  }

  async handOn(form) {
    const to = form.elements.to.value;
    const note = await noteOf(form, this.id, to);
    if (!note.ok) return this.onNotice(note.code);
    this.act("transfer", { to, ...note.body });
  }

  async act(name, body) {
    const { ok, code } = await call("POST", `handoffs/${this.id}/${name}`, { ...body, epoch: this.epoch });
    if (!ok) return this.onNotice(code);
    this.live.say({ type: "unwatch", handoff: this.id });
    this.onEnded(this);
  }
}

// The note of a form by which somebody is handed on. Its box has no name: it is in no form's data and goes nowhere unsealed.
export async function noteOf(form, ticket, to) {
  const text = form.querySelector(".handover-note")?.value.trim();
  if (!text) return { ok: true, body: {} };
  const { ok, code, note } = await sealNote(ticket, to, text);
  return ok ? { ok, body: { note } } : { ok, code };
}
