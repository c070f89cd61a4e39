import { randomBytes } from "node:crypto";
import { issueLink } from "../../app/links/issue-link.server";
import type { LinkToken } from "../../app/links/link-token.server";
import { type RedeemResult, redeemLink } from "../../app/links/redeem/redeem-link.server";
import type { LinkUser } from "../../db/links.store";
import type { KeystoneAdmin } from "./keystone-admin";
import { newAdmin, newOrigin, type TestServices } from "./services";

/** A link and all that is known of it outside of the database. */
export interface IssuedTestLink {
  readonly id: string;
  readonly userId: string;
  readonly token: LinkToken;
  readonly pin: string;
  readonly initialPassword: string;
}

/** The row, as SQL has it. */
// biome-ignore lint/suspicious/noExplicitAny: columns are looked at one by one
export type Columns = Record<string, any>;

export interface LinkStage {
  /** A user in Keystone whose password is a new random one. */
  newUser(): Promise<{ id: string; name: string; password: string }>;
  /** Issues a link for a user of Keystone's; for a new one unless told. */
  issue(options?: {
    userId?: string;
    pin?: string;
    initialPassword?: string;
    mailTo?: string;
    user?: LinkUser;
  }): Promise<IssuedTestLink>;
  redeem(
    link: Pick<IssuedTestLink, "token" | "pin">,
    password: string,
    options?: { pin?: string; by?: TestServices },
  ): Promise<RedeemResult>;
  row(link: Pick<IssuedTestLink, "userId">): Promise<Columns>;
  /** Actions and outcomes of the audit trail about this user, oldest first: `link.redeemed ok`. */
  trail(link: Pick<IssuedTestLink, "userId">): Promise<string[]>;
}

/** @returns a password that the tests' Keystone takes, unlike any other */
export const newPassword = () => `Own-1-${randomBytes(9).toString("base64url")}`;

/** @returns another PIN, well-formed, each time another one */
export const wrongPins = (pin: string, count: number) =>
  Array.from({ length: count }, (_, index) =>
    String((Number(pin) + 1 + index) % 10_000).padStart(4, "0"),
  );

/** Users and links over a test's services; every person is new, so tests can share a database. */
export function linkStage(services: TestServices, keystone: KeystoneAdmin): LinkStage {
  const { sql } = services.database;

  async function newUser() {
    const password = `Initial-1-${randomBytes(9).toString("base64url")}`;
    const name = `link-${randomBytes(6).toString("hex")}`;
    const { id } = await keystone.createUser({ name, password });
    return { id, name, password };
  }

  return {
    newUser,
    async issue(options = {}) {
      const user = options.userId === undefined ? await newUser() : undefined;
      const userId = options.userId ?? user?.id ?? "";
      const initialPassword = options.initialPassword ?? user?.password ?? "";
      const pin = options.pin ?? "0420";
      const result = await issueLink(
        services.services,
        {
          userId,
          pin,
          initialPassword,
          via: "console",
          ...(options.mailTo !== undefined && { mailTo: options.mailTo }),
          ...(options.user && { user: options.user }),
        },
        newAdmin(),
      );
      if (!result.ok) throw new Error(`no link was issued: ${result.reason}`);
      return { id: result.link.id, userId, token: result.link.token, pin, initialPassword };
    },
    redeem: (link, password, { pin = link.pin, by = services } = {}) =>
      redeemLink(by.services, { token: link.token, pin, password }, newOrigin()),
    async row({ userId }) {
      const [row] = await sql`select * from links where user_id = ${userId}`;
      if (!row) throw new Error("there is no such link");
      return row;
    },
    async trail({ userId }) {
      const events = await sql`
        select action, outcome from audit_events where user_id = ${userId} order by id`;
      return events.map(({ action, outcome }) => `${action} ${outcome}`);
    },
  };
}
