import { useRouteLoaderData } from "@remix-run/react";
import { createContext, useContext } from "react";
import type { Brand } from "../config/config.server";
import type { Language } from "../messages/languages";
import { type Words, wordsIn } from "../messages/words";

/** What one rendering on the server knows, whether or not any loader could run. */
export interface RenderFacts {
  /** Of this answer's Content-Security-Policy. */
  readonly nonce: string;
  readonly brand: Brand;
  readonly requestId: string;
  readonly language: Language;
  /** What the reader can choose from. */
  readonly languages: readonly Language[];
}

/** What the root route's loader tells every page. */
export interface RootData extends Omit<RenderFacts, "nonce"> {
  /** The server's clock, in ms. */
  readonly renderedAt: number;
}

/** Given by entry.server alone: in the browser there is none, and the root loader's data stand in. */
export const RenderContext = createContext<RenderFacts | undefined>(undefined);

/** @returns the nonce for scripts, or undefined in the browser, which hides it from scripts */
export const useNonce = (): string | undefined => useContext(RenderContext)?.nonce;

const NAMELESS: Brand = { appName: "", dashboardUrl: undefined, supportContact: undefined };

/** In the browser, nothing is known on a page whose loaders failed or never ran. */
function useFacts(): Partial<Omit<RenderFacts, "nonce">> {
  const facts = useContext(RenderContext);
  const root = useRouteLoaderData<RootData>("root");
  return facts ?? root ?? {};
}

export const useBrand = (): Brand => useFacts().brand ?? NAMELESS;

export const useLanguage = (): Language =>
  useFacts().language ?? (document.documentElement.lang as Language);

export const useLanguages = (): readonly Language[] => useFacts().languages ?? [];

export const useWords = (): Words => wordsIn(useLanguage());

/** @returns the id under which the server's log knows this page */
export const useRequestId = (): string | undefined => useFacts().requestId;

/** @returns the server's clock when the page was made, in ms; the same when React hydrates */
export function useRenderedAt(): number {
  const root = useRouteLoaderData<RootData>("root");
  return root?.renderedAt ?? Date.now();
}
