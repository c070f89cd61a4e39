/**
 * Every route of the built server, from the build itself: a new one cannot be forgotten by a test that
 * goes through them all.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { ServerBuild } from "@remix-run/node";

export interface BuiltRoute {
  /** `routes/admin.links.$id` */
  readonly id: string;
  /** `/admin/links/:id`; a layout has its children's beginning. */
  readonly path: string;
  readonly hasLoader: boolean;
  readonly hasAction: boolean;
  /** Renders HTML; the others are for scripts, or only redirect. */
  readonly isPage: boolean;
  /** Stands around other routes, and has no address of its own. */
  readonly isLayout: boolean;
}

/** Remix's own build, as the server takes it. */
export async function readBuild(): Promise<ServerBuild> {
  const file = path.resolve(import.meta.dirname, "../../build/server/index.js");
  if (!existsSync(file))
    throw new Error("The server is not built: run `node demo/install-and-build.mjs`");
  return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as ServerBuild;
}

export async function readBuiltRoutes(): Promise<BuiltRoute[]> {
  const build = await readBuild();
  const parents = new Set(Object.values(build.routes).map((route) => route?.parentId));
  return Object.values(build.routes).flatMap((route) => {
    if (!route) return [];
    const { module, id } = route;
    return {
      id,
      path: pathOf(build, id),
      hasLoader: module.loader !== undefined,
      hasAction: module.action !== undefined,
      isPage: module.default !== undefined,
      isLayout: parents.has(id),
    };
  });
}

function pathOf(build: ServerBuild, id: string): string {
  const parts: string[] = [];
  for (let at = build.routes[id]; at; at = at.parentId ? build.routes[at.parentId] : undefined) {
    if (at.path) parts.unshift(at.path);
  }
  return `/${parts.join("/")}`;
}
