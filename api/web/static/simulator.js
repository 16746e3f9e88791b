// Two simulated phones. Nothing is kept: a reload is a new pair of phones with new numbers.
const PREFIX = { JO: "+96279", QA: "+9743", BH: "+97333", AE: "+97150" };
const LENGTH = { JO: 7, QA: 7, BH: 6, AE: 7 };
let ahead = 0;

const post = (path, what) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what) });

function newNumber(country) {
  let digits = "";
  for (let i = 0; i < LENGTH[country]; i++) digits += Math.floor(Math.random() * 10);
  return PREFIX[country] + digits;
}

class Phone {
  constructor(root, country) {
    this.root = root;
    this.find = (name) => root.querySelector(name);
    this.talk = this.find(".talk");
    this.words = this.find("textarea");
    this.find(".country").value = country;
    this.find(".country").onchange = () => this.begin();
    this.find(".fresh").onclick = () => this.begin();
    this.find(".number").onchange = () => this.begin(this.find(".number").value.trim());
    this.find(".channel").onchange = () => {
      root.dataset.channel = this.channel;
      this.count();
    };
    this.find(".compose").onsubmit = (event) => {
      event.preventDefault();
      this.send();
    };
    this.find(".voice").onclick = () => this.send({ voice: true });
    this.words.oninput = () => this.count();
    this.words.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        this.send();
      }
    };
    this.begin();
  }

  get country() { return this.find(".country").value; }
  get channel() { return this.find(".channel").value; }

  begin(number) {
    this.number = number || newNumber(this.country);
    this.find(".number").value = this.number;
    this.talk.replaceChildren();
    this.find(".lock-line").textContent = "";
    this.after = 0;
    this.writing(0);
    this.turn = (this.turn || 0) + 1;
    this.listen(this.turn);
  }

  async listen(turn) {
    while (turn === this.turn) {
      let answer = null;
      try {
        const response = await fetch(`/simulator/phones/${encodeURIComponent(this.number)}?after=${this.after}&typing=${this.typing}`);
        if (response.ok) answer = await response.json();
      } catch { /* the gateway restarts: look again */ }
      if (turn !== this.turn) return;
      if (answer === null) {
        await new Promise((done) => setTimeout(done, 1500));
        continue;
      }
      this.writing(answer.typing);
      for (const message of answer.messages) {
        this.after = message.number;
        this.show(message.body, false, this.note(message));
        this.find(".lock-line").textContent = message.body.split("\n")[0];
      }
    }
  }

  // As WhatsApp shows it: for 25 s at most, or until a message arrives. By the stand-in's clock, which is this machine's.
  writing(until) {
    this.typing = until;
    clearTimeout(this.stops);
    const line = this.find(".typing-line");
    line.hidden = this.channel !== "whatsapp" || until * 1000 <= Date.now();
    if (!line.hidden) this.stops = setTimeout(() => (line.hidden = true), until * 1000 - Date.now());
  }

  note(message) {
    const at = clock(new Date((message.at + ahead) * 1000));
    if (message.channel !== "sms") return at;
    return `${at} · SMS ${message.parts} × ${message.encoding} (${message.units}) · ≈ $${message.usd}`;
  }

  show(words, mine, note) {
    const bubble = document.createElement("li");
    bubble.dir = "auto";
    bubble.textContent = words;
    if (mine) bubble.className = "mine";
    if (note) {
      const small = document.createElement("small");
      small.dir = "ltr";
      small.textContent = note;
      bubble.append(small);
    }
    this.talk.append(bubble);
    this.talk.scrollTop = this.talk.scrollHeight;
    return bubble;
  }

  async send(extra = {}) {
    const words = extra.voice ? "" : this.words.value.trim();
    if (!words && !extra.voice) return;
    this.words.value = "";
    this.count();
    const bubble = this.show(extra.voice ? "🎤 0:07" : words, true, clock(new Date(Date.now() + ahead * 1000)));
    const response = await post("/simulator/messages", {
      from: this.number, country: this.country, channel: this.channel, body: words, ...extra,
    }).catch(() => null);
    const answer = response && response.ok ? await response.json() : null;
    const note = bubble.querySelector("small");
    note.textContent += answer && answer.status === 200 ? ` ✓ ${answer.ms} ms` : " ✗";
  }

  count() {
    const units = this.words.value.length;
    if (this.channel !== "sms" || !units) {
      this.find(".count").textContent = "";
      return;
    }
    const latin = /^[\n\r\x20-\x7e]*$/.test(this.words.value);
    const [one, many] = latin ? [160, 153] : [70, 67];
    const parts = units <= one ? 1 : Math.ceil(units / many);
    this.find(".count").textContent = `${units} · ${parts} ${latin ? "GSM-7" : "UCS-2"}`;
  }
}

function clock(date) {
  return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function tick() {
  const now = new Date(Date.now() + ahead * 1000);
  document.getElementById("now").textContent = clock(now);
  for (const time of document.querySelectorAll(".lock-time")) time.textContent = clock(now);
}

for (const country of ["JO", "AE"]) {
  const piece = document.getElementById("phone").content.cloneNode(true);
  const root = piece.querySelector(".phone");
  document.getElementById("phones").append(piece);
  new Phone(root, country);
}
for (const button of document.querySelectorAll("[data-move]")) {
  button.onclick = async () => {
    const response = await post("/simulator/clock", { seconds: Number(button.dataset.move) });
    if (response.ok) ahead = (await response.json()).ahead;
    tick();
  };
}
const staff = document.getElementById("staff");
async function showStaff() {
  if (!staff.open) return;
  const response = await fetch("/simulator/staff").catch(() => null);
  if (!response || !response.ok) return;
  const rows = (await response.json()).staff.map((one) => {
    const row = document.createElement("tr");
    for (const what of [one.name, one.role, one.password, one.code]) {
      const cell = document.createElement("td");
      cell.dir = "ltr";
      cell.textContent = what;
      row.append(cell);
    }
    return row;
  });
  staff.querySelector("tbody").replaceChildren(...rows);
}
staff.ontoggle = showStaff;
setInterval(showStaff, 5000);

tick();
setInterval(tick, 5000);
