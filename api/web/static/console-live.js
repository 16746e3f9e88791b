// The socket: comes back by itself, tells what arrives, says that somebody is at the screen.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;
const HERE_EVERY = 60000;
const SILENCE = 12000; // the server says something every five seconds

export class Live {
  constructor({ onMessage, onOpen, onDown, onSignedOut }) {
    Object.assign(this, { onMessage, onOpen, onDown, onSignedOut });
    this.wait = FIRST_WAIT;
    this.saidHere = 0;
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.here(), { passive: true });
    addEventListener("online", () => this.again());
    setInterval(() => this.heard && performance.now() - this.heard > SILENCE && this.again(), 2000);
    this.connect();
  }

  // The network went without a word: a browser may take minutes to notice by itself.
  again() {
    const silent = this.socket;
    if (silent.readyState === WebSocket.CONNECTING) return;
    this.heard = 0;
    silent.onclose = silent.onmessage = null;
    silent.close();
    this.onDown();
    this.wait = FIRST_WAIT;
    this.connect();
  }

  get up() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.socket.onopen = () => {
      this.heard = performance.now();
      this.wait = FIRST_WAIT;
      this.onOpen();
    };
    this.socket.onmessage = (event) => {
      this.heard = performance.now();
      const message = JSON.parse(event.data);
      if (message.type !== "tick") this.onMessage(message);
    };
    this.socket.onclose = (event) => {
      this.heard = 0;
      if (event.code === 4401) return this.onSignedOut();
      this.onDown();
      setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    };
  }

  say(message) {
    if (this.up) this.socket.send(JSON.stringify(message));
  }

  here() {
    const now = performance.now();
    if (this.saidHere && now - this.saidHere < HERE_EVERY) return;
    this.saidHere = now;
    this.say({ type: "here" });
  }
}
