import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  attemptsLeft,
  isClaimed,
  type LinkFacts,
  linkStatus,
} from "../../../app/links/link-status";

const now = new Date("2030-01-01T12:00:00Z");
const limits = { maxAttempts: 3, maxPinGuesses: 10 };
const pending: LinkFacts = {
  state: "pending",
  expiresAt: new Date(now.getTime() + 1),
  attempts: 0,
  pinGuesses: 0,
};
const status = (facts: Partial<LinkFacts>) => linkStatus({ ...pending, ...facts }, limits, now);

describe("a link's status", () => {
  it("is pending until the moment it expires, not a moment longer", () => {
    expect(status({})).toBe("pending");
    expect(status({ expiresAt: now })).toBe("expired");
    expect(status({ expiresAt: new Date(now.getTime() - 1) })).toBe("expired");
  });

  it("is locked after so many wrong PINs, on this link or on all links of this PIN", () => {
    expect(status({ attempts: 2 })).toBe("pending");
    expect(status({ attempts: 3 })).toBe("locked");
    expect(status({ attempts: 4 })).toBe("locked");
    expect(status({ pinGuesses: 9 })).toBe("pending");
    expect(status({ pinGuesses: 10 })).toBe("locked");
  });

  it("is locked rather than expired, because renewing must not give the guesses back", () => {
    expect(status({ attempts: 3, expiresAt: now })).toBe("locked");
  });

  it("is completed or revoked for good, whatever the clock and the counters say", () => {
    for (const state of ["completed", "revoked"] as const)
      expect(status({ state, attempts: 99, pinGuesses: 99, expiresAt: new Date(0) })).toBe(state);
  });
});

describe("a redemption under way", () => {
  it("is one until its lease is over, and none where there was none", () => {
    const until = (ms: number) => isClaimed({ claimedUntil: new Date(now.getTime() + ms) }, now);
    expect(until(1)).toBe(true);
    expect(until(0)).toBe(false);
    expect(until(-1)).toBe(false);
    expect(isClaimed({ claimedUntil: null }, now)).toBe(false);
  });
});

describe("the attempts left", () => {
  const left = (attempts: number, pinGuesses: number) =>
    attemptsLeft({ ...pending, attempts, pinGuesses }, limits);

  it("are what the nearer of the two limits leaves", () => {
    expect(left(0, 0)).toBe(3);
    expect(left(1, 1)).toBe(2);
    expect(left(0, 9)).toBe(1);
    expect(left(2, 9)).toBe(1);
    expect(left(3, 3)).toBe(0);
    expect(left(0, 10)).toBe(0);
  });

  it("are none exactly where the link is locked", () => {
    const counter = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(counter, counter, (attempts, pinGuesses) => {
        const locked = status({ attempts, pinGuesses }) === "locked";
        expect(left(attempts, pinGuesses) === 0).toBe(locked);
        expect(left(attempts, pinGuesses)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
