import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ServerBuild } from "@remix-run/node";
import { type Config, loadConfig } from "./app/config/config.server";
import { createApp } from "./app/create-app.server";
import { createDrain, type Drain } from "./app/http/drain.server";
import { startMetricsServer } from "./app/http/metrics-server.server";
import { answerUnreadable } from "./app/http/unreadable-requests.server";
import { leaseSecondsFor } from "./app/links/redeem/lease.server";
import { type Services, startServices } from "./app/services.server";
import { createLog, describeError, type Log } from "./app/telemetry/log.server";
import { surveySeals } from "./app/vault/survey-seals.server";
import { createVault } from "./app/vault/vault.server";
import { openDatabase } from "./db/client";
import { findExcessRights } from "./db/grants";
import { countPendingMigrations, MigrationsMissingError, migrateDatabase } from "./db/migrate";
import { isDatabaseOutage, missingRight } from "./db/outage";
import type { SealedPlace } from "./db/sealed-survey.store";

/** The process is built to build/process/, beside Remix's build/server/ and build/client/. */
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const clientFolder = path.join(root, "build/client");
const migrationsFolder = path.join(root, "db/migrations");

const DRAIN_SECONDS = 60;
const DATABASE_WAIT_SECONDS = 60;

async function main(): Promise<void> {
  const result = loadConfig(process.env);
  if (!result.ok) {
    const problems = result.problems.map((problem) => `  - ${problem}`).join("\n");
    process.stderr.write(
      `setpass cannot start: the configuration needs attention. .env.example explains every name.\n${problems}\n`,
    );
    process.exit(78); // EX_CONFIG of sysexits.h
  }
  const { config } = result;
  const log = createLog({ level: config.logLevel });
  await prepareDatabase(config, log);
  await checkKeys(config, log);
  await checkRights(config, log);
  const services = startServices(config, log);
  const build: ServerBuild = await import(
    pathToFileURL(path.join(root, "build/server/index.js")).href
  );
  const drain = createDrain();
  const app = createApp(services, {
    build,
    clientFolder,
    portalScript: findPortalScript(),
    isDraining: drain.isDraining,
  });
  const server = createServer(
    {
      // A client that sends its request byte by byte must not hold a connection for long.
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      connectionsCheckingInterval: 2_000,
    },
    app,
  );
  // Nor one that never reads its answer. Longer than any answer of ours takes to begin.
  server.setTimeout((leaseSecondsFor(config.keystone.timeoutSeconds) + 5) * 1000);
  drain.follow(server);
  answerUnreadable(server, services);
  await listenForMetrics(config, services);
  server.once("error", (error) => fail(`cannot listen on ${config.host}:${config.port}`, error));
  server.listen(config.port, config.host, () => {
    const { port } = server.address() as AddressInfo;
    log.info("server.started", { host: config.host, port });
  });
  drainOnSignal(drain, services, log);
}

async function listenForMetrics({ metricsListen }: Config, services: Services): Promise<void> {
  if (!metricsListen) return;
  await startMetricsServer(services, metricsListen).catch((error) => {
    const { host, port } = metricsListen;
    fail(
      `cannot listen for /metrics on ${host}:${port}. Give METRICS_LISTEN another address, or leave it empty for none`,
      error,
    );
  });
}

async function prepareDatabase(config: Config, log: Log): Promise<void> {
  const where = { url: config.databaseUrl, folder: migrationsFolder };
  const pending = await onceDatabaseAnswers(log, async () => {
    if (config.migrateOnStart) await migrateDatabase(where);
    return countPendingMigrations(where);
  });
  if (pending === 0) return;
  process.stderr.write(
    `setpass cannot start: the database lacks ${pending} migration${pending === 1 ? "" : "s"}. Run \`npm run migrate\`, or set MIGRATE_ON_START=1.\n`,
  );
  process.exit(78);
}

