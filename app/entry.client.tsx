import addresses from "virtual:browser-catalogs";
import { RemixBrowser } from "@remix-run/react";
import { StrictMode, startTransition } from "react";
import { hydrateRoot } from "react-dom/client";
import { isLanguage } from "./messages/languages";
import { learnLanguage } from "./messages/words";

// Only the console's pages load this: see `handle.hydrate` in the routes.
void Promise.all([loadCatalog(), pageData()]).then(() =>
  startTransition(() => {
    hydrateRoot(
      document,
      <StrictMode>
        <RemixBrowser />
      </StrictMode>,
    );
  }),
);

/** What hydrated pages say in the page's language, and no other. */
async function loadCatalog(): Promise<void> {
  const { lang } = document.documentElement;
  const language = isLanguage(lang) ? lang : "en";
  const answer = await fetch(addresses[language]);
  learnLanguage(language, await answer.json());
}

/**
 * RemixBrowser waits for the page's data by throwing a promise. If a key is pressed meanwhile, React 18
 * gives the page up ("Root did not complete"), so that wait is over before there is a root.
 */
async function pageData(): Promise<void> {
  try {
    RemixBrowser({});
  } catch (waiting) {
    await waiting;
  }
}
