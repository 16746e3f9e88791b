// The rota's page: forms go to the API, then what is shown is fetched anew; forms keep what was typed for the next one.
import { call, leave } from "./console-api.js";
import { leaveWhenSignedOut, tellTimes } from "./console-fragments.js";
import "./console-signout.js";

const words = JSON.parse(document.body.dataset.words);
const language = document.documentElement.lang;
const rota = document.getElementById("rota");
const notice = document.getElementById("notice");

const locale = language === "ar" ? "ar-JO-u-nu-latn-ca-gregory" : "en-GB";
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const day = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeZone: "UTC" });

function say(text) {
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), 6000);
}

function settle() {
  tellTimes(rota, { moment: (at) => moment.format(at), date: (at) => day.format(at) });
  for (const button of rota.querySelectorAll("button:disabled")) button.disabled = false;
}

// Only what is shown is replaced (hx-select-oob). Who was on a button that went with it goes on at the head of its section.
let held;

rota.addEventListener("htmx:beforeSwap", () => (held = document.activeElement?.closest?.("[data-part]")?.dataset.part));
rota.addEventListener("htmx:afterRequest", ({ detail: { elt, successful, xhr } }) => {
  if (xhr.status === 401) return;
  if (!successful) return elt === rota ? say(words["problem_store-away"]) : undefined; // who is on duty is asked for again anyway
  settle();
  if (held && !document.activeElement?.closest?.("[data-part]")) document.getElementById(`head-${held}`).focus();
  held = null;
});

function drawnAnew() {
  return new Promise((done) => {
    rota.addEventListener("htmx:afterRequest", function answered({ detail }) {
      if (detail.elt !== rota) return;
      rota.removeEventListener("htmx:afterRequest", answered);
      done();
    });
    htmx.trigger(rota, "changed");
  });
}

async function change(method, path, body) {
  const { ok, code } = await call(method, `rota/${path}`, body);
  if (code === "signed-out") return leave();
  await drawnAnew();
  say(ok ? words.rota_done : (words[`rota_problem_${code}`] ?? words[`problem_${code}`] ?? words.problem_other));
}

const whole = rota.querySelector("input[name=whole]");
whole.addEventListener("change", () => {
  for (const name of ["from", "to"]) {
    const hour = whole.form.elements[name];
    hour.disabled = whole.checked;
    hour.required = !whole.checked;
  }
});

const asked = {
  shifts(form) {
    const days = [...form.querySelectorAll("[name=days]:checked")].map((tick) => tick.value);
    const { from, to } = whole.checked ? { from: "00:00", to: "24:00" } : { from: form.elements.from.value, to: form.elements.to.value };
    return { staff: form.elements.staff.value, desk: form.elements.desk.value, days, from, to };
  },
  leave(form) {
    const at = (name) => new Date(form.elements[name].value).toISOString();
    return { staff: form.elements.staff.value, from: at("from"), until: at("until") };
  },
  competences(form) {
    return { staff: form.elements.staff.value, code: form.elements.code.value, expires_on: form.elements.expires_on.value };
  },
};

rota.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button[type=submit]");
  if (button.disabled) return;
  button.disabled = true;
  await change("POST", event.target.dataset.add, asked[event.target.dataset.add](event.target));
  button.disabled = false;
  button.focus();
});

rota.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-remove]");
  if (!button) return;
  button.setAttribute("aria-busy", "true"); // stays focusable: the focus must not be lost before the section is drawn anew
  if (button.dataset.asked) return;
  button.dataset.asked = "yes";
  await change("DELETE", button.dataset.remove);
});

leaveWhenSignedOut();
htmx.process(rota);
settle();
