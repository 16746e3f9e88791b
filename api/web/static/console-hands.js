// How a talk changes hands while somebody is with the person, how bands are changed and numbers blocked.
import { call } from "./console-api.js";
import { noteOf } from "./console-talk.js";

// What stands on a button, as the body of its request.
function bodyOf(button) {
  if (button.dataset.hands === "raise") return { reason: "my_judgement" }; // to the highest band, which is the default
  if (button.dataset.change) return { change: button.dataset.change };
  if (button.dataset.open) return { open: true };
  return {};
}

// The cards: invitations, proposals, a supervisor's acts. `after` is given the act and the id once it has been done; without
// `able` this browser could show nothing of a talk and takes none.
export function handsOnCards(queue, { after, warn, able }) {
  queue.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-hands]");
    if (!button) return;
    const { id, epoch } = button.closest(".card").dataset;
    if (!able && ["accept", "join", "take-over"].includes(button.dataset.hands)) return warn("no-sealing");
    button.disabled = true;
    const { ok, code } = await call("POST", `handoffs/${id}/${button.dataset.hands}`, { ...bodyOf(button), epoch: Number(epoch) });
    if (!ok) return warn(code);
    for (const fold of queue.querySelectorAll(`.card[data-id="${CSS.escape(id)}"] details`)) fold.open = false;
    after(button.dataset.hands, id);
  });
}

// The talk's menu: each form names its act. The talk stays open, for none of these acts ends it.
export function handsInTalk(talk, { after, warn }) {
  async function act(name, body) {
    const { ok, code } = await call("POST", `handoffs/${talk.id}/${name}`, { ...body, epoch: talk.epoch });
    if (!ok) return warn(code);
    talk.element.querySelector(".menu")?.removeAttribute("open");
    after(name, talk.id);
    return true;
  }
  for (const form of talk.element.querySelectorAll(".hands-form")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      await act(form.dataset.hands, Object.fromEntries(new FormData(form)));
      form.reset();
    });
  }
  // To whom: asked for when the menu is opened, since who is on duty changes. Together, or (console-talk.js) without staying.
  const form = talk.element.querySelector(".transfer");
  if (!form) return; // somebody who has left is handed to nobody
  const menu = form.closest(".menu");
  menu.addEventListener("toggle", () => menu.open && htmx.trigger(form.elements.to, "opened"));
  form.elements.to.addEventListener("htmx:afterRequest", ({ detail: { successful, xhr } }) => {
    if (!successful && xhr.status !== 401 && xhr.status !== 404) warn("store-away"); // 404: it is with somebody else by now
  });
  form.querySelector("[data-hands=invite]").addEventListener("click", async () => {
    if (!form.reportValidity()) return;
    const to = form.elements.to.value;
    const note = await noteOf(form, talk.id, to);
    if (!note.ok) return warn(note.code);
    if (await act("invite", { to, ...note.body })) form.querySelector(".handover-note").value = "";
  });
  const now = talk.element.querySelector("button[data-hands=raise]");
  now?.addEventListener("click", () => act("raise", bodyOf(now)));
}

// One key for the gravest: the band of the talk that is open.
export function raiseByKey(event, talk) {
  if (!event.altKey || !event.shiftKey || event.code !== "KeyR" || !talk) return;
  event.preventDefault();
  talk.element.querySelector(".menu button[data-hands=raise]")?.click();
}
