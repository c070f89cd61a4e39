import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { RequestHandler } from "express";
import type { Services } from "../services.server";

const REMEMBERED_MS = 2000;
/** It signs in where the token is over, or was refused a while ago. */
const CREDENTIAL_REMEMBERED_MS = 30_000;
/** What takes longer than this to answer counts as away. */
const PATIENCE_MS = 3000;
/** How long to wait for Keystone's fresh state before telling its last one. */
const KEYSTONE_WAIT_MS = 200;

/** `/healthz`: this process answers. Nothing else is asked, or an outage elsewhere would restart it. */
export const healthz: RequestHandler = (_request, response) => {
  response.type("text/plain").send("ok\n");
};

interface Readiness {
  ready: boolean;
  /** Whether it answers, and takes what is written. */
  database: boolean;
  /** Told, and no reason to be out of service; null: not known yet. */
  keystone: boolean | null;
  /** Whether Keystone takes it; null: not known yet. Left out where there is none. */
  serviceCredential?: boolean | null;
  draining?: true;
}

/**
 * `/readyz`: 200 while this process takes requests and the database takes writes. Keystone is asked in the
 * background and its state is told, but it takes no replica out of service: all would go at once, and users
 * would get the balancer's bare error page. Anybody may ask, and often, so answers are shared for a while.
 */
export function readyz(
  { db, keystone, serviceToken }: Pick<Services, "db" | "keystone" | "serviceToken">,
  { isDraining }: { isDraining: () => boolean },
): RequestHandler {
  const database = remember(() => isWritable(db));
  const identity = remember(() => answers(keystone.request({ method: "GET", path: "" })));
  const credential = remember(async () => {
    await serviceToken?.get().catch(() => {});
  }, CREDENTIAL_REMEMBERED_MS);
  let lastOfKeystone: boolean | null = null;

  async function check(): Promise<Readiness> {
    const asked = identity().then((answer) => {
      lastOfKeystone = answer;
    });
    void credential();
    const [isDatabaseReady] = await Promise.all([
      database(),
      Promise.race([asked, sleep(KEYSTONE_WAIT_MS, undefined, { ref: false })]),
    ]);
    return {
      ready: isDatabaseReady && !isDraining(),
      database: isDatabaseReady,
      keystone: lastOfKeystone,
      ...(serviceToken && { serviceCredential: serviceToken.isAccepted() }),
      ...(isDraining() && { draining: true }),
    };
  }

  return async (_request, response, next) => {
    try {
      const readiness = await check();
      if (!readiness.ready) response.setHeader("Retry-After", "5");
      response.status(readiness.ready ? 200 : 503).json(readiness);
    } catch (error) {
      next(error);
    }
  };
}

function remember<Answer>(
  ask: () => Promise<Answer>,
  rememberedMs = REMEMBERED_MS,
): () => Promise<Answer> {
  let remembered: { at: number; answer: Promise<Answer> } | undefined;
  return () => {
    if (!remembered || Date.now() - remembered.at > rememberedMs)
      remembered = { at: Date.now(), answer: ask() };
    return remembered.answer;
  };
}

/** A standby or a read-only database answers too, but is of no use here. */
const isWritable = (db: Services["db"]): Promise<boolean> =>
  withPatience(
    db
      .execute<{ writable: boolean }>(
        sql`select current_setting('transaction_read_only') = 'off' as writable`,
      )
      .then(([row]) => row?.writable === true),
  );

const answers = (asked: Promise<unknown>): Promise<boolean> => withPatience(asked.then(() => true));

const withPatience = (asked: Promise<boolean>): Promise<boolean> =>
  Promise.race([asked.catch(() => false), sleep(PATIENCE_MS, false, { ref: false })]);
