/**
 * The modules that promise something (SECURITY.md says what), and the tests that would notice. Both are
 * beginnings of paths, so that a new file is in without a line here.
 */
export interface Promises {
  readonly modules: readonly string[];
  /** Asked first: most changes are noticed here, and soon. */
  readonly near: readonly string[];
  /** Asked about what those let pass. */
  readonly far?: readonly string[];
  /** Asked last, because they run the built server: the change is built for them. */
  readonly built?: readonly string[];
}

const issued = ["tests/integration/put-token/", "tests/integration/unnamed-fields"];
const consoleOfTheBuild = ["tests/integration/admins/", "tests/integration/http-headers"];

export const PROMISES: readonly Promises[] = [
  {
    modules: ["app/vault/"],
    near: ["tests/unit/vault/"],
    far: [
      "tests/integration/rotate-keys",
      "tests/integration/survey-seals",
      "tests/integration/links/redeem",
    ],
    built: ["tests/integration/rotate-keys", "tests/faults/secrets-at-rest"],
  },
  {
    modules: [
      "app/audit/",
      "app/links/",
      "app/accounts/",
      "app/jobs/rounds",
      "app/jobs/look-up-users",
      "db/link",
      "db/issue-link",
      "db/reminders",
      "db/scrambles",
      "db/audit-events",
    ],
    near: [
      "tests/unit/audit/",
      "tests/unit/links/",
      "tests/integration/links/",
      "tests/integration/accounts/",
    ],
    far: [
      "tests/integration/admins/weaker-roles",
      ...issued,
      "tests/integration/reset-requests/",
      "tests/integration/service-credential",
      "tests/integration/keystone-check",
    ],
    built: [
      "tests/faults/slow-policy",
      "tests/integration/every-act-in-the-trail",
      "tests/faults/replicas",
      "tests/faults/abuse",
      "tests/faults/crash",
      "tests/integration/admins/weaker-roles",
      "tests/integration/admins/privileged-users",
    ],
  },
  { modules: ["app/imports/"], near: ["tests/unit/imports/"] },
  {
    modules: ["app/reset-requests/", "db/reset-request"],
    near: ["tests/unit/reset-requests/", "tests/integration/reset-requests/"],
    far: ["tests/integration/links/rounds"],
    built: ["tests/integration/admins/weaker-roles", "tests/faults/abuse", "tests/faults/crash"],
  },
  {
    modules: [
      "app/jobs/worker",
      "app/jobs/leased-rows",
      "app/jobs/job-queue",
      "app/jobs/enqueue-job",
      "app/jobs/retry-delay",
      "app/jobs/send-mails",
      "emails/outbox",
      "emails/transport",
      "emails/server-words",
    ],
    near: [
      "tests/unit/jobs/",
      "tests/unit/emails/",
      "tests/integration/outbox",
      "tests/integration/jobs",
    ],
  },
  {
    modules: ["db/mails", "db/jobs", "db/lease"],
    near: ["tests/integration/outbox", "tests/integration/jobs"],
    far: ["tests/integration/links/"],
    built: ["tests/faults/replicas"],
  },
  {
    modules: ["db/anonymous-events", "db/limit-key", "db/rate-limits"],
    near: [
      "tests/unit/http/rate-limit-key",
      "tests/integration/anonymous-events",
      "tests/integration/rate-limits",
    ],
    built: ["tests/faults/abuse"],
  },
  {
    modules: ["app/admins/", "db/admin-sessions", "db/known-admins"],
    near: ["tests/unit/admins/", "tests/integration/admins/sessions"],
    far: [
      "tests/integration/admins/sign-in",
      "tests/integration/put-token/authorization",
      "tests/integration/put-token/token-flood",
      "tests/integration/links/rounds",
    ],
    built: [...consoleOfTheBuild, "tests/faults/abuse"],
  },
  {
    modules: [
      "app/api/",
      "app/http/answer-in-time",
      "app/http/same-origin",
      "app/http/rate-limit",
      "app/http/read-body",
      "app/http/safe-redirect",
      "app/http/guard-console",
      "app/http/require-permit",
      "app/http/keystone-trouble",
      "app/http/client-address",
      "app/http/guard-routes",
      "app/http/session-cookie",
      "app/http/headers",
      "app/http/own-address",
      "app/http/allowed-methods",
      "app/http/respond",
      "app/http/observe-requests",
    ],
    near: ["tests/unit/http/", "tests/unit/api/"],
    far: ["tests/integration/put-token/contract", "tests/integration/admins/sign-in"],
    built: [...consoleOfTheBuild, "tests/faults/abuse", "tests/faults/bad-input"],
  },
  {
    modules: [
      "app/http/canonical-path",
      "app/http/unreadable-requests",
      "app/create-app",
      "app/http/route-names",
      "app/http/metrics-server",
    ],
    near: ["tests/unit/http/"],
    far: ["tests/integration/put-token/contract"],
    built: ["tests/integration/paths", "tests/integration/http-headers"],
  },
  {
    modules: ["app/http/health", "app/http/drain", "app/http/lingering-close"],
    near: ["tests/unit/http/"],
    built: [
      "tests/integration/unread-bodies",
      "tests/integration/readiness",
      "tests/faults/draining",
    ],
  },
  {
    modules: ["app/keystone/"],
    near: ["tests/unit/keystone/"],
    far: [
      "tests/integration/keystone-contract",
      "tests/integration/service-credential",
      "tests/integration/links/redeem-in-turn",
      "tests/integration/put-token/token-flood",
    ],
  },
  {
    modules: ["db/sealed-values"],
    near: ["tests/unit/house-rules", "tests/integration/rotate-keys"],
    built: ["tests/integration/rotate-keys", "tests/faults/secrets-at-rest"],
  },
];
