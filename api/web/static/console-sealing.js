// This browser's key pair: made here, for one session, and never out of here (the private key cannot be exported, the
// server has none). What is sealed to it is opened here; what a colleague is left is sealed here. The forms are those of
// api/handoffs/envelopes.py.
import { call } from "./console-api.js";

const VERSION = 1;
const POINT = 65;
const ID = 16;
const WRAP = 40;
const NONCE = 12;
const CURVE = { name: "ECDH", namedCurve: "P-256" };
const STORE = "keys";
const LONGEST_WAIT = 10000;
const utf8 = new TextEncoder();

const place = (kind, ticket, number) => `hams ${VERSION} ${kind} ${ticket} ${number}`;
const joined = (...parts) => new Uint8Array(parts.flatMap((part) => [...new Uint8Array(part)]));
const hex = (bytes) => [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function toText(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function toBytes(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
}

async function keyId(raw) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", raw)).slice(0, ID);
}

// The key that wraps the content key for one browser.
async function wrappingKey(own, other, { ephemeral, recipient, bound, usage }) {
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: other }, own, 256);
  const base = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const info = utf8.encode(`${bound} ${hex(await keyId(recipient))}`);
  const by = { name: "HKDF", hash: "SHA-256", salt: joined(ephemeral, recipient), info };
  return crypto.subtle.deriveKey(by, base, { name: "AES-KW", length: 256 }, false, [usage]);
}

// One step in the browser's store; it is opened and closed each time, so that nothing keeps it from being deleted. Who only
// wants to wipe makes none: a page that goes away in the middle would leave an empty one behind.
async function inStore(step, { made = true } = {}) {
  const database = await new Promise((done, failed) => {
    const opening = indexedDB.open("hams", 1);
    opening.onupgradeneeded = () => (made ? opening.result.createObjectStore(STORE) : opening.transaction.abort());
    opening.onsuccess = () => done(opening.result);
    opening.onerror = opening.onblocked = () => failed(opening.error ?? new Error("blocked"));
  });
  try {
    return await new Promise((done, failed) => {
      const act = database.transaction(STORE, "readwrite");
      let found;
      act.oncomplete = () => done(found);
      act.onerror = act.onabort = () => failed(act.error ?? new Error("aborted"));
      step(act.objectStore(STORE), (result) => (found = result));
    });
  } finally {
    database.close();
  }
}

// What is kept for this session; a record of another session is not looked at and goes. Two pages that come at the same time
// both end up with the one that was first.
function kept(tag, fresh) {
  return inStore((store, give) => {
    const asked = store.get("own");
    asked.onsuccess = () => {
      if (asked.result?.tag === tag) return give(asked.result);
      if (!fresh) return store.clear();
      store.put(fresh, "own");
      give(fresh);
    };
  });
}

export class Sealing {
  constructor({ pair, raw }) {
    this.pair = pair;
    this.raw = raw;
    this.key = toText(raw);
  }

  // The key pair of this session, made if there is none; null where this browser can make or keep none.
  static async of(tag) {
    if (!tag || !globalThis.crypto?.subtle || !globalThis.indexedDB) return null;
    const stuck = new Promise((done) => setTimeout(done, LONGEST_WAIT, null)); // a store that never answers
    return Promise.race([this.made(tag), stuck]);
  }

  static async made(tag) {
    try {
      const there = await kept(tag, null);
      if (there) return new Sealing(there);
      const pair = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
      const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
      return new Sealing(await kept(tag, { tag, pair, raw }));
    } catch {
      return null; // a private window that keeps no keys, a store that is full or forbidden
    }
  }

  // The words of a letter, or null if it was not meant for this browser, this talk or this place in it.
  async open(letter, kind, ticket, number = 0) {
    try {
      const bytes = toBytes(letter);
      if (bytes[0] !== VERSION) return null;
      let at = 1;
      const next = (length) => bytes.slice(at, (at += length));
      const ephemeral = next(POINT);
      const wrap = next(WRAP);
      const iv = next(NONCE);
      const bound = place(kind, ticket, number);
      const other = await crypto.subtle.importKey("raw", ephemeral, CURVE, false, []);
      const by = await wrappingKey(this.pair.privateKey, other, { ephemeral, recipient: this.raw, bound, usage: "unwrapKey" });
      const content = await crypto.subtle.unwrapKey("raw", wrap, by, "AES-KW", "AES-GCM", false, ["decrypt"]);
      const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: utf8.encode(bound) }, content, bytes.slice(at));
      return new TextDecoder("utf-8", { fatal: true }).decode(opened);
    } catch {
      return null;
    }
  }
}

async function seal(text, kind, ticket, keys) {
  const bound = place(kind, ticket, 0);
  const own = await crypto.subtle.generateKey(CURVE, false, ["deriveBits"]);
  const ephemeral = new Uint8Array(await crypto.subtle.exportKey("raw", own.publicKey));
  const content = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  const wraps = [];
  for (const recipient of keys) {
    const other = await crypto.subtle.importKey("raw", recipient, CURVE, false, []);
    const by = await wrappingKey(own.privateKey, other, { ephemeral, recipient, bound, usage: "wrapKey" });
    wraps.push(await keyId(recipient), await crypto.subtle.wrapKey("raw", content, by, "AES-KW"));
  }
  const iv = crypto.getRandomValues(new Uint8Array(NONCE));
  const box = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: utf8.encode(bound) }, content, utf8.encode(text));
  const count = [keys.length >> 8, keys.length & 255];
  return toText(joined([VERSION], ephemeral, count, ...wraps, iv, box));
}

// A note for a colleague, sealed to their browsers: {ok, note}, or {ok: false, code} with what is in the way.
export async function sealNote(ticket, to, text) {
  const { ok, code, body } = await call("GET", `handoffs/${ticket}/colleagues/${encodeURIComponent(to)}/keys`);
  if (!ok) return { ok, code: code === "not-found" ? "invalid" : code };
  if (!body.keys.length) return { ok: false, code: "no-browser" };
  try {
    return { ok: true, note: await seal(text, "note", ticket, body.keys.map(({ key }) => toBytes(key))) };
  } catch {
    return { ok: false, code: "other" };
  }
}

// Sign-out, and a session that has ended: nothing stays behind. The key of a session begun since is not this page's to wipe.
export async function wipe(tag) {
  if (!globalThis.indexedDB) return;
  try {
    const another = await inStore((store, give) => {
      const asked = store.get("own");
      asked.onsuccess = () => {
        if (tag && asked.result && asked.result.tag !== tag) return give(true);
        store.clear();
      };
    }, { made: false });
    if (another) return;
    await new Promise((done) => {
      const going = indexedDB.deleteDatabase("hams");
      going.onsuccess = going.onerror = going.onblocked = done; // cleared it is in any case
    });
  } catch {
    // there is no store, so nothing in it
  }
}
