// The socket: comes back by itself, tells what arrives, says that somebody is at the screen.

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;
const HERE_EVERY = 60000;

export class Live {
  constructor({ onMessage, onOpen, onDown, onSignedOut }) {
    Object.assign(this, { onMessage, onOpen, onDown, onSignedOut });
    this.wait = FIRST_WAIT;
    this.saidHere = 0;
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.here(), { passive: true });
    this.connect();
  }

  get up() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/api/v1/live`);
    this.socket.onopen = () => {
      this.wait = FIRST_WAIT;
      this.onOpen();
    };
    this.socket.onmessage = (event) => this.onMessage(JSON.parse(event.data));
    this.socket.onclose = (event) => {
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
