/** Each has its catalog beside this file, and `npm run messages` writes those of the last two. */
export const LANGUAGES = [
  "en",
  "de",
  /** For translators and tests alone: accented, bracketed, and 40 % longer than English. */
  "en-XA",
  /** The same for scripts that are read from right to left: English, turned round. */
  "ar-XB",
] as const;

export type Language = (typeof LANGUAGES)[number];

/** What people choose from, unless LANGUAGES names others. */
export const OFFERED_LANGUAGES: readonly Language[] = ["en", "de"];

/** Each in its own words, for who chooses. */
export const NAME_OF_LANGUAGE: Readonly<Record<Language, string>> = {
  en: "English",
  de: "Deutsch",
  "en-XA": "Pseudo, 40 % longer",
  "ar-XB": "Pseudo, right to left",
};

export const isLanguage = (tag: unknown): tag is Language =>
  (LANGUAGES as readonly unknown[]).includes(tag);

/** What the operator offers, and whoever has no language of those is written to in. */
export interface OfferedLanguages {
  readonly languages: readonly Language[];
  readonly defaultLanguage: Language;
}

/** @param tag what somebody once chose; null: nothing @returns it where it is still offered, or the default */
export const languageOrDefault = (
  { languages, defaultLanguage }: OfferedLanguages,
  tag: string | null | undefined,
): Language => languages.find((language) => language === tag) ?? defaultLanguage;

const RIGHT_TO_LEFT = /^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/;

export const directionOf = (language: Language): "ltr" | "rtl" =>
  RIGHT_TO_LEFT.test(language) ? "rtl" : "ltr";

/** What `Intl` writes numbers and dates by: of English, the form with the day first. */
export const localeOf = (language: Language): string => (language === "en" ? "en-GB" : language);
