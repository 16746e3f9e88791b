// The keyboard. Letters work outside the writing box only; keys with Alt or Ctrl work anywhere. By the place of a key, not
// by its letter, so that they lie on the same keys on an Arabic layout.

// What is open has keys of its own: dialogs and, where there are any, popovers.
const OPEN = CSS.supports("selector(:popover-open)") ? "dialog[open], :popover-open" : "dialog[open]";

export class Keys {
  constructor({ queue, talk, back, help, opener }) {
    Object.assign(this, { queue, talk, back, help });
    opener.addEventListener("click", () => this.showHelp());
    document.addEventListener("keydown", (event) => this.pressed(event));
  }

  pressed(event) {
    if (event.isComposing || event.defaultPrevented || document.querySelector(OPEN)) return;
    const done = event.altKey || event.ctrlKey || event.metaKey ? this.withModifier(event) : this.alone(event);
    if (done) event.preventDefault();
  }

  withModifier({ altKey, ctrlKey, metaKey, shiftKey, code, repeat }) {
    if (repeat) return false;
    const talk = this.talk();
    const alt = altKey && !ctrlKey && !metaKey && !shiftKey;
    const control = (ctrlKey || metaKey) && !altKey && !shiftKey;
    if (control && code === "Slash") return this.showHelp();
    if (!talk) return false;
    if (control && code === "KeyK") return did(talk.aids.openReplies());
    if (alt && code === "KeyE") return did(talk.aids.emergency());
    if (alt && code === "KeyN") return did(talk.aids.numbers());
    if (alt && code === "KeyA") return did(talk.aids.toggle());
    if (alt && code === "KeyW") return did(talk.wrapUp());
    return false;
  }

  alone(event) {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape") return this.escape(typing);
    if (typing) return false;
    if (event.key === "?" || event.key === "؟") return this.showHelp();
    const inTalk = event.target.closest?.(".talks");
    if (event.code === "KeyJ" || (event.key === "ArrowDown" && !inTalk)) return this.move(1);
    if (event.code === "KeyK" || (event.key === "ArrowUp" && !inTalk)) return this.move(-1);
    if (event.code === "KeyW" && this.talk()) return did(this.talk().box.focus());
    return false;
  }

  escape(typing) {
    const talk = this.talk();
    if (!talk || talk.aids.closeOne()) return Boolean(talk);
    const card = this.queue.querySelector(`.card[data-id="${CSS.escape(talk.id)}"] button[data-act]`);
    // Out of the box first: what is written stays, and the next Escape leaves the talk.
    if (typing && card?.offsetParent) return did(card.focus());
    this.back();
    this.queue.querySelector(`.card[data-id="${CSS.escape(talk.id)}"] button[data-act]`)?.focus();
    return true;
  }

  move(by) {
    const buttons = [...this.queue.querySelectorAll(".card button[data-act]:enabled")].filter((one) => one.offsetParent);
    if (!buttons.length) return false;
    const here = document.activeElement.closest(".card button[data-act], .card"); // the card itself, where its button went
    const at = buttons.findIndex((one) => one === here || here?.matches(".card") && here.contains(one));
    const to = at < 0 ? (by > 0 ? 0 : buttons.length - 1) : at + by;
    const next = buttons[Math.max(0, Math.min(buttons.length - 1, to))];
    next.focus();
    next.closest(".card").scrollIntoView({ block: "nearest" });
    return true;
  }

  showHelp() {
    this.help.showModal();
    return true;
  }
}

function did() {
  return true;
}
