import addresses from "virtual:browser-catalogs";
import { isLanguage, type Language } from "./languages";
import { learnLanguage } from "./words";

/** In the browser: fetches what hydrated pages say in the page's language, and no other. */
export async function loadCatalog(tag: string): Promise<void> {
  const language: Language = isLanguage(tag) ? tag : "en";
  const answer = await fetch(addresses[language]);
  learnLanguage(language, await answer.json());
}
