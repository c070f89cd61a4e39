const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const format = new Intl.RelativeTimeFormat("en", { numeric: "always" });

/**
 * Hours up to two days: which day is "tomorrow" depends on where the reader is, and on the clock
 * there, so that no day is named.
 *
 * @param at the moment meant, in ms
 * @param now the moment to tell it from, in ms
 * @returns "3 hours ago", "in 5 minutes", "in 2 days"; a date where that says more
 */
export function relativeTime(at: number, now: number): string {
  const difference = at - now;
  const distance = Math.abs(difference);
  // What is done can seem to lie ahead: two clocks never agree to the second.
  if (distance < 45_000) return difference > 10_000 ? "in a moment" : "just now";
  if (distance > 60 * DAY_MS) return new Date(at).toISOString().slice(0, 10);
  const count = (unitMs: number) => Math.round(distance / unitMs);
  const tell = (unit: Intl.RelativeTimeFormatUnit, unitMs: number) =>
    format.format(Math.sign(difference) * count(unitMs), unit);
  if (count(MINUTE_MS) < 60) return tell("minute", MINUTE_MS);
  if (count(HOUR_MS) < 48) return tell("hour", HOUR_MS);
  return tell("day", DAY_MS);
}

/** @returns the exact moment, the same on the server and in every browser: 2025-06-01 14:03:22 UTC */
export function exactTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/**
 * @param timeZone by its IANA name, the reader's; "UTC" on the server, which does not know it
 * @returns the moment to the minute, with how far its zone is from UTC: 2025-06-01 16:03 UTC+2
 */
export function clockTime(at: Date, timeZone: string): string {
  if (timeZone === "UTC") return `${at.toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const parts = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "shortOffset",
  }).formatToParts(at);
  const part = (type: Intl.DateTimeFormatPartTypes) =>
    parts.find((one) => one.type === type)?.value ?? "";
  const zone = part("timeZoneName").replace("GMT", "UTC").replace(/\+0$/, "");
  return `${part("year")}-${part("month")}-${part("day")} ${part("hour")}:${part("minute")} ${zone}`;
}
