import type { ServerBuild } from "@remix-run/node";

/** @returns a path's route, as its pattern: `/admin/links/:id`, `/assets/*`, or `other` */
export type RouteNames = (path: string) => string;

const OTHER = "other";
const OF_THE_SERVER = ["/healthz", "/readyz"];

/**
 * What logs and metrics call requests, from the route table. They get this and never the address itself:
 * that can hold a link token, and anybody could fill a metric with names of their own.
 */
export function readRouteNames({ routes }: Pick<ServerBuild, "routes">): RouteNames {
  const patterns = new Set(Object.keys(routes).map((id) => `/${pathOf(routes, id)}`));
  const plain = new Map(OF_THE_SERVER.map((path) => [path, path]));
  const withParameters: { shape: RegExp; name: string }[] = [];
  for (const name of patterns) {
    if (name.includes("*")) continue;
    if (name.includes(":")) {
      withParameters.push({ shape: new RegExp(`^${name.replace(/:\w+/g, "[^/]+")}$`), name });
      continue;
    }
    plain.set(name, name);
    // The address of its data, as Remix asks for it.
    plain.set(name === "/" ? "/_root.data" : `${name}.data`, name);
  }
  return (path) =>
    plain.get(path) ??
    (path.startsWith("/assets/")
      ? "/assets/*"
      : (withParameters.find(({ shape }) => shape.test(path))?.name ?? OTHER));
}

/** @returns a route's whole path: `admin/links/:id` */
export function pathOf(routes: ServerBuild["routes"], id: string): string {
  const route = routes[id];
  const above = route?.parentId === undefined ? "" : pathOf(routes, route.parentId);
  return [above, route?.path].filter(Boolean).join("/");
}
