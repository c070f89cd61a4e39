import type { MetaDescriptor } from "@remix-run/node";
import type { Language } from "../messages/languages";
import { type Words, wordsIn } from "../messages/words";

type Matches = readonly { id: string; data: unknown }[];

const rootOf = (matches: Matches) =>
  matches.find(({ id }) => id === "root")?.data as
    | { brand?: { appName?: string }; language?: Language }
    | undefined;

/**
 * @param language the page's own, where it is not what its reader asked for
 * @returns the texts for a page's title, which is made outside of what React renders
 */
export const wordsOfPage = (matches: Matches, language = rootOf(matches)?.language): Words =>
  wordsIn(language ?? "en");

/** @returns the title of a page, with the service's name behind it */
export function pageTitle(title: string, matches: Matches): MetaDescriptor[] {
  const appName = rootOf(matches)?.brand?.appName;
  return [{ title: appName ? `${title} · ${appName}` : title }];
}
