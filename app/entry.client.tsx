import { RemixBrowser } from "@remix-run/react";
import { StrictMode, startTransition } from "react";
import { hydrateRoot } from "react-dom/client";
import { loadCatalog } from "./messages/load-catalog";

// Only the console's pages load this: see `handle.hydrate` in the routes.
void Promise.all([loadCatalog(document.documentElement.lang), pageData()]).then(() =>
  startTransition(() => {
    hydrateRoot(
      document,
      <StrictMode>
        <RemixBrowser />
      </StrictMode>,
    );
  }),
);

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
