export interface AccountToOpen {
  userName: string;
  domainId: string;
  email?: string;
  fullName?: string;
  /** The one of this name, created where there is none. */
  project?: {
    name: string;
    domainId: string;
    /** Where it is known to be there: Keystone is not asked for it again. */
    id?: string;
  };
  /** On the project. */
  role?: { id: string };
  /** Well-formed: see `isPin`. */
  pin: string;
  /** Left out: a random one, which nobody ever sees. */
  initialPassword?: string;
  /** Left out: the link is not mailed. */
  mailTo?: string;
  /** The user's, by its tag. */
  language?: string;
  /** 1 to LONGEST_LIFETIME_SECONDS; left out: TOKEN_EXPIRATION. */
  expiresInSeconds?: number;
}

/** What there is in Keystone by now, whether it was there before or not. */
export interface Opened {
  project?: { readonly id: string; readonly isNew: boolean };
  user?: { readonly id: string; readonly isNew: boolean };
  hasRole?: boolean;
}

/** In which order things are done. */
export type OpeningStep = "project" | "user" | "role" | "link";

export type WhyNotOpened =
  /** Somebody opens an account of this name at this moment; or did, and died of it. */
  | { reason: "in-progress"; retryAfterSeconds: number }
  /** There is a user of this name whom setpass did not make, or made for another address. */
  | { reason: "name-taken"; userId?: string }
  /** setpass made this account for this address, and there is a link for it. */
  | { reason: "already-handed-over"; userId: string }
  /** setpass made this account for this address, and somebody has disabled it since. */
  | { reason: "account-disabled"; userId: string }
  | {
      reason:
        | "unknown-domain"
        | "read-only-domain"
        | "unknown-project"
        | "unknown-role"
        /** Keystone has it in another spelling, or took it from somebody else just now. */
        | "project-name-taken"
        | "project-disabled"
        /** Keystone's policy does not let the token's holder do this. */
        | "forbidden"
        /** Keystone takes the token no more. */
        | "token-ended";
    }
  /** In Keystone's own words. */
  | { reason: "password-refused" | "bad-request"; message: string }
  /** `isUnknown`: Keystone may have carried the step out all the same. */
  | { reason: "keystone-unavailable"; retryAfterSeconds: number; isUnknown: boolean };

export type Refusal = { ok: false } & WhyNotOpened;
