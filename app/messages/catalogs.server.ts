/** Every language, for pages made on the server and for mails. Importing it teaches them all. */
import arXB from "./ar-XB.json";
import type { Catalog } from "./catalog";
import de from "./de.json";
import en from "./en.json";
import enXA from "./en-XA.json";
import type { Language } from "./languages";
import { learnLanguage } from "./words";

export { wordsIn } from "./words";

const catalogs: Record<Language, unknown> = { en, de, "en-XA": enXA, "ar-XB": arXB };

for (const [language, catalog] of Object.entries(catalogs))
  learnLanguage(language as Language, onto(en, catalog) as Catalog);

/** @returns a catalog in which what `over` lacks is said in the language of `base` */
export function onto(base: unknown, over: unknown): unknown {
  if (typeof base !== "object" || base === null) return over ?? base;
  const given = (over ?? {}) as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(base).map(([key, text]) => [key, onto(text, given[key])]),
  );
}
