import type { AuditEvent } from "../links/list-links.server";
import { codeOfRequest } from "../reset-requests/request-code";

/** Why a redemption was refused, by the outcome the audit trail holds. */
const REFUSALS: Record<string, string> = {
  expired: "the link had expired",
  "password-problem": "the password does not follow Keystone's rules",
  "password-refused": "the password does not follow Keystone's rules",
  "initial-password-stale": "the initial password no longer works",
  "account-disabled": "the account is disabled",
  "account-locked": "Keystone has locked the account for a while",
  "password-locked": "Keystone forbids this user to change the password",
  "read-only-account": "the password is kept in a directory Keystone cannot write to",
  "keystone-unavailable": "Keystone did not answer, or its answer was lost",
  "not-in-force": "Keystone was asked again, and none of the user's own is in force",
};

/** How a redemption ended that set a password. */
const REDEMPTIONS: Record<string, string> = {
  ok: "The user set a password",
  "after-revocation":
    "The user's password is in force: Keystone had it already when the link was revoked",
  "already-completed": "The user set a password, at the same moment as it was set before",
  superseded: "The user set a password, and another one took its place at the same moment",
  unknown:
    "The user set a password, but the link was changed at the same moment: whether it is in force is being found out",
};

/** @returns what happened, in words: who did what, and how it ended */
export function describeEvent(event: AuditEvent): string {
  const who = event.actorName ?? (event.actorKind === "admin" ? "an administrator" : "somebody");
  const ok = event.outcome === "ok";
  const code = event.resetRequestId ? ` ${codeOfRequest(event.resetRequestId)}` : "";
  switch (event.action) {
    case "link.issued":
      return `Link issued by ${who}`;
    case "link.renewed":
      return `Link renewed by ${who}`;
    case "link.resent":
      // The trail does not hold whether it was mailed before.
      return `Link mailed by ${who}`;
    case "link.pin-replaced":
      return `The PIN was replaced by ${who}`;
    case "link.password-replaced":
      return `The link's initial password was replaced by ${who}`;
    case "link.recipient-changed":
      return `The address the link is mailed to was changed by ${who}`;
    case "link.revoked":
      return event.outcome === "unreadable"
        ? "Link revoked at an upgrade: what was stored of it could not be read"
        : `Link revoked by ${who}`;
    case "link.redeemed":
      return REDEMPTIONS[event.outcome] ?? "The user set a password";
    case "link.pin-refused":
      return "A wrong PIN was typed";
    case "link.redeem-refused":
      return `No password was set: ${REFUSALS[event.outcome] ?? event.outcome}`;
    case "link.secrets-purged":
      return "The expired link's secrets were erased";
    case "user.initial-password-set":
      if (event.outcome === "unknown")
        return `A random initial password may have been set by ${who}: Keystone's answer was lost`;
      return ok
        ? `A random initial password was set by ${who}`
        : `Keystone did not let ${who} set a random initial password`;
    case "reset.requested":
      return ok
        ? `A new link was asked for${code}`
        : `A new link was asked for${code}; its mailbox had been mailed often enough`;
    case "reset.confirmed":
      return `The request${code} was confirmed from its mailbox`;
    case "reset.answered":
      return `A user's request${code} was answered by ${who}`;
    case "reset.closed":
      return `The request${code} was closed by ${who}`;
    case "admin.signed-in":
      return `${who} signed in`;
    case "admin.sign-in-refused":
      return event.actorName ? `A sign-in as ${who} was refused` : "A sign-in was refused";
    case "token.refused":
      return event.outcome === "not-admin"
        ? `A script's token was refused: ${who} is no administrator`
        : "A script's token was refused: Keystone does not know it";
    case "admin.signed-out":
      return ok ? `${who} signed out` : `The session of ${who} ended with the Keystone token`;
  }
}
