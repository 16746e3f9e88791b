// Working aids of one talk: replies, numbers, what is known, the plan. They only ever put words into the writing box.
import { call } from "./console-api.js";

const BLANK = /\{[^{}\n]{1,24}\}/;
const NUMBER = /(?:[+٠-٩۰-۹\d][ -]?){3,}/;
const LINK = /https?:\/\/|\bwww\.|\bwa\.me\b/i;
const AGAIN_AFTER = 3000;
const ASKED_FOR = 5000; // later it would surprise
const UNSURE_LENGTH = 60; // until it is known what the channel takes, the server is asked from here on
const WIDE = matchMedia("(min-width: 75rem)");

export class Aids {
  constructor(talk) {
    this.talk = talk;
    const { element } = talk;
    const part = (name) => element.querySelector(name);
    this.panel = part(".aids");
    this.here = part(".aids-here");
    this.finder = part(".replies");
    this.find = part(".replies-find");
    this.split = part(".split");
    this.warning = part(".aid-warning");
    this.said = part(".aid-said");
    this.find.setAttribute("aria-controls", part(".replies-list").id);
    this.loaded = false;
    this.wanted = null; // whether the panel is to be open; until somebody says, the width decides
    this.asking = false;
    this.here.addEventListener("htmx:beforeSwap", ({ detail }) => {
      this.scrolled = this.panel.scrollTop;
      if (talk.over) detail.shouldSwap = false;
    });
    this.here.addEventListener("htmx:afterRequest", (event) => this.came(event.detail));
    this.finder.addEventListener("pointerdown", (event) => {
      if (event.target.closest("[role=listbox]")) event.preventDefault(); // the focus stays where one types
    });
    this.finder.addEventListener("click", (event) => this.take(event.target.closest("[role=option]")));
    element.addEventListener("click", (event) => this.clicked(event));
    this.panel.addEventListener("change", (event) => this.ticked(event));
    this.find.addEventListener("input", () => this.filter());
    this.find.addEventListener("keydown", (event) => this.steer(event));
    this.finder.addEventListener("focusout", (event) => {
      if (!this.finder.contains(event.relatedTarget)) this.closeReplies(false);
    });
    talk.box.addEventListener("keydown", (event) => {
      if (event.key === "/" && !talk.box.value && !event.ctrlKey && !event.altKey && !event.metaKey) {
        event.preventDefault();
        this.openReplies();
      }
    });
    talk.box.addEventListener("input", () => (this.said.textContent = ""));
    WIDE.addEventListener("change", () => this.talk.element.isConnected && this.settlePanel()); // a tablet that is turned
  }

  // -- what the server knows -------------------------------------------------------------------------------

  stale() {
    this.loaded = false;
    if (!this.talk.element.hidden) this.load();
  }

  load() {
    if (this.loaded || this.talk.over || this.talk.reading || !this.here.isConnected) return;
    this.loaded = true;
    htmx.trigger(this.here, "wanted");
  }

  came({ successful, xhr }) {
    if (this.talk.over || xhr.status === 204 || xhr.status === 404) return; // the queue says so too, if it is somebody else's
    const body = this.here.querySelector(".aids-body");
    if (!successful || !body) {
      this.loaded = false;
      this.said.textContent = this.talk.words.aids_away;
      setTimeout(() => this.load(), AGAIN_AFTER);
      return;
    }
    if (this.said.textContent === this.talk.words.aids_away) this.said.textContent = "";
    this.limits = { whole: Number(body.dataset.whole), numbers: body.dataset.numbers === "yes", links: body.dataset.links === "yes" };
    this.panel.scrollTop = this.scrolled;
    if (!this.finder.hidden) this.filter();
    this.look();
    const asked = this.asked; // a key that was quicker than what it asks for
    this.asked = null;
    if (asked && performance.now() < asked.until) this.reply(asked.code);
  }

  show() {
    this.load();
    this.settlePanel();
  }

  end() {
    this.settlePanel();
    this.panel.remove();
    this.closeSplit();
    this.closeReplies(false);
    this.here.replaceChildren();
  }

  // -- the panel -------------------------------------------------------------------------------------------

