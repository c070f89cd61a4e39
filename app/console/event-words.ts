import type { ScrambleOutcome } from "../accounts/scramble-passwords.server";
import type { AuditEvent } from "../links/list-links.server";
import type { Words } from "../messages/words";
import { codeOfRequest } from "../reset-requests/request-code";

/** Why a redemption was refused, by the outcome the audit trail holds. */
const REFUSALS = [
  "expired",
  "password-problem",
  "password-refused",
  "initial-password-stale",
  "account-disabled",
  "account-locked",
  "password-locked",
  "read-only-account",
  "keystone-unavailable",
  "not-in-force",
] as const;

/** How a redemption ended that set a password. */
const REDEMPTIONS = [
  "ok",
  "after-revocation",
  "already-completed",
  "superseded",
  "unknown",
] as const;

/** What became of an initial password whose link was over. */
const SCRAMBLED = [
  ...(["ok", "not-in-force", "account-disabled", "read-only"] as const),
  ...(["forbidden", "refused", "unknown-user", "given-up"] as const),
] as const satisfies readonly ScrambleOutcome[];

/** @returns what happened and how it ended; who did it is told beside it */
export function describeEvent(words: Words, event: AuditEvent): string {
  const { action, outcome } = event;
  const ok = outcome === "ok";
  const code = event.resetRequestId ? codeOfRequest(event.resetRequestId) : "none";
  switch (action) {
    case "link.issued":
    case "link.renewed":
    // The trail does not hold whether it was mailed before.
    case "link.resent":
    case "link.reminded":
    case "link.pin-replaced":
    case "link.password-replaced":
    case "link.recipient-changed":
    case "link.pin-refused":
    case "link.secrets-purged":
      return words(`console.event.${action}`);
    case "link.revoked":
      return words(
        outcome === "unreadable" ? "console.event.revokedUnreadable" : "console.event.link.revoked",
      );
    case "link.redeemed": {
      const known = REDEMPTIONS.find((one) => one === outcome) ?? "ok";
      return words(`console.event.redeemed.${known}`);
    }
    case "link.redeem-refused": {
      const known = REFUSALS.find((one) => one === outcome);
      return known
        ? words(`console.event.refused.${known}`)
        : words("console.event.refusedOther", { outcome });
    }
    case "user.initial-password-set":
      if (outcome === "unknown") return words("console.event.initialPasswordUnknown");
      return words(ok ? "console.event.initialPassword" : "console.event.initialPasswordRefused");
    case "user.created": {
      if (outcome === "continued") return words("console.event.userContinued");
      return words(ok ? "console.event.userCreated" : "console.event.userNotPermitted");
    }
    case "project.created":
      return words("console.event.projectCreated");
    case "role.assigned":
      return words("console.event.roleAssigned");
    case "user.initial-password-scrambled": {
      const known = SCRAMBLED.find((one) => one === outcome) ?? "given-up";
      return words(`console.event.scrambled.${known}`);
    }
    case "user.enabled":
      if (outcome === "unknown") return words("console.event.enabledUnknown");
      return words(ok ? "console.event.enabled" : "console.event.enabledRefused");
    case "reset.requested":
      return words(ok ? "console.event.requested" : "console.event.requestedOften", { code });
    case "reset.confirmed":
      return words("console.event.confirmed", { code });
    case "reset.answered":
      return words("console.event.answered", { code });
    case "reset.closed":
      return words("console.event.closed", { code });
    case "admin.signed-in":
      return words("console.event.signedIn");
    case "admin.sign-in-refused":
      return words("console.event.signInRefused");
    case "token.refused":
      return words(
        outcome === "not-admin" ? "console.event.tokenNotAdmin" : "console.event.tokenUnknown",
      );
    case "admin.signed-out":
      return words(ok ? "console.event.signedOut" : "console.event.sessionEnded");
  }
}
