// Typing marks: says that one is writing, shows it to whoever reads along. Only that somebody writes, never what.

const SAY_EVERY = 3000;
const SHOWN_FOR = 5000; // a little longer than the next one takes

export class TypingMark {
  constructor(talk) {
    this.talk = talk;
    this.said = -Infinity;
    this.line = talk.element.querySelector(".typing-mark");
    talk.box.addEventListener("input", () => this.say());
  }

  say() {
    const { id, epoch, box, over, reading, live } = this.talk;
    const now = performance.now();
    if (over || reading || !box.value.trim() || now - this.said < SAY_EVERY) return;
    this.said = now;
    live.say({ type: "typing", handoff: id, epoch });
  }

  show() {
    if (this.talk.over || !this.talk.reading) return;
    this.line.hidden = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), SHOWN_FOR);
  }

  hide() {
    this.line.hidden = true;
  }
}
