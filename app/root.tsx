import type { LinksFunction, LoaderFunctionArgs, MetaFunction } from "@remix-run/node";
import {
  Links,
  Meta,
  Outlet,
  Scripts,
  ScrollRestoration,
  useMatches,
  useRouteError,
} from "@remix-run/react";
import type { ReactNode } from "react";
import { ErrorPage, wordsForError } from "./components/error-page";
import mark from "./components/mark.svg?url";
import { pageTitle, wordsOfPage } from "./components/page-title";
import { type RootData, useLanguage, useNonce } from "./components/render-context";
import { pageHeaders, type RouteHandle } from "./components/route-exports";
import { directionOf } from "./messages/languages";
import stylesheet from "./styles.css?url";

export const headers = pageHeaders;

export const links: LinksFunction = () => [
  { rel: "stylesheet", href: stylesheet },
  { rel: "icon", type: "image/svg+xml", href: mark },
];

export function loader({ context }: LoaderFunctionArgs): RootData {
  return {
    brand: context.services.config.brand,
    requestId: context.requestId,
    language: context.language,
    languages: context.services.config.languages,
    renderedAt: Date.now(),
  };
}

export const meta: MetaFunction<typeof loader> = ({ data, error, matches }) =>
  error
    ? pageTitle(wordsForError(wordsOfPage(matches), error).heading, matches)
    : [{ title: data?.brand.appName ?? "" }];

export function Layout({ children }: { children: ReactNode }) {
  const nonce = useNonce();
  const language = useLanguage();
  const hydrated = useMatches().some(({ handle }) => (handle as RouteHandle | undefined)?.hydrate);
  return (
    <html lang={language} dir={directionOf(language)}>
      <head>
        <meta charSet="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex, nofollow" />
        <meta name="format-detection" content="telephone=no" />
        <Meta />
        <Links />
      </head>
      <body className="min-h-dvh font-sans antialiased">
        {children}
        {hydrated ? (
          <>
            <ScrollRestoration nonce={nonce} />
            <Scripts nonce={nonce} />
          </>
        ) : null}
      </body>
    </html>
  );
}

export default function Root() {
  return <Outlet />;
}

export function ErrorBoundary() {
  return <ErrorPage error={useRouteError()} />;
}