/** A missing key would show only when the first user opens a link: better now, and to the operator. */
async function checkKeys(config: Config, log: Log): Promise<void> {
  const database = openDatabase({ url: config.databaseUrl, poolSize: 1 });
  const vault = createVault(config.secretKeys);
  const survey = await onceDatabaseAnswers(log, () => surveySeals({ db: database.db, vault }));
  await database.close({ timeoutSeconds: 5 });
  const { missingKeys, broken } = survey;
  const keys = missingKeys.map(({ keyId, values }) => `${keyId} (${values} values)`);
  if (survey.isOfOtherKeys)
    stopWith(
      78,
      `the database holds secrets, and SECRET_KEYS has the key of none: they are sealed with ${keys.join(", ")}. Put the former keys back, behind the first; \`npm run rotate-keys\` then frees you of them.`,
    );
  const inWords = ({ column, row }: SealedPlace) => `${column} of ${row}`;
  if (missingKeys.length > 0)
    log.error("vault.keys-missing", {
      count: missingKeys.reduce((sum, { values }) => sum + values, 0),
      problems: [
        ...keys.map((key) => `SECRET_KEYS lacks ${key}`),
        ...survey.ofMissingKeys.map(inWords),
      ],
    });
  if (broken.length > 0)
    log.error("vault.values-unreadable", { count: broken.length, problems: broken.map(inWords) });
}

/** Nothing of it is refused: but nobody shall take the trail for safe where the server could change it. */
async function checkRights(config: Config, log: Log): Promise<void> {
  const database = openDatabase({ url: config.databaseUrl, poolSize: 1 });
  const excess = await onceDatabaseAnswers(log, () => findExcessRights(database.db));
  await database.close({ timeoutSeconds: 5 });
  if (excess.length === 0) return;
  const advice = config.migrateOnStart
    ? "With MIGRATE_ON_START=1 the server has to own the tables: let `npm run migrate` do it, as a role of its own, and give the server another by `npm run grants`."
    : "Give the server a role of its own by `npm run grants`.";
  log.warn("server.role-too-powerful", { problems: [...excess, advice] });
}

/** After a power cut the database may be up later than we are: it is waited for, and that is logged. */
async function onceDatabaseAnswers<Result>(log: Log, ask: () => Promise<Result>): Promise<Result> {
  const giveUpAt = Date.now() + DATABASE_WAIT_SECONDS * 1000;
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof MigrationsMissingError) stopWith(78, error.message);
      const right = missingRight(error);
      if (right)
        stopWith(
          78,
          `the role of DATABASE_URL lacks a right (${right}). As the owner of the tables run \`npm run migrate\`, then \`npm run grants\`, both of this release.`,
        );
      if (!isDatabaseOutage(error) || Date.now() > giveUpAt)
        fail("the database of DATABASE_URL cannot be used", error);
      if (tries === 1) log.warn("server.waiting-for-database", { error: describeError(error) });
      await sleep(500);
    }
  }
}

/** Vite names the script by its content; its manifest knows the name. */
function findPortalScript(): string {
  const manifestFile = path.join(root, "build/.vite/client-manifest.json");
  if (!existsSync(manifestFile)) fail("it is not built: run `npm run build`");
  const manifest = JSON.parse(readFileSync(manifestFile, "utf8")) as Record<
    string,
    { file: string }
  >;
  const script = manifest["app/portal/enhance.ts"]?.file;
  if (!script) fail("its build holds no portal script: run `npm run build`");
  return `/${script}`;
}

function fail(why: string, error?: unknown): never {
  const reason = error === undefined ? "" : ` (${describeError(error).message})`;
  return stopWith(1, `${why}${reason}`);
}

function stopWith(exitCode: 1 | 78, why: string): never {
  process.stderr.write(`setpass cannot start: ${why}\n`);
  process.exit(exitCode);
}

/** Requests under way are answered, workers finish what they hold, then the process ends with 0. */
function drainOnSignal(drain: Drain, services: Services, log: Log): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info("server.draining", { signal });
    const tooLong = setTimeout(
      () => {
        log.error("server.drain-timed-out");
        process.exit(1);
      },
      (DRAIN_SECONDS + services.config.drainDelaySeconds) * 1000,
    );
    tooLong.unref();
    await drain.end({ delaySeconds: services.config.drainDelaySeconds });
    await services.stop();
    log.info("server.stopped");
    process.exit(0);
  };
  const onSignal = (signal: NodeJS.Signals) => {
    stop(signal).catch((error) => {
      log.error("server.drain-failed", { error: describeError(error) });
      process.exit(1);
    });
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  process.on("unhandledRejection", (error) =>
    log.error("server.unhandled-rejection", { error: describeError(error) }),
  );
}

await main();
