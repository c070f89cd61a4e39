import { LRUCache } from "lru-cache";
import { createAnonymousEvents } from "../db/anonymous-events.store";
import { openDatabase } from "../db/client";
import type { KeptSecrets } from "../db/issue-link.store";
import { countJobs } from "../db/jobs.store";
import { countMailsByState } from "../db/mails.store";
import { createRateLimit, type HashKey, type RateLimit } from "../db/rate-limits.store";
import { createMailTransport } from "../emails/transport";
import { type ReadDomainFacts, rememberDomainFacts } from "./accounts/domain-facts.server";
import { createKnownDomains, type KnownDomains } from "./accounts/known-domains.server";
import { createUserLookup, type UserLookup } from "./accounts/look-up-user.server";
import { createTokenAuthorizer } from "./admins/authorize-token.server";
import { createSessionCheck, type SessionCheck } from "./admins/check-session.server";
import { createRefusedTokens } from "./admins/refused-tokens.server";
import type { AdminContext } from "./admins/sign-in.server";
import type { Config } from "./config/config.server";
import { findInsecureSettings } from "./config/insecure-settings.server";
import { lookUpQueue } from "./jobs/look-up-users.server";
import { roundsOf } from "./jobs/rounds.server";
import { mailQueue } from "./jobs/send-mails.server";
import { createWorker } from "./jobs/worker.server";
import { createKeystoneSession } from "./keystone/session.server";
import { shareKeystone } from "./keystone/shared-session.server";
import { createTokenSource, signInOf, type TokenSource } from "./keystone/token-source.server";
import { createPolicyCheck } from "./links/redeem/check-policy.server";
import { createRequestLimits } from "./reset-requests/request-limits.server";
import type { RequestContext } from "./reset-requests/request-reset.server";
import { createLog, type Log } from "./telemetry/log.server";
import { createMetrics, type Metrics } from "./telemetry/metrics.server";
import { observeKeystone, observeServiceSignIns } from "./telemetry/observe-keystone.server";
import { createVault } from "./vault/vault.server";

/** Scripts send a user's link again within minutes, if they do. */
const KEPT_SECRETS = { max: 5000, ttl: 10 * 60_000 };

/** Everything the routes work with, wired once; they receive it through Remix's load context. */
export interface Services extends RequestContext, AdminContext {
  readonly config: Config;
  readonly sessionCheck: SessionCheck;
  /** setpass's own token; undefined where no credential is set. */
  readonly serviceToken: TokenSource | undefined;
  readonly userLookup: UserLookup;
  readonly knownDomains: KnownDomains;
  readonly readDomainFacts: ReadDomainFacts;
  readonly metrics: Metrics;
  readonly limits: {
    /** Requests for a new link, by client address. */
    readonly address: RateLimit;
    /** Links that there are not and wrong PINs, by client address. */
    readonly wrongLink: RateLimit;
    /** Sign-ins, by client address: those that are right are given back. */
    readonly signInOfAddress: RateLimit;
    /** Sign-ins, by the account named and the client address. */
    readonly signInFromAddress: RateLimit;
    /** Sign-ins, by the account named alone. */
    readonly signIn: RateLimit;
  };
  /** Lets what is under way finish, then closes every connection. */
  stop(): Promise<void>;
}

/**
 * Wires the services and starts the worker.
 *
 * @param config from `loadConfig`
 * @param log where events go; standard output when left out
 */
export function startServices(
  config: Config,
  log: Log = createLog({ level: config.logLevel }),
): Services {
  const insecure = findInsecureSettings(config);
  if (insecure.length > 0) log.warn("server.insecure", { problems: insecure });
  const database = openDatabase({ url: config.databaseUrl, poolSize: config.databasePoolSize });
  const { db } = database;
  const vault = createVault(config.secretKeys);
  const metrics = createMetrics({
    mailsByState: () => countMailsByState(db),
    jobsByState: () => countJobs(db),
    keystoneLoad: () => keystone.load(),
    jobsUnderWay: () => worker.underWay(),
    isServiceCredentialAccepted: () => serviceToken?.isAccepted() ?? null,
  });
  const worker = createWorker({ log, observe: metrics.observeJob });
  const onCall = observeKeystone({ log, metrics });
  const session = createKeystoneSession({
    authUrl: config.keystone.authUrl,
    caCertificate: config.keystone.caCertificate,
    timeoutSeconds: config.keystone.timeoutSeconds,
    userAgent: "setpass",
    onCall,
  });
  const keystone = shareKeystone(session, { concurrency: config.keystone.concurrency, onCall });
  const { credential, tokenRefresh, tokenTtlSeconds } = config.service;
  const serviceToken =
    credential &&
    createTokenSource({
      session: keystone.as({ rank: "people", party: "service-credential" }),
      signIn: signInOf(credential),
      refresh: tokenRefresh,
      ttlSeconds: tokenTtlSeconds,
      onSignIn: observeServiceSignIns({ log }),
    });
  // A wrong one is told now, in the log, and not when it is first needed.
  void serviceToken?.get().catch(() => {});
  const transport = createMailTransport({
    smtpUrl: config.mail.smtpUrl,
    from: config.mail.from,
    replyTo: config.mail.replyTo,
    publicUrl: config.publicUrl,
  });
  const outbox = { wake: () => worker.wake("mails") };
  const hashKey: HashKey = (key) => vault.fingerprint("limit", key);
  const anonymousEvents = createAnonymousEvents(db, hashKey);
  const policyCheck = createPolicyCheck({ log });
  const keptSecrets = new LRUCache<string, KeptSecrets>(KEPT_SECRETS);
  const base = {
    config,
    db,
    vault,
    keystone,
    policyCheck,
    log,
    outbox,
    anonymousEvents,
    keptSecrets,
    readDomainFacts: rememberDomainFacts(),
  };
  const userLookup = createUserLookup({ ...base, serviceToken }, () => worker.wake("look-ups"));
  worker.start(mailQueue({ db, vault, transport, config, log }));
  worker.start(lookUpQueue(userLookup));
  for (const round of roundsOf({ ...base, serviceToken })) worker.start(round);
  const perMinute = config.rateLimitPerMinute;
  const refusedTokens = createRefusedTokens({
    db,
    anonymousEvents: createAnonymousEvents(db, hashKey, "token-events"),
    log,
    hashKey,
    perMinute,
  });
  const tokenAuthorizer = createTokenAuthorizer({ config, keystone, refusedTokens });
  const limit = (name: string, points: number, windowSeconds: number) =>
    createRateLimit(db, { name, points, windowSeconds, hashKey });
  return {
    ...base,
    requestEvents: createAnonymousEvents(db, hashKey, "reset-events"),
    requestLimits: createRequestLimits(db, { perSender: config.resetLimitPerHour, hashKey }),
    tokenAuthorizer,
    sessionCheck: createSessionCheck({ tokenAuthorizer, log }),
    serviceToken,
    userLookup,
    knownDomains: createKnownDomains(keystone),
    metrics,
    limits: {
      address: limit("address", perMinute, 60),
      wrongLink: limit("wrong-link", perMinute, 60),
      signInOfAddress: limit("sign-in-of", perMinute, 60),
      signInFromAddress: limit("sign-in-from", 10, 300),
      signIn: limit("sign-in", 50, 900),
    },
    async stop() {
      await worker.stop();
      transport.close();
      await policyCheck.stop();
      await keystone.close();
      await database.close({ timeoutSeconds: 5 });
    },
  };
}
