import { describe, expect, it } from "vitest";
import "../../../app/messages/catalogs.server";
import { clockTime, exactTime, relativeTime } from "../../../app/components/relative-time";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const now = Date.parse("2030-01-01T08:00:00Z");
const tell = (distance: number) => relativeTime(now + distance, now, "en");

describe("a moment told from now", () => {
  it("is never called tomorrow or yesterday, which depend on where the reader is", () => {
    // From 08:00, an expiry at 20:06 is the same day's.
    expect(tell(12 * HOUR + 6 * MINUTE)).toBe("in 12 hours");
    for (let hours = -72; hours <= 72; hours++)
      expect(tell(hours * HOUR)).not.toMatch(/tomorrow|yesterday|today/);
  });

  it.each([
    [0, "just now"],
    [-44 * SECOND, "just now"],
    [10 * SECOND, "just now"],
    [44 * SECOND, "in a moment"],
    [45 * SECOND, "in 1 minute"],
    [-45 * SECOND, "1 minute ago"],
    [31 * MINUTE, "in 31 minutes"],
    [59 * MINUTE + 29 * SECOND, "in 59 minutes"],
    [59 * MINUTE + 30 * SECOND, "in 1 hour"],
    [-90 * MINUTE, "2 hours ago"],
    [23 * HOUR, "in 23 hours"],
    [24 * HOUR, "in 24 hours"],
    [36 * HOUR, "in 36 hours"],
    [47 * HOUR + 29 * MINUTE, "in 47 hours"],
    [47 * HOUR + 30 * MINUTE, "in 2 days"],
    [-47 * HOUR - 29 * MINUTE, "47 hours ago"],
    [-48 * HOUR, "2 days ago"],
    [7 * DAY - SECOND, "in 7 days"],
    [60 * DAY, "in 60 days"],
    [60 * DAY + 1, "2 Mar 2030"],
  ])("%i ms away, is %s", (distance, words) => {
    expect(tell(distance)).toBe(words);
  });
});

describe("a moment by the clock", () => {
  const at = new Date("2030-06-30T22:05:09Z");

  it("is told in the reader's time zone, and says in which", () => {
    expect(clockTime(at, "UTC", "en")).toBe("30 Jun 2030, 22:05 UTC");
    expect(clockTime(at, "Europe/Berlin", "en")).toBe("1 Jul 2030, 00:05 UTC+2");
    expect(clockTime(at, "America/New_York", "en")).toBe("30 Jun 2030, 18:05 UTC-4");
    expect(clockTime(at, "Asia/Kolkata", "en")).toBe("1 Jul 2030, 03:35 UTC+5:30");
    expect(clockTime(at, "Europe/London", "en")).toBe("30 Jun 2030, 23:05 UTC+1");
    expect(clockTime(new Date("2030-01-01T00:00:00Z"), "Europe/London", "en")).toBe(
      "1 Jan 2030, 00:00 UTC",
    );
  });

  it("is told as the reader's language writes it", () => {
    expect(clockTime(at, "Europe/Berlin", "de")).toBe("1. Juli 2030, 00:05 UTC+2");
    expect(relativeTime(now - 2 * DAY, now, "de")).toBe("vor 2 Tagen");
    expect(relativeTime(now, now, "de")).toBe("gerade eben");
  });

  it("is told to the second in UTC, for whoever compares it with a log", () => {
    expect(exactTime(at)).toBe("2030-06-30 22:05:09 UTC");
  });
});