  settlePanel() {
    const open = !this.talk.over && !this.talk.reading && (this.wanted ?? WIDE.matches);
    this.panel.hidden = !open;
    this.talk.element.classList.toggle("with-aids", open);
    this.talk.element.querySelector(".aids-bar [data-aid=panel]")?.setAttribute("aria-expanded", String(open));
    return open;
  }

  toggle() {
    this.wanted = this.panel.hidden;
    if (this.settlePanel()) this.panel.querySelector(".aids-close").focus();
    else this.talk.box.focus();
  }

  async ticked(event) {
    const box = event.target;
    if (box.type !== "checkbox") return;
    const { id, epoch } = this.talk;
    const { ok, code } = await call("PUT", `handoffs/${id}/plan/${box.name}`, { talked: box.checked, epoch });
    if (ok) return;
    box.checked = !box.checked;
    this.talk.onNotice(code);
  }

  clicked(event) {
    const act = event.target.closest("[data-aid]")?.dataset.aid;
    if (act === "panel") this.toggle();
    else if (act === "replies") this.openReplies();
    else if (act === "emergency") this.emergency();
    else if (act === "put") this.insert(event.target.closest("[data-body]").dataset.body);
    else if (act === "code_word" || act === "duress") this.setUp(event.target.closest("button"), act);
    else if (act === "contact-agree" || act === "contact-back") this.safeContact(act === "contact-agree");
    else if (act === "split-send") this.answer?.(true);
    else if (act === "split-back") this.answer?.(false);
  }

  // Two words for the person: made by the program, put into the box, kept by nobody.
  async setUp(button, kind) {
    button.disabled = true;
    const { id, epoch } = this.talk;
    const { ok, code, body } = await call("POST", `handoffs/${id}/safe-words`, { kind, epoch });
    button.disabled = false;
    if (ok) this.insert(body.body);
    else this.talk.onNotice(code);
  }

  // A number the person agreed to, for after an exit: sealed by the server, gone from the page at once.
  async safeContact(agreed) {
    const field = this.panel.querySelector(".safe-number");
    const number = field.value.replace(/[\s().-]/g, "") || null;
    field.value = "";
    const { id, epoch, words } = this.talk;
    const { ok, code } = agreed
      ? await call("PUT", `handoffs/${id}/safe-contact`, { number, epoch })
      : await call("DELETE", `handoffs/${id}/safe-contact`, { epoch });
    if (!ok) return this.talk.onNotice(code);
    this.said.textContent = agreed ? words.safe_contact_agreed : words.safe_contact_gone;
    this.stale();
  }

  // -- replies ---------------------------------------------------------------------------------------------

  options(all) {
    return [...this.finder.querySelectorAll(all ? "[role=option]" : "[role=option]:not([hidden])")];
  }

  openReplies() {
    if (this.talk.over) return;
    this.load();
    this.closeSplit();
    this.finder.hidden = false;
    this.find.value = "";
    this.filter();
    this.find.focus();
  }

  closeReplies(back = true) {
    if (this.finder.hidden) return false;
    this.finder.hidden = true;
    if (back) this.talk.box.focus();
    return true;
  }

  filter() {
    const wanted = plain(this.find.value).split(/\s+/).filter(Boolean);
    for (const option of this.options(true)) {
      const text = plain(option.textContent);
      option.hidden = !wanted.every((word) => text.includes(word));
    }
    const found = this.options();
    this.finder.querySelector(".replies-none").hidden = found.length > 0 || !this.loaded;
    this.choose(found[0]);
  }

  choose(option) {
    for (const other of this.options(true)) other.setAttribute("aria-selected", String(other === option));
    if (option) {
      this.find.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else this.find.removeAttribute("aria-activedescendant");
  }

  steer(event) {
    if (event.isComposing) return;
    const found = this.options();
    const at = found.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 5, PageUp: at - 5, Home: 0, End: found.length - 1 }[event.key];
    if (event.key === "Enter") this.take(found[at]);
    else if (event.key === "Escape") this.closeReplies();
    else if (to === undefined || !found.length) return;
    else if (event.key.startsWith("Arrow")) this.choose(found[(to + found.length) % found.length]);
    else this.choose(found[Math.max(0, Math.min(found.length - 1, to))]);
    event.preventDefault();
    event.stopPropagation();
  }

