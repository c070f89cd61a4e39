import { vitePlugin as remix } from "@remix-run/dev";
import tailwindcss from "@tailwindcss/vite";
import compile from "icu-minify/compile";
import { defineConfig, type Plugin } from "vite";
import { LANGUAGES } from "./app/messages/languages";
import { readCatalog } from "./catalogs.mjs";
import remixOptions from "./remix.config.js";

declare module "@remix-run/node" {
  interface Future {
    v3_singleFetch: true;
  }
}

/**
 * Builds the portal's small script beside Remix's own entry. The server finds its hashed name in
 * `build/client/.vite/manifest.json`, under `app/portal/enhance.ts`.
 */
function portalEntry(): Plugin {
  return {
    name: "setpass:portal-entry",
    apply: (_config, { command, isSsrBuild }) => command === "build" && !isSsrBuild,
    buildStart() {
      this.emitFile({ type: "chunk", id: "app/portal/enhance.ts", name: "portal" });
    },
  };
}

/** How many words of each list the strength hint knows. They stand by frequency, so the first count most. */
const WORDS_KEPT: Record<string, number> = { passwords: 6000, commonWords: 4000 };

/**
 * Cuts zxcvbn-ts's word lists to their most frequent words: whole, they weigh many times as much as
 * everything else on the page, for a hint.
 */
function shorterWordLists(): Plugin {
  return {
    name: "setpass:shorter-word-lists",
    transform(code, id) {
      const list = /@zxcvbn-ts\/language-\w+\/dist\/(\w+)\.json\.esm\.js/.exec(id)?.[1];
      const kept = list === undefined ? undefined : WORDS_KEPT[list];
      if (kept === undefined) return undefined;
      const shorter = code.replace(
        /"([^"]*)"\.split\((["']),\2\)/,
        (_, words: string) =>
          `${JSON.stringify(words.split(",").slice(0, kept).join(","))}.split(",")`,
      );
      if (shorter === code) this.error(`${id} is not written as expected: nothing was cut`);
      return { code: shorter, map: null };
    },
  };
}

/** What pages that are not hydrated say, and mails: the browser has no use for it. */
const SERVER_ALONE = ["portal", "reset", "confirm", "mail"];

const CATALOGS = "virtual:browser-catalogs";

/**
 * Leaves in the browser's catalogs what hydrated pages say, complete, and compiled: with them goes no parser,
 * which would weigh four times what formats them.
 */
function browserCatalogs(): Plugin {
  const compiled = (message: unknown, english: unknown): unknown =>
    typeof english === "string"
      ? compile(typeof message === "string" ? message : english)
      : mapValues(english, (text, key) => compiled((message as Texts | undefined)?.[key], text));
  return {
    name: "setpass:browser-catalogs",
    enforce: "pre",
    apply: (_config, { command, isSsrBuild }) => command === "build" && !isSsrBuild,
    config: () => ({
      resolve: { alias: { "use-intl/format-message": "use-intl/format-message/format-only" } },
    }),
    resolveId: (id) => (id === CATALOGS ? `\0${CATALOGS}` : undefined),
    load(id) {
      if (id !== `\0${CATALOGS}`) return undefined;
      const english = mapValues(readCatalog("en"), (texts) => texts);
      for (const part of SERVER_ALONE) delete english[part];
      const addresses = LANGUAGES.map((language) => {
        const source = JSON.stringify(compiled(readCatalog(language), english));
        const file = this.emitFile({ type: "asset", name: `${language}.json`, source });
        return `${JSON.stringify(language)}: import.meta.ROLLUP_FILE_URL_${file}`;
      });
      return `export default {${addresses.join(", ")}};`;
    },
  };
}

type Texts = Record<string, unknown>;

const mapValues = (texts: unknown, change: (text: unknown, key: string) => unknown): Texts =>
  Object.fromEntries(Object.entries(texts as Texts).map(([key, text]) => [key, change(text, key)]));

export default defineConfig({
  plugins: [
    browserCatalogs(),
    tailwindcss(),
    remix(remixOptions),
    portalEntry(),
    shorterWordLists(),
  ],
  build: {
    manifest: true,
    // Everything is a file of ours: the Content-Security-Policy allows no data: URLs.
    assetsInlineLimit: 0,
    // Vite's polyfill would be an inline script.
    modulePreload: { polyfill: false },
    rollupOptions: {
      onwarn(warning, warn) {
        // A resource route (PUT /token/:userId) has nothing for the browser.
        if (warning.code !== "EMPTY_BUNDLE") warn(warning);
      },
    },
  },
});
