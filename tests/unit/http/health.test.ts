import type { Request, Response } from "express";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { healthz, readyz } from "../../../app/http/health.server";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

const never = new Promise<never>(() => {});
const writable = async (): Promise<unknown> => [{ writable: true }];
const answering = async (): Promise<unknown> => ({ status: 200 });

/** @returns how to ask it, and how often the parts behind it were asked */
function ready(
  options: {
    database?: () => Promise<unknown>;
    keystone?: () => Promise<unknown>;
    serviceToken?: { get(): Promise<unknown>; isAccepted(): boolean | null };
    isDraining?: () => boolean;
  } = {},
) {
  const asked = { database: 0, keystone: [] as unknown[] };
  const handler = readyz(
    {
      db: {
        execute: () => {
          asked.database += 1;
          return (options.database ?? writable)();
        },
      },
      keystone: {
        request: (request: unknown) => {
          asked.keystone.push(request);
          return (options.keystone ?? answering)();
        },
      },
      serviceToken: options.serviceToken,
    } as unknown as Parameters<typeof readyz>[0],
    { isDraining: options.isDraining ?? (() => false) },
  );
  const ask = () =>
    new Promise<{ status: number; body: unknown; retryAfter: string | undefined }>(
      (resolve, reject) => {
        const headers: Record<string, string> = {};
        let status = 0;
        const response = {
          setHeader: (name: string, value: string) => {
            headers[name] = value;
          },
          status: (given: number) => {
            status = given;
            return response;
          },
          json: (body: unknown) => resolve({ status, body, retryAfter: headers["Retry-After"] }),
        };
        void handler({} as Request, response as unknown as Response, reject);
      },
    );
  return { ask, asked };
}

describe("/healthz", () => {
  it("says that this process answers", () => {
    const said: unknown[] = [];
    const response = {
      type: (type: string) => {
        said.push(type);
        return response;
      },
      send: (text: string) => said.push(text),
    };
    healthz({} as Request, response as unknown as Response, () => {});
    expect(said).toEqual(["text/plain", "ok\n"]);
  });
});

describe("/readyz", () => {
  it("is 200 while the database takes what is written and this process goes on", async () => {
    const { ask, asked } = ready();
    expect(await ask()).toEqual({
      status: 200,
      body: { ready: true, database: true, keystone: true },
      retryAfter: undefined,
    });
    // Of Keystone its version, which costs it nothing.
    expect(asked.keystone).toEqual([{ method: "GET", path: "" }]);
  });

  it.each([
    ["takes no writes", async () => [{ writable: false }]],
    ["says nothing", async () => []],
    ["fails", () => Promise.reject(new Error("terminating connection"))],
  ])("is 503 where the database %s, and says when to ask again", async (_, database) => {
    expect(await ready({ database }).ask()).toEqual({
      status: 503,
      body: { ready: false, database: false, keystone: true },
      retryAfter: "5",
    });
  });

  it("is 503 while this process ends, and says why", async () => {
    expect(await ready({ isDraining: () => true }).ask()).toEqual({
      status: 503,
      body: { ready: false, database: true, keystone: true, draining: true },
      retryAfter: "5",
    });
  });

  it("tells of a Keystone that fails, and is 200 all the same", async () => {
    const { ask } = ready({ keystone: () => Promise.reject(new Error("it failed")) });
    expect(await ask()).toMatchObject({
      status: 200,
      body: { ready: true, database: true, keystone: false },
    });
  });

  it("waits a moment for a Keystone that hangs; what it was last, or that nobody knows yet", async () => {
    let answer: () => Promise<unknown> = () => never;
    const { ask } = ready({ keystone: () => answer() });
    const startedAt = performance.now();
    expect(await ask()).toMatchObject({ status: 200, body: { keystone: null } });
    expect(performance.now() - startedAt).toBeGreaterThan(150);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    answer = answering;
    later(2001);
    expect(await ask()).toMatchObject({ body: { keystone: true } });
    answer = () => never;
    later(2001);
    expect(await ask()).toMatchObject({ status: 200, body: { keystone: true } });
  });

  it("waits for one that takes its time, but not long", async () => {
    const slow = () =>
      new Promise((resolve) => {
        setTimeout(resolve, 100, {});
      });
    expect(await ready({ keystone: slow }).ask()).toMatchObject({ body: { keystone: true } });
  });

  it("asks once in two seconds, however many want to know", async () => {
    const { ask, asked } = ready();
    await Promise.all([ask(), ask(), ask()]);
    later(1999);
    await ask();
    expect([asked.database, asked.keystone.length]).toEqual([1, 1]);
    later(2);
    await ask();
    expect([asked.database, asked.keystone.length]).toEqual([2, 2]);
  });

  it.each([true, false, null])(
    "tells whether Keystone takes the service credential (%s), and is 200 all the same",
    async (accepted) => {
      let signIns = 0;
      const serviceToken = {
        isAccepted: () => accepted,
        get: () => {
          signIns += 1;
          return Promise.reject(new Error("refused"));
        },
      };
      const { ask } = ready({ serviceToken });
      const expected = {
        status: 200,
        body: { ready: true, database: true, keystone: true, serviceCredential: accepted },
      };
      expect(await ask()).toMatchObject(expected);
      later(29_000);
      expect(await ask()).toMatchObject(expected);
      expect(signIns).toBe(1);
      later(2_000);
      await ask();
      expect(signIns).toBe(2);
    },
  );

  it("does not remember that it ends: that shows at once", async () => {
    let draining = false;
    const { ask } = ready({ isDraining: () => draining });
    expect((await ask()).status).toBe(200);
    draining = true;
    expect((await ask()).status).toBe(503);
  });

  it("gives up a database that hangs, and a Keystone, after three seconds", async () => {
    const { ask } = ready({ database: () => never, keystone: () => never });
    const startedAt = performance.now();
    expect(await ask()).toMatchObject({ status: 503, body: { database: false } });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThan(2900);
    expect(tookMs).toBeLessThan(5900);
    await expect.poll(async () => (await ask()).body).toMatchObject({ keystone: false });
  });
});
