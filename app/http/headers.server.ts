import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHandler, Response } from "express";
import helmet from "helmet";

/** Stands for the answer's own nonce in what helmet has said once for all. */
const NONCE = "{nonce}";

/** Where the nonce of the answer's Content-Security-Policy is kept. */
export const nonceOf = (response: Response): string => response.locals.nonce as string;

/**
 * The security headers of every answer, resource routes and files too: they bypass entry.server, so
 * the HTTP server sets them. Those that helmet's defaults have right are not repeated here; they are the
 * same for all but for the nonce, so helmet is asked once.
 *
 * @param options.https whether PUBLIC_URL is https: then browsers are told to stay with it
 */
export function securityHeaders(options: { https: boolean }): RequestHandler {
  const protect = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        "default-src": ["'none'"],
        "script-src": ["'self'", `'nonce-${NONCE}'`],
        "worker-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        ...(options.https && { "upgrade-insecure-requests": [] }),
      },
    },
    // For a year.
    strictTransportSecurity: options.https && { includeSubDomains: false },
    // same-origin would put the link's token into the proxy's log, with every file that the page asks for;
    // no-referrer would make browsers send "Origin: null" with forms.
    referrerPolicy: { policy: "strict-origin" },
    xFrameOptions: { action: "deny" },
  });
  // What helmet leaves out: nothing of ours uses a device, or is for search engines.
  const headers = new Map([
    [
      "Permissions-Policy",
      "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    ],
    ["X-Robots-Tag", "noindex, nofollow"],
  ]);
  const recorder = {
    setHeader: (name: string, value: string) => headers.set(name, value),
    removeHeader: () => {},
  };
  protect({} as IncomingMessage, recorder as unknown as ServerResponse, (error) => {
    if (error) throw error;
  });
  const fixed = [...headers];
  return (_request, response, next) => {
    for (const [name, value] of fixed)
      response.setHeader(name, value.replace(NONCE, nonceOf(response)));
    next();
  };
}

/** No page of ours may be kept by a cache; only the files before this may. */
export const pageHeaders: RequestHandler = (_request, response, next) => {
  response.setHeader("Cache-Control", "no-store");
  next();
};
