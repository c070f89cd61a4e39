import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import type { ServerBuild } from "@remix-run/node";
import { createApp } from "../../app/create-app.server";
import * as tokenRoute from "../../app/routes/token.$userId";
import { listen } from "./listen";
import { startTestServices, type TestServices } from "./services";

/** A server of the process's own make, over the services of a test. */
export interface TestApp extends TestServices {
  /** Where it listens: `http://127.0.0.1:…`, no trailing slash. PUBLIC_URL is another matter. */
  readonly url: string;
  readonly server: Server;
}

type RouteModule = NonNullable<ServerBuild["routes"][string]>["module"];

/**
 * A build that holds PUT /token alone, from its source: what a script meets needs no page, and no build
 * that could be older than the source.
 */
const tokenBuild: ServerBuild = {
  entry: {
    module: {
      default: (_request, status) => new Response("This build has no pages.\n", { status }),
      // Else Remix writes them to standard error.
      handleError: () => {},
    },
  },
  routes: {
    root: { id: "root", path: "", module: { default: () => null } },
    "routes/token.$userId": {
      id: "routes/token.$userId",
      parentId: "root",
      path: "token/:userId",
      module: { ...tokenRoute, default: undefined } as RouteModule,
    },
  },
  assets: { entry: { imports: [], module: "" }, routes: {}, url: "", version: "test" },
  assetsBuildDirectory: tmpdir(),
  basename: "/",
  publicPath: "/",
  mode: "production",
  isSpaMode: false,
  future: {
    v3_fetcherPersist: true,
    v3_relativeSplatPath: true,
    v3_throwAbortReason: true,
    v3_singleFetch: true,
    v3_lazyRouteDiscovery: true,
  },
};

/**
 * @param options as for `startTestServices`
 * @param options.build Remix's own where the pages are wanted; PUT /token alone when left out
 */
export async function startTestApp(
  options: Parameters<typeof startTestServices>[0] & {
    build?: ServerBuild;
    clientFolder?: string;
    portalScript?: string;
  } = {},
): Promise<TestApp> {
  const started = await startTestServices(options);
  const app = createApp(started.services, {
    build: options.build ?? tokenBuild,
    clientFolder: options.clientFolder ?? tmpdir(),
    portalScript: options.portalScript ?? "/assets/portal.js",
  });
  const server = createServer(app);
  const port = await listen(server);
  return {
    ...started,
    url: `http://127.0.0.1:${port}`,
    server,
    async stop() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await started.stop();
    },
  };
}
