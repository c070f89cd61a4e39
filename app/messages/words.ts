import { createTranslator, IntlErrorCode } from "use-intl/core";
import type { Catalog } from "./catalog";
import { type Language, localeOf } from "./languages";

/**
 * The texts of one language: `words("portal.set.heading")`, with what the text has in braces as the
 * second argument; `words.rich` for those with tags, each given by a function of what is inside.
 */
export type Words = ReturnType<typeof createTranslator<Catalog>>;

const known = new Map<Language, Words>();

/** @param catalog complete: what a translator has not come to yet stands in it in English */
export function learnLanguage(language: Language, catalog: Catalog): void {
  const words = createTranslator({
    locale: localeOf(language),
    messages: catalog,
    timeZone: "UTC",
    onError(error) {
      // A page without a word of it would be worse than one with the key in its place.
      if (error.code !== IntlErrorCode.MISSING_MESSAGE) throw error;
    },
  });
  known.set(language, words);
}

/** @throws where the language was not learnt: see `catalogs.server.ts`, and `entry.client.tsx` */
export function wordsIn(language: Language): Words {
  const words = known.get(language);
  if (!words) throw new Error(`no catalog of ${language} is loaded`);
  return words;
}
