import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readBody } from "../../../app/http/read-body.server";

/** Ample for every form and every script's JSON; SECURITY.md says it. */
const MAX_BODY_BYTES = 65_536;

interface Sent {
  request: Request;
  /** How many bytes were asked for so far. */
  pulled(): number;
  cancelled(): boolean;
}

/** A request whose body comes in pieces, as a chunked one does. */
function send(pieces: Iterable<Uint8Array>, headers: Record<string, string> = {}): Sent {
  const iterator = pieces[Symbol.iterator]();
  let pulled = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = iterator.next();
        if (done) return controller.close();
        pulled += value.byteLength;
        controller.enqueue(value);
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const init = { method: "PUT", body, headers, duplex: "half" };
  return {
    request: new Request("https://setpass.example.org/", init as RequestInit),
    pulled: () => pulled,
    cancelled: () => cancelled,
  };
}

const filler = (bytes: number) => new Uint8Array(bytes).fill(0x61);
const tooLarge = { ok: false, reason: "too-large" };

describe("a body", () => {
  it("is read whole, whatever pieces it comes in", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", maxLength: 500 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        async (text, sizes) => {
          const bytes = new TextEncoder().encode(text);
          const pieces: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; ) {
            const size = sizes.next().value as number;
            pieces.push(bytes.slice(at, at + size));
            at += size;
          }
          // A byte order mark is no part of a text.
          expect(await readBody(send(pieces).request)).toEqual({
            ok: true,
            text: text.replace(/^\ufeff/, ""),
          });
        },
      ),
    );
  });

  it("is empty where there is none", async () => {
    const request = new Request("https://setpass.example.org/", { method: "PUT" });
    expect(await readBody(request)).toEqual({ ok: true, text: "" });
    expect(await readBody(send([]).request)).toEqual({ ok: true, text: "" });
  });

  it("may hold 64 KiB, to the byte", async () => {
    const whole = await readBody(send([filler(MAX_BODY_BYTES - 1), filler(1)]).request);
    expect(whole.ok && whole.text.length).toBe(MAX_BODY_BYTES);
    expect(await readBody(send([filler(MAX_BODY_BYTES), filler(1)]).request)).toEqual(tooLarge);
  });

  it("is counted in bytes, not in characters", async () => {
    const euros = new TextEncoder().encode("€".repeat(22_000));
    expect(await readBody(send([euros]).request)).toEqual(tooLarge);
  });

  it("is refused before it is read where it says that it is too large", async () => {
    const sent = send([filler(10)], { "Content-Length": String(MAX_BODY_BYTES + 1) });
    expect(await readBody(sent.request)).toEqual(tooLarge);
    expect(sent.pulled()).toBe(0);
  });

  it.each(["0", "5", "-1", "1e3", "x", "65536", "0x10"])(
    "is counted as it comes where its Content-Length lies: %s",
    async (length) => {
      const sent = send([filler(40_000), filler(40_000)], { "Content-Length": length });
      expect(await readBody(sent.request)).toEqual(tooLarge);
      const small = send([filler(10)], { "Content-Length": length });
      expect(await readBody(small.request)).toEqual({ ok: true, text: "aaaaaaaaaa" });
    },
  );

  it("that never ends is given up at the limit, and left to be drained", async () => {
    function* endless() {
      for (;;) yield filler(1000);
    }
    const sent = send(endless());
    expect(await readBody(sent.request)).toEqual(tooLarge);
    expect(sent.pulled()).toBeLessThan(MAX_BODY_BYTES + 2000);
    // To cancel it would be to cut the connection before the answer.
    expect(sent.cancelled()).toBe(false);
    expect(sent.request.body?.locked).toBe(false);
  });

  it("that breaks off is no failure of ours", async () => {
    function* brokenOff() {
      yield filler(10);
      throw Object.assign(new Error("aborted"), { code: "ECONNRESET" });
    }
    expect(await readBody(send(brokenOff()).request)).toEqual({ ok: false, reason: "cut-short" });
  });

  it("is refused where it is not UTF-8", async () => {
    for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0x61, 0xfe, 0x61], [0xc0, 0x80]])
      expect(await readBody(send([Uint8Array.from(bytes)]).request)).toEqual({
        ok: false,
        reason: "not-utf8",
      });
  });
});
