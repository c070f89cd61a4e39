import { Transform } from "node:stream";
import {
  type ActionFunctionArgs,
  type AppLoadContext,
  createReadableStreamFromReadable,
  type EntryContext,
  type LoaderFunctionArgs,
} from "@remix-run/node";
import { isRouteErrorResponse, RemixServer } from "@remix-run/react";
import { isbot } from "isbot";
import { renderToPipeableStream } from "react-dom/server";
import { RenderContext } from "./components/render-context";
import "./messages/catalogs.server";
import { describeError } from "./telemetry/log.server";

/** No page of ours waits for anything once its loaders are done; this only bounds a broken one. */
export const streamTimeout = 5_000;

/** Renders a page. Every header but the content type is the HTTP server's work. */
export default function handleRequest(
  request: Request,
  status: number,
  headers: Headers,
  remixContext: EntryContext,
  context: AppLoadContext,
): Promise<Response> {
  const { nonce, requestId, language, services } = context;
  const { brand, languages } = services.config;
  const facts = { nonce, requestId, language, languages, brand };
  const ready = isbot(request.headers.get("User-Agent")) ? "onAllReady" : "onShellReady";

  return new Promise((resolve, reject) => {
    let shellSent = false;
    let finalStatus = status;
    const { pipe, abort } = renderToPipeableStream(
      <RenderContext.Provider value={facts}>
        <RemixServer
          context={remixContext}
          url={request.url}
          nonce={nonce}
          abortDelay={streamTimeout}
        />
      </RenderContext.Provider>,
      {
        nonce,
        [ready]() {
          shellSent = true;
          const body = withoutNulBytes();
          body.once("close", () => clearTimeout(giveUp));
          headers.set("Content-Type", "text/html; charset=utf-8");
          headers.set("Content-Language", language);
          headers.set("Vary", "Accept-Language, Cookie");
          resolve(
            new Response(createReadableStreamFromReadable(body), { headers, status: finalStatus }),
          );
          pipe(body);
        },
        onShellError: reject,
        onError(error: unknown) {
          finalStatus = 500;
          // Before the shell, Remix renders again with the error page, and logs it then.
          if (shellSent) logFailure(error, request, context);
        },
      },
    );
    const giveUp = setTimeout(abort, streamTimeout + 1_000).unref();
  });
}

/**
 * React 18 sends a chunk of 2048 bytes whole, with zeros at its end where a letter of several bytes did
 * not fit any more. Browsers drop them between tags, and show a box in their place within an attribute.
 */
const withoutNulBytes = () =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, chunk.includes(0) ? chunk.filter((byte) => byte !== 0) : chunk);
    },
  });

/** Every error a loader, an action or a page threw. Answers thrown on purpose are none. */
export function handleError(
  error: unknown,
  { request, context }: LoaderFunctionArgs | ActionFunctionArgs,
): void {
  if (request.signal.aborted) return;
  // A path or a method that no route takes: the answer says so, and anybody can cause it.
  if (isRouteErrorResponse(error) && error.status < 500) return;
  logFailure(error, request, context);
}

function logFailure(error: unknown, request: Request, context: AppLoadContext): void {
  context.services.log.error("page.failed", {
    requestId: context.requestId,
    method: request.method,
    path: context.route,
    error: describeError(error),
  });
}
