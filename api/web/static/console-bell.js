// Rings for whoever must not wait: three tones and, where the browser may, a notification whose words say nothing.

const AGAIN = 20000; // as long as somebody waits unanswered

export class Bell {
  constructor(button, words) {
    Object.assign(this, { button, words });
    this.rungFor = new Map(); // id -> how far the ladder had climbed when it rang
    this.last = 0;
    this.sound = null;
    // A browser plays nothing before somebody has touched the page.
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.ready(), { passive: true });
    button.addEventListener("click", () => this.turn());
    this.muted = false;
    this.show();
  }

  ready() {
    this.sound ??= new AudioContext();
    if (this.sound.state === "suspended") this.sound.resume();
  }

  async turn() {
    this.muted = !this.muted;
    if (!this.muted && "Notification" in window && Notification.permission === "default") await Notification.requestPermission();
    if (!this.muted) this.tones();
    this.show();
  }

  show() {
    this.button.textContent = this.muted ? this.words.bell_off : this.words.bell_on;
  }

  // Called with every queue: the cards that wait unanswered at the highest priority.
  settle(cards) {
    const waiting = new Map(cards.map((card) => [card.dataset.id, Number(card.dataset.climbed)]));
    const fresh = [...waiting].some(([id, climbed]) => !(this.rungFor.get(id) >= climbed));
    this.rungFor = waiting;
    if (fresh || (waiting.size && performance.now() - this.last > AGAIN)) this.ring();
  }

  ring() {
    this.last = performance.now();
    document.body.dataset.rung = String(Number(document.body.dataset.rung ?? 0) + 1);
    if (this.muted) return;
    this.tones();
    if ("Notification" in window && Notification.permission === "granted" && document.hidden)
      new Notification(this.words.title, { body: this.words.bell_notice, tag: "hams", renotify: true, icon: "data:," });
  }

  tones() {
    if (this.sound?.state !== "running") return;
    const from = this.sound.currentTime;
    // In a practice world deeper: nobody in the next room is to run for somebody made up.
    const [low, high] = document.body.classList.contains("practice") ? [330, 392] : [660, 880];
    for (const [at, pitch] of [[0, low], [0.22, high], [0.44, low]]) {
      const tone = this.sound.createOscillator();
      const volume = this.sound.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0.0001, from + at);
      volume.gain.exponentialRampToValueAtTime(0.25, from + at + 0.03);
      volume.gain.exponentialRampToValueAtTime(0.0001, from + at + 0.2);
      tone.connect(volume).connect(this.sound.destination);
      tone.start(from + at);
      tone.stop(from + at + 0.21);
    }
  }
}
