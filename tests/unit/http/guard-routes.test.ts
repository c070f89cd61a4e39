import type { ServerBuild } from "@remix-run/node";
import { DrizzleQueryError } from "drizzle-orm";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { guardRoutes } from "../../../app/http/guard-routes.server";
import { createLog } from "../../../app/telemetry/log.server";

let logged: Record<string, unknown>[] = [];
beforeEach(() => {
  logged = [];
});
const log = createLog({ level: "debug" }, { write: (line) => logged.push(JSON.parse(line)) });
const args = { context: { services: { log }, requestId: "req-1" } };

const page = () => null;
const ok = () => "fine";
const outage = Object.assign(new Error("terminating connection"), { code: "57P01" });
const failing = (error: unknown) => () => Promise.reject(error);

interface Functions {
  loader?: unknown;
  action?: unknown;
}

const buildOf = (routes: Record<string, Functions>) =>
  ({
    basename: "/",
    routes: {
      root: { id: "root", path: "", module: { default: page } },
      ...Object.fromEntries(
        Object.entries(routes).map(([id, functions]) => [
          id,
          { id, parentId: "root", path: id, module: { default: page, ...functions } },
        ]),
      ),
    },
  }) as unknown as ServerBuild;

const guarded = (routes: Record<string, Functions>) =>
  guardRoutes(buildOf(routes), { deadlineSeconds: 0.2 });

/** What the route's function answers or throws. */
async function run(build: ServerBuild, id: string, which: "loader" | "action"): Promise<unknown> {
  const act = build.routes[id]?.module[which] as unknown as (given: unknown) => Promise<unknown>;
  return act(args).catch((thrown: unknown) => thrown);
}

describe("a build whose routes are guarded", () => {
  it("is the same build, with paths in their own case alone", () => {
    const build = guarded({ "routes/a": { loader: ok }, "routes/b": {} });
    expect(build.basename).toBe("/");
    expect(Object.keys(build.routes)).toEqual(["root", "routes/a", "routes/b"]);
    for (const [id, route] of Object.entries(build.routes)) {
      expect(route).toMatchObject({ id, caseSensitive: true });
      expect(route?.module.default).toBe(page);
    }
    expect(build.routes["routes/a"]).toMatchObject({ parentId: "root", path: "routes/a" });
  });

  it("guards loaders and actions alike, and gives no route one that it has not", async () => {
    const build = guarded({
      "routes/both": { loader: failing(outage), action: failing(outage) },
      "routes/reads": { loader: ok },
      "routes/acts": { action: ok },
      "routes/none": {},
    });
    for (const which of ["loader", "action"] as const)
      expect(await run(build, "routes/both", which)).toMatchObject({ status: 503 });
    expect(await run(build, "routes/reads", "loader")).toBe("fine");
    expect(await run(build, "routes/acts", "action")).toBe("fine");
    expect(build.routes["routes/reads"]?.module).not.toHaveProperty("action");
    expect(build.routes["routes/acts"]?.module).not.toHaveProperty("loader");
    expect(Object.keys(build.routes["routes/none"]?.module ?? {})).toEqual(["default"]);
  });

  it("passes over a route that is not there", () => {
    const build = buildOf({});
    const lost = {
      ...build,
      routes: { ...build.routes, lost: undefined },
    } as unknown as ServerBuild;
    const { routes } = guardRoutes(lost, { deadlineSeconds: 1 });
    expect(Object.keys(routes)).toEqual(["root"]);
  });

  it("gives whoever waits too long a 503, and says in the log that it was the deadline", async () => {
    vi.useFakeTimers();
    try {
      const hanging = { loader: () => new Promise(() => {}) };
      const build = guardRoutes(buildOf({ "routes/a": hanging }), { deadlineSeconds: 40 });
      let answer: unknown;
      void run(build, "routes/a", "loader").then((given) => {
        answer = given;
      });
      await vi.advanceTimersByTimeAsync(39_900);
      expect(answer).toBeUndefined();
      await vi.advanceTimersByTimeAsync(200);
      expect(answer).toMatchObject({ status: 503, statusText: "Service Unavailable" });
      expect((answer as Response).headers.get("Retry-After")).toBe("5");
      expect(logged).toMatchObject([
        { event: "request.failed", reason: "deadline", requestId: "req-1" },
      ]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("forgets the deadline of whoever was answered", async () => {
    vi.useFakeTimers();
    try {
      await run(guarded({ "routes/a": { loader: ok } }), "routes/a", "loader");
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("tells the log of a database that is away as such", async () => {
    const away = new DrizzleQueryError("select 1", [], outage);
    await run(guarded({ "routes/a": { loader: failing(away) } }), "routes/a", "loader");
    expect(logged).toMatchObject([
      { event: "request.failed", reason: "database", requestId: "req-1" },
    ]);
  });
});

describe("a failure that nobody foresaw", () => {
  const mistake = new TypeError("x is not a function");
  const refusal = new Response("no", { status: 403 });

  it("of a page is Remix's to show and to log", async () => {
    const build = guarded({ page: { loader: failing(mistake) } });
    expect(await run(build, "page", "loader")).toBe(mistake);
    expect(logged).toEqual([]);
  });

  it("is none where an answer is thrown: it is given as it is", async () => {
    const build = guarded({ page: { loader: failing(refusal) } });
    expect(await run(build, "page", "loader")).toBe(refusal);
    expect(logged).toEqual([]);
  });
});
