import { describe, expect, it } from "vitest";
import { DEFAULT_MAX_ATTEMPTS, retryDelaySeconds } from "../../../app/jobs/retry-delay.server";

const middle = (attempt: number) => retryDelaySeconds(attempt, () => 0.5);

describe("the wait before a mail is tried again", () => {
  it("starts at a minute, doubles, and stops growing at an hour", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 30].map(middle)).toEqual([
      60, 120, 240, 480, 960, 1920, 3600, 3600, 3600,
    ]);
  });

  it("differs by up to a fifth, so that mails do not come back all at once", () => {
    expect(retryDelaySeconds(3, () => 0)).toBeCloseTo(192);
    expect(retryDelaySeconds(3, () => 1)).toBeCloseTo(288);
    expect(new Set(Array.from({ length: 20 }, () => retryDelaySeconds(3))).size).toBeGreaterThan(1);
  });

  it("adds up to about a day before a mail has failed", () => {
    const waits = Array.from({ length: DEFAULT_MAX_ATTEMPTS - 1 }, (_, index) => middle(index + 1));
    const hours = waits.reduce((sum, wait) => sum + wait, 0) / 3600;
    expect(hours).toBeGreaterThan(23);
    expect(hours).toBeLessThan(26);
  });
});
