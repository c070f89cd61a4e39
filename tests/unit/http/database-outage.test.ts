import type { ServerBuild } from "@remix-run/node";
import { DrizzleQueryError, sql } from "drizzle-orm";
import { describe, expect, it } from "vitest";
import { guardRoutes } from "../../../app/http/guard-routes.server";
import { createLog } from "../../../app/telemetry/log.server";
import { openDatabase } from "../../../db/client";
import { isDatabaseOutage } from "../../../db/outage";
import { getFreePort } from "../../support/free-port";

const failed = (code: string) =>
  new DrizzleQueryError("select 1", [], Object.assign(new Error("it failed"), { code }));

describe("a database that is away", () => {
  it.each([
    ["CONNECTION_CLOSED", "the connection was lost"],
    ["CONNECTION_DESTROYED", "the connection was lost"],
    ["CONNECTION_ENDED", "the pool was closed"],
    ["CONNECT_TIMEOUT", "it does not answer"],
    ["ECONNREFUSED", "it is not running"],
    ["ECONNRESET", "it was killed"],
    ["ENOTFOUND", "its name is unknown"],
    ["57P01", "an administrator ends it"],
    ["57P03", "it starts up"],
    ["57014", "the statement took too long"],
    ["53300", "it has too many connections"],
    ["53100", "its disk is full"],
    ["08006", "the connection failed"],
    ["40P01", "a deadlock"],
    ["55P03", "a lock was not to be had"],
    ["25P03", "the transaction waited too long"],
    ["58030", "its disk fails"],
  ])("is known by %s: %s", (code) => {
    expect(isDatabaseOutage(failed(code))).toBe(true);
    expect(isDatabaseOutage(Object.assign(new Error("it failed"), { code }))).toBe(true);
  });

  it.each([
    ["23505", "a row that is there already"],
    ["23514", "a check that does not hold"],
    ["22P02", "an id that is none"],
    ["42P01", "a table that is missing"],
    ["42501", "no right to it"],
    ["28P01", "a wrong password"],
    ["40", "no code of PostgreSQL's"],
    ["ERR_ASSERTION", "an error of ours"],
  ])("is not what %s means: %s", (code) => {
    expect(isDatabaseOutage(failed(code))).toBe(false);
  });

  it("is not what any other error means, nor something that is no error", () => {
    for (const thrown of [new TypeError("x"), undefined, null, "ECONNREFUSED", { code: "57P01" }])
      expect(isDatabaseOutage(thrown)).toBe(false);
    const circular = new Error("x");
    circular.cause = circular;
    expect(isDatabaseOutage(circular)).toBe(false);
  });

  it("is known where nobody listens, by the error that the pool really gives", async () => {
    const port = await getFreePort();
    const client = openDatabase({ url: `postgres://u:p@127.0.0.1:${port}/d`, poolSize: 1 });
    const error = await client.db.execute(sql`select 1`).catch((thrown: unknown) => thrown);
    await client.close({ timeoutSeconds: 0 });
    expect(isDatabaseOutage(error)).toBe(true);
  });
});

describe("a guarded route", () => {
  let text = "";
  const log = createLog(
    { level: "debug" },
    {
      write: (line) => {
        text += line;
      },
    },
  );

  function guarded(handler: () => unknown, options: { deadlineSeconds?: number } = {}) {
    const build = {
      routes: {
        page: { id: "page", path: "page", module: { default: () => null, loader: handler } },
      },
    } as unknown as ServerBuild;
    const guarding = guardRoutes(build, {
      deadlineSeconds: options.deadlineSeconds ?? 5,
    });
    const loader = guarding.routes.page?.module.loader as (args: unknown) => Promise<unknown>;
    return loader({ context: { services: { log }, requestId: "req-1" } });
  }

  const answerOf = (ending: Promise<unknown>) =>
    ending.then(
      (value) => value,
      (thrown: unknown) => thrown,
    );

  it("answers as it would", async () => {
    expect(await guarded(() => "hello")).toBe("hello");
    const redirect = new Response(null, { status: 302 });
    expect(await answerOf(guarded(() => Promise.reject(redirect)))).toBe(redirect);
  });

  it("turns a database that is away into a 503 that says when to come back", async () => {
    const page = await answerOf(guarded(() => Promise.reject(failed("57P01"))));
    expect(page).toBeInstanceOf(Response);
    expect((page as Response).status).toBe(503);
    expect((page as Response).headers.get("Retry-After")).toBe("5");
    expect(await (page as Response).text()).toBe("database-away");
  });

  it("answers 503 instead of waiting for ever", async () => {
    const hanging = guarded(() => new Promise(() => {}), { deadlineSeconds: 0.05 });
    expect(((await answerOf(hanging)) as Response).status).toBe(503);
  });

  it("leaves our own mistakes what they are", async () => {
    const mistake = new TypeError("x is not a function");
    expect(await answerOf(guarded(() => Promise.reject(mistake)))).toBe(mistake);
  });

  it("does not log what a statement was given", async () => {
    text = "";
    const told = new DrizzleQueryError(
      "insert into t values ($1)",
      ["hunter2"],
      Object.assign(new Error("terminating connection"), { code: "57P01" }),
    );
    await answerOf(guarded(() => Promise.reject(told)));
    expect(text).toContain("terminating connection");
    expect(text).not.toContain("hunter2");
  });
});
