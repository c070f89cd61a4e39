import type { AdminSession } from "../admins/session.server";
import type { Language } from "../messages/languages";
import type { Services } from "../services.server";

declare module "@remix-run/node" {
  /** What every loader and action gets from the HTTP server. */
  interface AppLoadContext {
    services: Services;
    /** `req-<uuid>`, sent to Keystone and back to the caller as `X-Openstack-Request-Id`. */
    requestId: string;
    /** Behind TRUST_PROXY alone taken from a header. */
    clientAddress: string;
    /** What logs call the request: `/admin/links/:id`. */
    route: string;
    /** The request's Origin header, which Remix is not shown. A machine sends none. */
    origin: string | null;
    /** Of this answer's Content-Security-Policy. */
    nonce: string;
    /** Of the page, and of what is mailed for it. The page of a link knows better: see `speakAsLink`. */
    language: Language;
    /** What the reader or their browser asks for; undefined: nothing that there is. */
    askedLanguage: Language | undefined;
    assets: { portalScript: string };
    /** Behind the console's guard alone: see `adminOf`. */
    admin?: AdminSession;
  }
}

export type { AppLoadContext } from "@remix-run/node";
