/**
 * The modules that promise something (SECURITY.md says what), and the tests that would notice. Both are
 * beginnings of paths, so that a new file is in without a line here. A test that runs the built server
 * belongs to `built`: it is asked last, because each change is built for it first.
 */
export interface Promises {
  readonly modules: readonly string[];
  /** Of the unit and integration tests. */
  readonly tests: readonly string[];
  /** Of any, on a build with the change in it. */
  readonly built?: readonly string[];
}

const links = ["tests/unit/links/", "tests/integration/links/", "tests/integration/put-token/"];
const outbox = ["tests/unit/emails/", "tests/integration/outbox"];

export const PROMISES: readonly Promises[] = [
  {
    modules: ["app/vault/"],
    tests: ["tests/unit/vault/", "tests/integration/rotate-keys", "tests/integration/links/redeem"],
    built: ["tests/faults/secrets-at-rest"],
  },
  {
    modules: [
      "app/links/",
      "app/requests/",
      "db/links",
      "db/link",
      "db/reset-requests",
      "app/maintenance",
    ],
    tests: [...links, "tests/integration/unnamed-fields", "tests/integration/requests/"],
    built: [
      "tests/faults/audit",
      "tests/faults/replicas",
      "tests/faults/abuse",
      "tests/faults/crash",
    ],
  },
  {
    modules: [
      "emails/outbox",
      "emails/transport",
      "emails/server-words",
      "emails/retry-delay",
      "db/mails",
    ],
    tests: [...outbox, "tests/unit/smtp-url", "tests/integration/links/"],
    built: ["tests/faults/replicas"],
  },
  {
    modules: ["app/admins/", "db/admin-sessions"],
    tests: [
      "tests/integration/admins/sign-in",
      "tests/integration/put-token/",
      "tests/unit/keystone/",
    ],
    built: ["tests/integration/admins/", "tests/integration/http-headers", "tests/faults/abuse"],
  },
  {
    modules: [
      "app/http/same-origin",
      "app/http/rate-limit",
      "app/http/read-body",
      "app/http/safe-redirect",
      "app/http/require-admin",
      "app/http/client-address",
      "app/http/guard-routes",
      "app/http/session-cookie",
      "app/http/headers",
    ],
    tests: ["tests/unit/http/", "tests/integration/put-token/contract"],
    built: [
      "tests/integration/http-headers",
      "tests/integration/admins/",
      "tests/faults/abuse",
      "tests/faults/bad-input",
    ],
  },
  {
    modules: ["db/rate-limits", "db/anonymous-events", "db/audit-events"],
    tests: ["tests/integration/links/", "tests/integration/put-token/"],
    built: ["tests/faults/abuse", "tests/faults/audit", "tests/faults/replicas"],
  },
  {
    modules: ["db/sealed-values"],
    tests: ["tests/integration/rotate-keys", "tests/unit/house-rules"],
    built: ["tests/faults/secrets-at-rest"],
  },
];
