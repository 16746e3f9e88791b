// What all parts that the server renders and htmx puts in place have in common. Which part is asked for when stands in the
// templates; htmx and Idiomorph are those of vendor/, loaded before this.
import { leave } from "./console-api.js";

// Written as soon as htmx is there, whether it looks after the history or not. Nothing of ours is kept in a browser.
sessionStorage.removeItem("htmx-current-path-for-history");

// Who is signed out leaves. Elsewhere an answer that is no part leaves what is shown as it is.
export function leaveWhenSignedOut(act = leave) {
  document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.xhr.status !== 401) return;
    detail.isError = false;
    act();
  });
}

// What the page wrote into a fragment's moments: they are told by the clock of this device.
export function tellTimes(within, formats) {
  for (const [name, format] of Object.entries(formats)) {
    for (const time of within.querySelectorAll(`time[data-${name}]`)) time.textContent = format(new Date(time.dateTime));
  }
}

// The queue's way of being drawn anew: a card that stands as it stood is not touched, one that changed changes where it
// stands. So the focus, what is unfolded and what is being read stay, and of two hundred cards one costs as much as of ten.
const came = new WeakMap(); // each card as the server drew it

htmx.defineExtension("cards", {
  handleSwap(style, target, fragment) {
    if (style !== "cards") return false;
    const there = target.querySelector(".groups");
    if ([...fragment.querySelectorAll("[data-kept]")].some((kept) => !target.querySelector(`#${kept.id}`))) {
      delete there.dataset.drawn; // not the page the server takes this for: all of it, please
      setTimeout(() => htmx.trigger(target, "changed"), 0);
      return true;
    }
    Idiomorph.morph(there, fragment.querySelector(".groups"), {
      callbacks: {
        beforeNodeMorphed(card, fresh) {
          if (!fresh.matches?.(".card")) return true;
          if (fresh.dataset.kept !== undefined) return false;
          const drawn = fresh.outerHTML;
          if (came.get(card) === drawn) return false;
          came.set(card, drawn);
          return true;
        },
        // Unfolded by hand; and enabled, since somebody is there to hear it.
        beforeAttributeUpdated: (name) => name !== "open" && name !== "disabled",
      },
    });
    return true; // a card asks for nothing by itself: htmx need not look through it
  },
});
