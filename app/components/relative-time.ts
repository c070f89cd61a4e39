const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/**
 * @param at the moment meant, in ms
 * @param now the moment to tell it from, in ms
 * @returns "3 hours ago", "in 5 minutes", "yesterday"; a date where that says more
 */
export function relativeTime(at: number, now: number): string {
  const difference = at - now;
  const distance = Math.abs(difference);
  // What is done can seem to lie ahead: two clocks never agree to the second.
  if (distance < 45_000) return difference > 10_000 ? "in a moment" : "just now";
  if (distance > 60 * 86_400_000) return new Date(at).toISOString().slice(0, 10);
  for (const [unit, ms] of UNITS) {
    const count = Math.round(difference / ms);
    if (Math.abs(count) >= 1) return format.format(count, unit);
  }
  return format.format(Math.sign(difference), "minute");
}

/** @returns the exact moment, the same on the server and in every browser: 2025-06-01 14:03:22 UTC */
export function exactTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
