import type { CallMatch } from "../support/fault-proxy";
import type { StatementMatch } from "../support/postgres-proxy";
import type { SmtpStage } from "../support/smtp-proxy";

/** What somebody is about when the server is killed. */
export type Act =
  | "open"
  | "issue"
  | "renew"
  | "console-issue"
  | "answer"
  | "redeem"
  | "guess"
  | "revoke"
  | "mail";

export interface CrashPoint {
  readonly name: string;
  readonly act: Act;
  readonly where:
    | ({ readonly in: "database" } & StatementMatch)
    | ({ readonly in: "keystone" } & CallMatch)
    | { readonly in: "smtp"; readonly stage: SmtpStage };
  /** `after`: PostgreSQL, Keystone or the mail server has done it, and the server never learns. */
  readonly moment: "before" | "after";
  /** Part of the short form. */
  readonly short: boolean;
}

type Where = CrashPoint["where"];
type Shorts = "before" | "after" | "both" | "none";

/** Before and after one step. */
function around(act: Act, step: string, where: Where, short: Shorts): CrashPoint[] {
  return (["before", "after"] as const).map((moment) => ({
    name: `${act}: ${moment} ${step}`,
    act,
    where,
    moment,
    short: short === "both" || short === moment,
  }));
}

const statement = (sql: RegExp, within?: RegExp): Where => ({ in: "database", sql, within });
const call = (method: string, path: string | RegExp): Where => ({ in: "keystone", method, path });
const stage = (name: SmtpStage): Where => ({ in: "smtp", stage: name });

const COMMIT = /^commit$/i;
const WRITES_LINK = /^with written as \( insert into links/;
const RENEWS_LINK = /^with written as \( update links/;
const DESCRIBES_USER = /^update "links" set .*"user_checked_at" = clock_timestamp\(\)/;
const NOTES_PASSWORD = /^update "links" set "sealed_attempts" = \$1, "attempted_at"/;
const FINDS_LINK = /^select .* from "links" where "links"."token_hash" = \$1/;
const TRIES_PIN = /^with tried as \(update "links" set "attempts" = "links"."attempts" \+ /;
const COMPLETES_LINK = /^with completed as \(update "links" set /;
const REVOKES_LINK = /^update "links" set .*"revoked_at" = clock_timestamp\(\)/;
const REPLACES_TOKEN =
  /^update "links" set "token_hash" = \$1, "sealed_pin_key" = \$2, "mail_to" = \$3/;
const CANCELS_MAILS =
  /^update "mails" set "sealed_props" = \$1, "state" = \$2, "leased_until" = \$3 where/;
const WRITES_MAIL = /^insert into "mails"/;
const CLAIMS_MAILS = /^update "mails" set .*"leased_until" = now\(\) \+/;
const MARKS_SENT = /^update "mails" set .*"sent_at" = now\(\)/;
const CLOSES_REQUEST = /^update "reset_requests" set .*"closed_by_id"/;
const WRITES_EVENT = /^insert into audit_events/;
const TAKES_HOLD = /^with taken as \( insert into rate_limits as held/;
const LETS_GO = /^delete from "rate_limits" where .*"points"/;

/** Every step of every act, as the server takes them. */
export const CRASH_POINTS: readonly CrashPoint[] = [
  ...around("open", "its name is held", statement(TAKES_HOLD), "after"),
  ...around("open", "Keystone creates the project", call("POST", "/v3/projects"), "after"),
  ...around("open", "that is recorded", statement(WRITES_EVENT), "none"),
  ...around("open", "Keystone creates the user", call("POST", "/v3/users"), "both"),
  ...around(
    "open",
    "Keystone gives the role",
    call("PUT", /^\/v3\/projects\/.*\/roles\//),
    "after",
  ),
  ...around("open", "the link is written", statement(WRITES_LINK), "none"),
  ...around("open", "its mail is written", statement(WRITES_MAIL, WRITES_LINK), "before"),
  ...around("open", "both are committed", statement(COMMIT, WRITES_LINK), "both"),
  ...around("open", "its name is let go", statement(LETS_GO), "none"),

  ...around("issue", "Keystone scopes the token", call("POST", "/v3/auth/tokens"), "none"),
  ...around("issue", "the link is written", statement(WRITES_LINK), "after"),
  ...around("issue", "Keystone is asked about the user", call("GET", /^\/v3\/users\//), "none"),
  ...around("issue", "the user is described", statement(DESCRIBES_USER), "none"),

  ...around("renew", "Keystone scopes the token", call("POST", "/v3/auth/tokens"), "none"),
  ...around("renew", "the link is written", statement(RENEWS_LINK), "both"),

  ...around("console-issue", "the password is noted", statement(NOTES_PASSWORD), "none"),
  ...around("console-issue", "that is committed", statement(COMMIT, NOTES_PASSWORD), "none"),
  ...around("console-issue", "Keystone sets it", call("PATCH", /^\/v3\/users\//), "after"),
  ...around("console-issue", "that is recorded", statement(WRITES_EVENT), "none"),
  ...around("console-issue", "the link is written", statement(WRITES_LINK), "none"),
  ...around("console-issue", "its mail is written", statement(WRITES_MAIL), "before"),
  ...around("console-issue", "both are committed", statement(COMMIT, WRITES_LINK), "after"),

  ...around("answer", "the link is written", statement(WRITES_LINK), "none"),
  ...around("answer", "its mail is written", statement(WRITES_MAIL, WRITES_LINK), "none"),
  ...around("answer", "the request is closed", statement(CLOSES_REQUEST), "both"),
  ...around("answer", "that is recorded", statement(WRITES_EVENT, CLOSES_REQUEST), "none"),
  ...around("answer", "all that is committed", statement(COMMIT, CLOSES_REQUEST), "after"),

  ...around("redeem", "the link is found", statement(FINDS_LINK), "none"),
  ...around("redeem", "the PIN is tried and the link claimed", statement(TRIES_PIN), "both"),
  ...around("redeem", "Keystone sets it", call("POST", /^\/v3\/users\/[^/]+\/password$/), "both"),
  ...around(
    "redeem",
    "the link is completed, recorded and told",
    statement(COMPLETES_LINK),
    "both",
  ),

  ...around("guess", "it is counted, compared and recorded", statement(TRIES_PIN), "both"),

  ...around("revoke", "the link is revoked", statement(REVOKES_LINK), "none"),
  ...around("revoke", "its mails are cancelled", statement(CANCELS_MAILS, REVOKES_LINK), "none"),
  ...around("revoke", "that is recorded", statement(WRITES_EVENT, REVOKES_LINK), "none"),
  ...around("revoke", "all that is committed", statement(COMMIT, REVOKES_LINK), "after"),

  ...around("mail", "it is written", statement(WRITES_MAIL, REPLACES_TOKEN), "none"),
  ...around("mail", "it is committed", statement(COMMIT, WRITES_MAIL), "after"),
  ...around("mail", "it is claimed", statement(CLAIMS_MAILS), "after"),
  ...around("mail", "the mail server greets", stage("connection"), "none"),
  ...around("mail", "signing in to the mail server", stage("AUTH"), "none"),
  ...around("mail", "its sender is named", stage("MAIL FROM"), "none"),
  ...around("mail", "its recipient is named", stage("RCPT TO"), "none"),
  ...around("mail", "it is announced", stage("DATA"), "none"),
  ...around("mail", "it is handed over", stage("end-of-data"), "both"),
  ...around("mail", "it is marked as sent", statement(MARKS_SENT), "before"),
];
