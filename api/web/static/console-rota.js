// The rota's page: forms go to the API, then what is shown is fetched anew; forms keep what was typed for the next one.
import { call, leave } from "./console-api.js";

const words = JSON.parse(document.body.dataset.words);
const language = document.documentElement.lang;
const rota = document.getElementById("rota");
const notice = document.getElementById("notice");

const DUTY_EVERY = 30000;
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
  for (const time of rota.querySelectorAll("[data-moment]")) time.textContent = moment.format(new Date(time.dataset.moment));
  for (const time of rota.querySelectorAll("[data-date]")) time.textContent = day.format(new Date(time.dataset.date));
  for (const button of rota.querySelectorAll("button:disabled")) button.disabled = false;
}

async function fetched(path) {
  const response = await fetch(path, { cache: "no-store", credentials: "same-origin" }).catch(() => null);
  if (response?.status === 401 || response?.redirected) leave();
  return response?.ok && !response.redirected ? new DOMParser().parseFromString(await response.text(), "text/html") : null;
}

// Only what is shown is replaced. Who was on a button that went with it goes on at the head of its section.
function redraw(page) {
  const held = document.activeElement?.closest?.("[data-part]")?.dataset.part;
  for (const fresh of page.querySelectorAll("[data-part]")) {
    rota.querySelector(`[data-part="${fresh.dataset.part}"]`)?.replaceWith(fresh);
  }
  settle();
  if (held && !document.activeElement?.closest?.("[data-part]")) document.getElementById(`head-${held}`).focus();
}

async function refresh() {
  const page = await fetched(`/console/rota?lang=${language}`);
  if (page) redraw(page);
  else say(words["problem_store-away"]);
}

async function change(method, path, body) {
  const { ok, code } = await call(method, `rota/${path}`, body);
  if (code === "signed-out") return leave();
  await refresh();
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

document.getElementById("sign-out").addEventListener("click", async () => {
  await call("DELETE", "session");
  leave();
});

setInterval(async () => {
  const page = await fetched(`/console/rota/now?lang=${language}`);
  if (page) redraw(page);
}, DUTY_EVERY);

settle();
