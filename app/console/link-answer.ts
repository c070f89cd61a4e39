/** What became of a form of a link's page. */
export type LinkAnswer =
  | { intent: "resend"; ok: true; url: string; mailTo: string }
  | { intent: "resend"; ok: false; mailTo: string; error: string }
  | { intent: "revoke"; ok: true }
  | { intent: "end"; ok: true }
  /** `underWay`: what ends a redemption is offered. */
  | { intent: "none"; ok: false; message: string; underWay?: true };

const UNDER_WAY = {
  status: 409,
  message:
    "This link is being redeemed: the right PIN was typed, and Keystone is setting the user's own password. Try again in a moment. If the user must not get in, set a random password: that ends it.",
  underWay: true,
} as const;

/** Why a link is not revoked. */
export const NOT_REVOKED = {
  "not-pending": {
    status: 409,
    message: "This link has ended meanwhile: it was used, renewed or revoked.",
  },
  "in-progress": UNDER_WAY,
} as const;

/** Why it is not mailed. */
export const NOT_MAILED = {
  "not-pending": {
    status: 409,
    message:
      "This link cannot be used any more: it was used or revoked meanwhile, or it has expired or is locked. Renew it to mail it.",
  },
  "in-progress": UNDER_WAY,
} as const;
