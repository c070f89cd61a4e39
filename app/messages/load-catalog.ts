import type { Catalog } from "./catalog";
import { isLanguage, type Language } from "./languages";
import { learnLanguage } from "./words";

/** A file each; the build leaves in them what hydrated pages say, and compiles it. */
const files = import.meta.glob<Catalog>("./*.json", { import: "default" });

/** In the browser: fetches the page's language, and no other. */
export async function loadCatalog(tag: string): Promise<void> {
  const language: Language = isLanguage(tag) ? tag : "en";
  const catalog = await files[`./${language}.json`]?.();
  if (catalog) learnLanguage(language, catalog);
}
