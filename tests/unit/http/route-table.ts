import type { ServerBuild } from "@remix-run/node";
import { readRouteNames } from "../../../app/http/route-names.server";

/** Routes as a build has them: ours, and how they hang together. */
const table: Record<string, { parentId?: string; path?: string }> = {
  root: { path: "" },
  "routes/_index": { parentId: "root" },
  "routes/$": { parentId: "root", path: "*" },
  "routes/token.$userId": { parentId: "root", path: "token/:userId" },
  "routes/reset": { parentId: "root", path: "reset" },
  "routes/reset_.confirm": { parentId: "root", path: "reset/confirm" },
  "routes/admin": { parentId: "root", path: "admin" },
  "routes/admin._index": { parentId: "routes/admin" },
  "routes/admin.links.$id": { parentId: "routes/admin", path: "links/:id" },
  "routes/admin.requests": { parentId: "routes/admin", path: "requests" },
  "routes/admin.requests_.review": { parentId: "routes/admin", path: "requests/review" },
  "routes/admin.users._index": { parentId: "routes/admin", path: "users" },
  "routes/admin.users.$userId": { parentId: "routes/admin", path: "users/:userId" },
  "routes/admin_.sign-in": { parentId: "root", path: "admin/sign-in" },
  "routes/admin_.sign-out": { parentId: "root", path: "admin/sign-out" },
};

export const nameOf = readRouteNames({ routes: table } as unknown as ServerBuild);