  take(option) {
    if (!option) return;
    this.closeReplies(false);
    this.insert(option.querySelector(".said").textContent);
  }

  reply(code) {
    const found = this.options(true).find((option) => option.dataset.code === code);
    if (found) return this.take(found);
    this.said.textContent = this.talk.words.aids_away;
    this.asked = this.here.querySelector(".aids-body") ? null : { code, until: performance.now() + ASKED_FOR };
    this.load();
  }

  emergency() {
    this.reply("reply_emergency");
  }

  numbers() {
    this.reply("reply_numbers");
  }

  // -- the writing box -------------------------------------------------------------------------------------

  // Below what stands there already, never in place of it. Not sent: somebody reads it first.
  insert(body) {
    const { box, words } = this.talk;
    if (this.talk.over) return;
    this.closeSplit();
    if (!WIDE.matches && this.wanted) this.toggle(); // on a small screen the panel lies over the box
    const before = box.value.trimEnd();
    box.value = before ? `${before}\n\n${body}` : body;
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
    this.talk.look();
    this.said.textContent = words.in_the_box;
    this.toBlank();
  }

  toBlank() {
    const blank = BLANK.exec(this.talk.box.value);
    if (blank) this.talk.box.setSelectionRange(blank.index, blank.index + blank[0].length);
    return blank !== null;
  }

  look() {
    const { box, words } = this.talk;
    const blank = BLANK.exec(box.value);
    let warning = blank ? `${words.blank_left} ${blank[0]}` : "";
    if (!warning && this.limits && !this.limits.numbers && NUMBER.test(box.value)) warning = words.numbers_refused;
    if (!warning && this.limits && !this.limits.links && LINK.test(box.value)) warning = words.links_refused;
    this.warning.textContent = warning;
    this.warning.hidden = !warning;
  }

  // The messages a text goes out as; nothing, if it is not to go out as it stands.
  async parts(text) {
    if (this.asking) return null;
    if (this.toBlank()) {
      this.look();
      this.talk.box.focus();
      return null;
    }
    if (text.length <= (this.limits?.whole ?? UNSURE_LENGTH)) return [text];
    this.asking = true;
    this.talk.box.readOnly = true;
    try {
      const { id, epoch } = this.talk;
      const { ok, code, body } = await call("POST", `handoffs/${id}/messages/preview`, { text, epoch });
      if (!ok) {
        if (code === "invalid") this.tooLong();
        else this.talk.onNotice(code);
        return null;
      }
      const parts = body.parts.map((part) => part.text);
      if (parts.length === 1) return parts;
      return (await this.agreed(parts, body.most)) ? parts : null;
    } finally {
      this.asking = false;
      this.talk.box.readOnly = false;
    }
  }

  tooLong() {
    this.warning.textContent = this.talk.words.split_too_many;
    this.warning.hidden = false;
  }

  // Shown before it is sent; Escape goes back to the words as they were.
  agreed(parts, most) {
    const list = this.split.querySelector("ol");
    list.replaceChildren(...parts.map((part) => {
      const item = document.createElement("li");
      item.dir = "auto";
      item.textContent = part;
      return item;
    }));
    const send = this.split.querySelector("[data-aid=split-send]");
    this.split.querySelector(".split-too-many").hidden = parts.length <= most;
    send.hidden = parts.length > most;
    this.split.hidden = false;
    this.split.querySelector("button:not([hidden])").focus();
    return new Promise((resolve) => {
      this.answer = (yes) => {
        this.answer = null;
        this.split.hidden = true;
        list.replaceChildren();
        this.talk.box.focus();
        resolve(yes && !this.talk.over);
      };
    });
  }

  closeSplit() {
    if (!this.answer) return false;
    this.answer(false);
    return true;
  }

  // What Escape closes first; whether there was anything.
  closeOne() {
    if (this.closeReplies() || this.closeSplit()) return true;
    if (this.panel.hidden || WIDE.matches) return false;
    this.toggle();
    return true;
  }
}

// Letters people write for one another count as the same, marks count for nothing.
function plain(text) {
  return text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\u064b-\u065f\u0670\u0640]/g, "")
    .replace(/[أإآٱ]/g, "ا")
    .replace(/ى/g, "ي")
    .replace(/ة/g, "ه");
}
