/**
 * What a route may say of itself. Pages are not hydrated unless they ask for it: what anonymous people
 * see is HTML, and no React is sent to them.
 */
export interface RouteHandle {
  hydrate?: boolean;
}
