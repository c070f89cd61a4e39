import { randomUUID } from "node:crypto";
import type { ServerBuild } from "@remix-run/node";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { adminOf } from "../../../app/http/guard-console.server";
import type { AppLoadContext } from "../../../app/http/load-context.server";
import {
  type SandboxKeystone,
  startSandboxKeystone,
} from "../../../demo/keystone/sandbox-keystone";
import { startTestApp, type TestApp } from "../../support/app";
import { type BuiltRoute, readBuild, readBuiltRoutes } from "../../support/built-routes";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { type PostgresProxy, startPostgresProxy } from "../../support/postgres-proxy";
import { type Answer, createVisitor, type Visitor } from "../../support/visitor";

/** Who is let into the console: on the built server, whose loaders and actions note that they were reached. */
const PUBLIC_URL = "https://setpass.example.org";
/** What anybody may ask of the built server. A new route is not in here: say so, if it is for all. */
const FOR_ALL = [
  ...["root", "routes/_index", "routes/$", "routes/token.$userId"],
  ...["routes/reset", "routes/reset_.confirm", "routes/admin_.sign-in"],
];

let keystone: SandboxKeystone;
let database: TestDatabase;
let proxy: PostgresProxy;
let app: TestApp;
let visitor: Visitor;
/** `action routes/admin.links.$id`, in the order they were reached. */
let reached: string[];

beforeAll(async () => {
  keystone = await startSandboxKeystone();
  database = await createTestDatabase();
  proxy = await startPostgresProxy({ target: database.url });
  app = await startTestApp({
    keystoneUrl: keystone.url,
    database: { ...database, url: proxy.through(database.url) },
    build: noting(await readBuild()),
    env: { PUBLIC_URL },
  });
  visitor = createVisitor(app.url, { publicUrl: PUBLIC_URL });
});
afterAll(async () => {
  await app?.stop();
  await proxy?.stop();
  await database?.close();
  await keystone?.stop();
});
beforeEach(() => {
  reached = [];
});

function noting(build: ServerBuild): ServerBuild {
  const routes = Object.entries(build.routes).map(([id, route]) => {
    const module = { ...route?.module };
    for (const kind of ["loader", "action"] as const) {
      const handler = module[kind];
      if (handler && !FOR_ALL.includes(id))
        module[kind] = (args) => {
          reached.push(`${kind} ${id}`);
          return handler(args);
        };
    }
    return [id, { ...route, module }];
  });
  return { ...build, routes: Object.fromEntries(routes) };
}

const routes = (await readBuiltRoutes()).filter(({ id }) => !FOR_ALL.includes(id));
/** Where it answers, of nobody and nothing there is. The index of a layout has an address of its own for forms. */
const addressOf = ({ path }: BuiltRoute) =>
  path.replace(":userId", "nobody").replace(":id", randomUUID());
const formAddressOf = (route: BuiltRoute) =>
  route.id.endsWith("._index") ? `${addressOf(route)}?index` : addressOf(route);
const asData = (address: string) => address.replace(/(?=\?|$)/, ".data");
const form = { intent: "nothing" };

async function signIn(): Promise<string> {
  const { adminUserName: userName, adminPassword: password } = keystone;
  const { cookie } = await visitor.signIn({ userName, password });
  if (cookie === undefined) throw new Error("the administrator cannot sign in");
  reached = [];
  return cookie;
}

const isSentToSignIn = ({ status, headers, text }: Answer) =>
  status === 202
    ? text.includes('"/admin/sign-in')
    : status === 302 && /^\/admin\/sign-in(\?|$)/.test(headers.get("location") ?? "");

/** Every way to each loader and action there is: by a browser, by Remix's script, one loader by itself. */
const ways = routes.flatMap((route) => {
  const { id, hasLoader, hasAction } = route;
  const page = addressOf(route);
  const asked = [
    { path: page },
    { path: page, method: "HEAD" },
    { path: asData(page) },
    { path: `${asData(page)}?_routes=${id}` },
  ];
  const sent = [formAddressOf(route), asData(formAddressOf(route))].map((path) => ({ path, form }));
  return [
    ...asked.map((ask) => ({ id, kind: "loader", there: hasLoader, ask })),
    ...sent.map((ask) => ({ id, kind: "action", there: hasAction, ask })),
  ];
});

describe("the console", () => {
  it("has handlers to guard", () => {
    const handlers = ways.filter(({ there }) => there).map(({ id, kind }) => `${kind} ${id}`);
    expect([...new Set(handlers)]).toEqual(
      expect.arrayContaining([
        "loader routes/admin",
        "loader routes/admin._index",
        "action routes/admin.links.$id",
        "action routes/admin_.sign-out",
      ]),
    );
  });

  const strangers: Record<string, () => Promise<string | undefined>> = {
    "somebody without a session": async () => undefined,
    "somebody who makes one up": async () => {
      const value = Buffer.from(JSON.stringify(randomUUID())).toString("base64");
      return `__Host-setpass=${encodeURIComponent(value)}`;
    },
    "somebody who has signed out": async () => {
      const cookie = await signIn();
      await visitor.ask({ path: "/admin/sign-out", form: {}, cookie });
      return cookie;
    },
    "somebody who was idle for too long": async () => {
      const cookie = await signIn();
      await database.sql`update admin_sessions set last_seen_at = now() - interval '1 day'`;
      return cookie;
    },
    "somebody whose session has come to its end": async () => {
      const cookie = await signIn();
      await database.sql`update admin_sessions set expires_at = now()`;
      return cookie;
    },
  };

  it.each(Object.entries(strangers))("is closed to %s", async (_who, arrive) => {
    const cookie = await arrive();
    for (const { id, kind, there, ask } of ways) {
      reached = [];
      const answer = await visitor.ask({ ...ask, ...(cookie !== undefined && { cookie }) });
      const what = `${kind} ${id} ${ask.path}`;
      expect([what, reached]).toEqual([what, []]);
      // A form that no action takes is a mistake, whoever sends it.
      const isRefused = isSentToSignIn(answer) || (!there && [400, 405].includes(answer.status));
      expect([what, answer.status, isRefused]).toEqual([what, answer.status, true]);
    }
  });

  it("takes no form from another site, whoever is signed in", async () => {
    const cookie = await signIn();
    const headers = { origin: "https://evil.example" };
    for (const { id, ask } of ways.filter(({ kind, there }) => kind === "action" && there)) {
      const { status } = await visitor.ask({ ...ask, cookie, headers });
      expect([id, ask.path, status]).toEqual([id, ask.path, 403]);
    }
    expect(reached).toEqual([]);
  });

  it("is open to an administrator, whose session is read once a request", async () => {
    for (const { id, kind, ask } of ways.filter(({ there }) => there)) {
      const cookie = await signIn();
      proxy.forget();
      await visitor.ask({ ...ask, cookie });
      const what = `${kind} ${id} ${ask.path}`;
      expect([what, reached.includes(`${kind} ${id}`)]).toEqual([what, true]);
      const reads = proxy.statements.filter(({ sql }) =>
        /^select .* from "admin_sessions"/.test(sql),
      );
      expect([what, reads.length]).toEqual([what, 1]);
    }
  });
});

it("nobody is found signed in by a handler that is not of the console", () => {
  expect(() => adminOf({} as AppLoadContext)).toThrow("Nobody is signed in here");
});
