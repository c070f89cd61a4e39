import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import type { RequestHandler } from "express";
import type { Services } from "../services.server";

const REMEMBERED_MS = 2000;
/** Who asks wants to know now: what takes longer than this is not ready. */
const PATIENCE_MS = 3000;

/** `/healthz`: this process answers. Nothing else is asked, or an outage elsewhere would restart it. */
export const healthz: RequestHandler = (_request, response) => {
  response.type("text/plain").send("ok\n");
};

/**
 * `/readyz`: the database and Keystone answer too. Asked anonymously and often, so an answer is
 * remembered for two seconds and shared by all who ask meanwhile.
 */
export function readyz({ db, keystone }: Pick<Services, "db" | "keystone">): RequestHandler {
  let remembered: { at: number; answer: Promise<Readiness> } | undefined;

  return async (_request, response, next) => {
    try {
      if (!remembered || Date.now() - remembered.at > REMEMBERED_MS)
        remembered = { at: Date.now(), answer: check() };
      const readiness = await remembered.answer;
      const ready = readiness.database && readiness.keystone;
      if (!ready) response.setHeader("Retry-After", "5");
      response.status(ready ? 200 : 503).json({ ready, ...readiness });
    } catch (error) {
      next(error);
    }
  };

  async function check(): Promise<Readiness> {
    const [database, identity] = await Promise.all([
      answers(db.execute(sql`select 1`)),
      answers(keystone.request({ method: "GET", path: "" })),
    ]);
    return { database, keystone: identity };
  }
}

const answers = (asked: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    asked.then(
      () => true,
      () => false,
    ),
    sleep(PATIENCE_MS, false, { ref: false }),
  ]);

interface Readiness {
  database: boolean;
  keystone: boolean;
}

/** `/metrics`, in Prometheus's text format. Counts alone; keep it from the world at the proxy. */
export function metricsPage({ metrics }: Pick<Services, "metrics">): RequestHandler {
  return async (_request, response, next) => {
    try {
      response.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    } catch (error) {
      next(error);
    }
  };
}
