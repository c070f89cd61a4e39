import { type Language, localeOf } from "../messages/languages";
import { wordsIn } from "../messages/words";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const formats = new Map<Language, Intl.RelativeTimeFormat>();

function formatOf(language: Language): Intl.RelativeTimeFormat {
  const format =
    formats.get(language) ?? new Intl.RelativeTimeFormat(localeOf(language), { numeric: "always" });
  formats.set(language, format);
  return format;
}

/**
 * Hours up to two days: which day is "tomorrow" depends on where the reader is, and on the clock
 * there, so that no day is named.
 *
 * @param at the moment meant, in ms
 * @param now the moment to tell it from, in ms
 * @returns "3 hours ago", "in 5 minutes", "in 2 days"; a date where that says more
 */
export function relativeTime(at: number, now: number, language: Language): string {
  const difference = at - now;
  const distance = Math.abs(difference);
  // What is done can seem to lie ahead: two clocks never agree to the second.
  if (distance < 45_000)
    return wordsIn(language)(difference > 10_000 ? "time.inAMoment" : "time.justNow");
  if (distance > 60 * DAY_MS)
    return new Intl.DateTimeFormat(localeOf(language), {
      timeZone: "UTC",
      dateStyle: "medium",
    }).format(at);
  const count = (unitMs: number) => Math.round(distance / unitMs);
  const tell = (unit: Intl.RelativeTimeFormatUnit, unitMs: number) =>
    formatOf(language).format(Math.sign(difference) * count(unitMs), unit);
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
 * @returns the moment to the minute, with how far its zone is from UTC: 1 Jun 2025, 16:03 UTC+2
 */
export function clockTime(at: Date, timeZone: string, language: Language): string {
  return new Intl.DateTimeFormat(localeOf(language), {
    timeZone,
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "shortOffset",
  })
    .formatToParts(at)
    .map(({ type, value }) =>
      type === "timeZoneName" ? value.replace("GMT", "UTC").replace(/\+0$/, "") : value,
    )
    .join("");
}
