import type { Words } from "../messages/words";

export type LinkAnswer =
  | { intent: "resend"; ok: true; url: string; mailTo: string }
  | { intent: "resend"; ok: false; mailTo: string; error: string }
  | { intent: "revoke" | "end"; ok: true }
  /** `underWay`: what ends a redemption is offered. */
  | { intent: "none"; ok: false; message: string; underWay: boolean };

/** Why a link is not revoked, or not mailed: by what was asked for. */
const REFUSALS = {
  revoke: { "not-pending": "ended", "in-progress": "underWay" },
  resend: { "not-pending": "unusable", "in-progress": "underWay" },
} as const;

export function refusalOf(
  words: Words,
  intent: keyof typeof REFUSALS,
  reason: "not-pending" | "in-progress",
): { status: 409; message: string; underWay: boolean } {
  const name = REFUSALS[intent][reason];
  const message = words(`console.link.refusal.${name}`);
  return { status: 409, message, underWay: name === "underWay" };
}
