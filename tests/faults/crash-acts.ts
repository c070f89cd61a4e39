import { createHash, randomBytes, randomInt } from "node:crypto";
import { expect } from "vitest";
import { eventually, type FaultStack, type FaultUser } from "../support/fault-stack";
import { keystoneAdmin } from "../support/keystone-admin";
import { mailedConfirmToken } from "../support/mailed-confirm-token";
import type { Answer } from "../support/people";
import type { ReceivedMail } from "../support/smtp";
import type { Act } from "./crash-points";

/** One user, their link as far as it is, and what is typed. */
export interface Subject extends FaultUser {
  readonly pin: string;
  /** The password of the user's own choice. */
  readonly chosen: string;
  /** Empty where no link was issued yet. */
  readonly linkToken: string;
  /** Of the request for a link, where the user has sent one. */
  readonly requestId?: string;
  /** The role a new account gets. */
  readonly roleId?: string;
}

/** An administrator at the console: the session outlives the server. */
export interface Cast {
  readonly stack: FaultStack;
  readonly cookie: string;
}

interface Steps {
  /** Up to the act, undisturbed. */
  prepare(cast: Cast): Promise<Subject>;
  /** The act in which the server is killed. */
  perform(cast: Cast, subject: Subject): Promise<Answer>;
  /**
   * After the restart: what there is must be whole, and everybody comes to their end with what they
   * have in hand.
   *
   * @param answer of the act, where it came before the kill
   */
  finish(cast: Cast, subject: Subject, answer: Answer | undefined): Promise<void>;
}

/** Of a server that waits ten seconds for Keystone, which is the default: six calls' time. */
const LEASE_SECONDS = 60;

const newPin = () => String(randomInt(10_000)).padStart(4, "0");

async function newSubject(cast: Cast): Promise<Subject> {
  const user = await cast.stack.newUser();
  return { ...user, pin: newPin(), chosen: `Chosen-${user.id}`, linkToken: "" };
}

/** Issued by a script, and with the look-up behind the answer done: nothing goes on any more. */
async function issued(cast: Cast): Promise<Subject> {
  const { stack } = cast;
  const subject = await newSubject(cast);
  const { id, pin, initialPassword } = subject;
  const answer = await stack.people.putLink(stack.authToken, id, {
    pin,
    password: initialPassword,
  });
  expect(answer.status).toBe(200);
  await eventually("the user is looked up", async () => (await rowOf(cast, id))?.user_checked_at);
  return { ...subject, linkToken: answer.text };
}

/** Has asked for a link, with the PIN, and confirmed it: it waits for an administrator. */
async function asking(cast: Cast): Promise<Subject> {
  const { people, mailbox, database } = cast.stack;
  const subject = await newSubject(cast);
  const { email, pin } = subject;
  const asked = await people.sendForm("", "/reset", {
    name: "Jane",
    email,
    confirm_email: email,
    pin,
  });
  expect(asked.status).toBe(200);
  const token = await mailedConfirmToken(mailbox, email);
  const confirmed = await people.sendForm("", "/reset/confirm", { token });
  expect(confirmed.status).toBe(200);
  const [row] = await database.sql`select id from reset_requests where email = ${email}`;
  return { ...subject, requestId: row?.id as string };
}

/** The administrator answers it on the user's own page. */
const answerOf = ({ stack, cookie }: Cast, { id, email, requestId }: Subject) =>
  stack.people.sendForm(cookie, `/admin/users/${id}?request=${requestId}`, {
    mail_to: email,
    password: "random",
    pin_from: "request",
  });

const nameOf = ({ email }: Subject) => email.slice(0, email.indexOf("@"));

/** The administrator fills in the form of a new account; the project has the account's name. */
const openAccount = ({ stack, cookie }: Cast, subject: Subject, project: "new" | "existing") =>
  stack.people.sendForm(cookie, "/admin/users/new", {
    user_name: nameOf(subject),
    email: subject.email,
    mail: "yes",
    domain: "default",
    project_from: project,
    project_name: nameOf(subject),
    role: subject.roleId ?? "",
    pin: subject.pin,
  });

async function memberRole({ stack }: Cast): Promise<string> {
  const { roles } = (await keystoneAdmin(stack.keystoneAdmin).call(
    "GET",
    "/roles?name=member",
  )) as { roles: { id: string }[] };
  return roles[0]?.id ?? "";
}

/** @returns the ids of what has this name, asked past the proxy */
async function namedInKeystone(
  { stack }: Cast,
  collection: "users" | "projects",
  name: string,
): Promise<string[]> {
  const answer = await keystoneAdmin(stack.keystoneAdmin).call(
    "GET",
    `/${collection}?name=${name}`,
  );
  const found = (answer as Record<string, { id: string }[]>)[collection] ?? [];
  return found.map(({ id }) => id);
}

async function rowOf({ stack }: Cast, userId: string) {
  const [row] = await stack.database.sql`select * from links where user_id = ${userId}`;
  return row;
}

/** How often something stands in the audit trail. */
async function recorded({ stack }: Cast, userId: string, action: string, outcome = "ok") {
  const [row] = await stack.database.sql<{ times: number }[]>`
    select count(*)::int as times from audit_events
    where user_id = ${userId} and action = ${action} and outcome = ${outcome}`;
  return row?.times;
}

async function mailsOf({ stack }: Cast, userId: string, template: string) {
  return stack.database.sql`
    select mails.* from mails join links on links.id = mails.link_id
    where user_id = ${userId} and template = ${template}`;
}

const opens = (linkToken: string, row: Record<string, unknown> | undefined) =>
  createHash("sha256")
    .update(linkToken)
    .digest()
    .equals(row?.token_hash as Buffer);

/** The link does what it is for, once; then nothing opens it any more. */
async function handOver(cast: Cast, subject: Subject): Promise<void> {
  const { people } = cast.stack;
  const { linkToken, pin, chosen } = subject;
  const set = await people.redeem(linkToken, { pin, password: chosen });
  expect(set.status, "the link is redeemed").toBe(200);
  await isHandedOver(cast, subject);
}

async function isHandedOver(cast: Cast, { id, linkToken, pin, chosen }: Subject): Promise<void> {
  const { stack } = cast;
  expect(await stack.isPassword(id, chosen), "Keystone has the password typed").toBe(true);
  const row = await rowOf(cast, id);
  expect(row?.state).toBe("completed");
  expect([row?.token_hash, row?.sealed_password, row?.pin_mac, row?.sealed_attempts]).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect(await recorded(cast, id, "link.redeemed"), "redeemed once in the audit trail").toBe(1);
  const told = await eventually("the user is told by mail", async () => {
    const mails = await mailsOf(cast, id, "password-set");
    return mails.every((mail) => mail.state === "sent") && mails;
  });
  expect(told, "once").toHaveLength(1);
  const again = await stack.people.redeem(linkToken, { pin, password: `${chosen}-again` });
  expect(again.status, "a used link is dead").toBe(404);
  expect(await stack.isPassword(id, chosen), "and changes nothing").toBe(true);
}

/** The link in a mail. */
export const linkTokenIn = (mail: ReceivedMail) =>
  /token=([0-9a-f-]{36})/.exec(mail.text)?.[1] ?? "none";

const receivedBy = ({ stack }: Cast, email: string, subject: RegExp) =>
  stack.mailbox.messages.filter((mail) => mail.to.includes(email) && subject.test(mail.subject));

const LINK_MAIL = /choose your password/;

/** How the user goes on after a redemption that got no answer. */
export type ComingBack = "same password" | "another password" | "never";

/** The acts, each with a user of its own. @param comingBack after a crash in the middle of redeeming */
export function crashActs(comingBack: ComingBack): Record<Act, Steps> {
  return {
    issue: {
      prepare: newSubject,
      perform: ({ stack }, { id, pin, initialPassword }) =>
        stack.people.putLink(stack.authToken, id, { pin, password: initialPassword }),
      async finish(cast, subject, answer) {
        const { stack } = cast;
        const { id, pin, initialPassword } = subject;
        const written = (await rowOf(cast, id)) ? 1 : 0;
        expect(await recorded(cast, id, "link.issued"), "an audit row for each link").toBe(written);
        if (answer) {
          expect([answer.status, written]).toEqual([200, 1]);
        } else {
          // The script does what scripts do.
          const body = { pin, password: initialPassword };
          const again = await stack.people.putLink(stack.authToken, id, body);
          expect(again.status).toBe(200);
          expect(await recorded(cast, id, "link.issued")).toBe(written + 1);
          await eventually("the look-up", async () => (await rowOf(cast, id))?.mail_to);
          return handOver(cast, { ...subject, linkToken: again.text });
        }
        // Nobody repeats what was answered: the mail at the end needs the address, so it is given.
        await stack.database.sql`
          update links set mail_to = coalesce(mail_to, ${subject.email}) where user_id = ${id}`;
        return handOver(cast, { ...subject, linkToken: answer.text });
      },
    },

    renew: {
      prepare: issued,
      perform: ({ stack }, { id }) => stack.people.putLink(stack.authToken, id, {}),
      async finish(cast, subject, answer) {
        const { stack } = cast;
        expect(answer, "the answer is lost").toBeUndefined();
        const oldLives = opens(subject.linkToken, await rowOf(cast, subject.id));
        expect(await recorded(cast, subject.id, "link.renewed")).toBe(oldLives ? 0 : 1);
        const opened = await stack.people.openLink(subject.linkToken);
        expect(opened.status, "the old link opens, or is replaced").toBe(oldLives ? 200 : 404);
        if (oldLives) return handOver(cast, subject);
        const again = await stack.people.putLink(stack.authToken, subject.id);
        expect(again.status).toBe(200);
        return handOver(cast, { ...subject, linkToken: again.text });
      },
    },

    open: {
      async prepare(cast) {
        const name = `opened-${randomBytes(6).toString("hex")}`;
        const fields = { id: "", email: `${name}@example.org`, initialPassword: "", linkToken: "" };
        return {
          ...fields,
          pin: newPin(),
          chosen: `Chosen-${name}`,
          roleId: await memberRole(cast),
        };
      },
      perform: (cast, subject) => openAccount(cast, subject, "new"),
      async finish(cast, subject, answer) {
        const { stack } = cast;
        const { email } = subject;
        const name = nameOf(subject);
        const madeBefore = await namedInKeystone(cast, "users", name);
        const [there] = madeBefore;
        const isIssued = there !== undefined && (await rowOf(cast, there)) !== undefined;
        if (answer) expect([answer.status, isIssued], answer.text).toEqual([200, true]);
        // Whoever died holds the name no longer: two minutes pass.
        await stack.database.sql`
          update rate_limits set expire = clock_timestamp() where key like 'opening:%'`;
        const projects = await namedInKeystone(cast, "projects", name);
        const again = await openAccount(cast, subject, projects.length > 0 ? "existing" : "new");
        expect(again.status, "it is done again, or was done").toBe(isIssued ? 409 : 200);
        const users = await namedInKeystone(cast, "users", name);
        expect(users, "no account twice").toHaveLength(1);
        if (there) expect(users).toEqual([there]);
        expect(await namedInKeystone(cast, "projects", name)).toHaveLength(1);
        const id = users[0] ?? "";
        expect(await recorded(cast, id, "link.issued"), "no link twice").toBe(1);
        expect(await mailsOf(cast, id, "link"), "no mail twice").toHaveLength(1);
        const mail = await stack.mailbox.waitForMessage(
          (one) => one.to.includes(email) && LINK_MAIL.test(one.subject),
        );
        return handOver(cast, { ...subject, id, linkToken: linkTokenIn(mail) });
      },
    },

    "console-issue": {
      prepare: issued,
      perform: ({ stack, cookie }, { id, email, pin }) =>
        stack.people.sendForm(cookie, `/admin/users/${id}`, {
          mail_to: email,
          password: "random",
          pin: pin === "0000" ? "0001" : "0000",
        }),
      async finish(cast, subject) {
        const { id, email, pin } = subject;
        const renewed = !opens(subject.linkToken, await rowOf(cast, id));
        expect(await recorded(cast, id, "link.issued")).toBe(renewed ? 2 : 1);
        expect(await mailsOf(cast, id, "link"), "a mail for each link").toHaveLength(
          renewed ? 1 : 0,
        );
        // Whichever password Keystone has now: the link that lives knows it.
        if (!renewed) return handOver(cast, subject);
        const mail = await cast.stack.mailbox.waitForMessage(
          (one) => one.to.includes(email) && LINK_MAIL.test(one.subject),
        );
        const newPinTyped = pin === "0000" ? "0001" : "0000";
        return handOver(cast, { ...subject, pin: newPinTyped, linkToken: linkTokenIn(mail) });
      },
    },

    answer: {
      prepare: asking,
      perform: answerOf,
      async finish(cast, subject) {
        const { stack } = cast;
        const { id, email, requestId = "" } = subject;
        const stateNow = async () => {
          const [row] = await stack.database.sql`
            select state, sealed_pin is null as erased from reset_requests where id = ${requestId}`;
          return row;
        };
        const isIssued = (await rowOf(cast, id)) !== undefined;
        expect(await stateNow(), "a request is closed with the link that answers it").toEqual(
          isIssued ? { state: "closed", erased: true } : { state: "open", erased: false },
        );
        expect(await recorded(cast, id, "reset.answered")).toBe(isIssued ? 1 : 0);
        if (!isIssued) {
          const again = await answerOf(cast, subject);
          expect(again.status, "the administrator comes back and does it again").toBe(200);
          expect(await stateNow()).toEqual({ state: "closed", erased: true });
          expect(await recorded(cast, id, "reset.answered")).toBe(1);
        }
        expect(await mailsOf(cast, id, "link"), "one mail").toHaveLength(1);
        const mail = await stack.mailbox.waitForMessage(
          (one) => one.to.includes(email) && LINK_MAIL.test(one.subject),
        );
        return handOver(cast, { ...subject, linkToken: linkTokenIn(mail) });
      },
    },

    redeem: {
      prepare: issued,
      perform: ({ stack }, { linkToken, pin, chosen }) =>
        stack.people.redeem(linkToken, { pin, password: chosen }),
      async finish(cast, subject, answer) {
        const { stack } = cast;
        const { id, linkToken, pin, chosen } = subject;
        const { sql } = stack.database;
        if (answer) expect(answer.status).toBe(200);
        const row = await rowOf(cast, id);
        expect(row?.attempts ?? 0, "a right PIN costs no attempt").toBe(0);
        if (row?.state === "completed") return isHandedOver(cast, subject);
        expect(answer, "who was told it was set finds it set").toBeUndefined();

        const isClaimed = row?.claimed_until !== null;
        if (isClaimed) {
          const [lease] = await sql`
            select extract(epoch from claimed_until - clock_timestamp())::float as left
            from links where user_id = ${id}`;
          expect(lease?.left, "no claim is longer than its lease").toBeLessThanOrEqual(
            LEASE_SECONDS,
          );
          const early = await stack.people.redeem(linkToken, { pin, password: chosen });
          expect(early.status, "until its lease ends").toBe(409);
          await sql`update links set claimed_until = clock_timestamp() where user_id = ${id}`;
        }
        if (comingBack === "another password")
          return handOver(cast, { ...subject, chosen: `${chosen}-2` });
        if (comingBack === "same password" || !isClaimed) return handOver(cast, subject);

        // Nobody comes back: the server finds out by itself. It asks Keystone twice, because a locked
        // account refuses the right password too.
        const wasSet = await stack.isPassword(id, chosen);
        const settledBefore = (now: typeof row) =>
          now?.state === "completed" || now?.sealed_attempts === null;
        let asked = 0;
        for (; asked < 2 && !settledBefore(await rowOf(cast, id)); asked++) {
          await stack.server.stop();
          await sql`
            update links set attempted_at = clock_timestamp() - interval '1 day',
              settle_asked_at = settle_asked_at - interval '1 day'
            where user_id = ${id}`;
          await stack.server.start();
          await eventually("the link is looked at", async () => {
            const now = await rowOf(cast, id);
            const askedAt = now?.settle_asked_at as Date | null;
            return (
              settledBefore(now) ||
              (now?.claimed_until === null && askedAt && Date.now() - askedAt.getTime() < 60_000)
            );
          });
        }
        expect(asked, "a refusal is believed the second time").toBe(wasSet ? 1 : 2);
        const settled = await rowOf(cast, id);
        expect(settled?.sealed_attempts).toBeNull();
        expect(settled?.state).toBe(wasSet ? "completed" : "pending");
        return wasSet ? isHandedOver(cast, subject) : handOver(cast, subject);
      },
    },

    guess: {
      prepare: issued,
      perform: ({ stack }, { linkToken, pin, chosen }) =>
        stack.people.redeem(linkToken, {
          pin: pin === "0000" ? "0001" : "0000",
          password: chosen,
        }),
      async finish(cast, subject, answer) {
        const row = await rowOf(cast, subject.id);
        const counted = await recorded(cast, subject.id, "link.pin-refused", "wrong-pin");
        expect([row?.attempts, row?.pin_guesses], "every wrong guess counts").toEqual([
          counted,
          counted,
        ]);
        if (answer) expect(counted, "an answered guess is counted").toBe(1);
        return handOver(cast, subject);
      },
    },

    revoke: {
      prepare: issued,
      async perform(cast, { id }) {
        const row = await rowOf(cast, id);
        return cast.stack.people.sendForm(cast.cookie, `/admin/links/${row?.id}`, {
          intent: "revoke",
        });
      },
      async finish(cast, subject, answer) {
        const { stack, cookie } = cast;
        const { id, linkToken, pin, chosen } = subject;
        const row = await rowOf(cast, id);
        const revoked = row?.state === "revoked";
        expect(await recorded(cast, id, "link.revoked")).toBe(revoked ? 1 : 0);
        if (answer) expect([answer.status, revoked]).toEqual([200, true]);
        const opened = await stack.people.openLink(linkToken);
        expect(opened.status, "it opens until it is revoked").toBe(revoked ? 404 : 200);
        const again = await stack.people.sendForm(cookie, `/admin/links/${row?.id}`, {
          intent: "revoke",
        });
        expect(again.status).toBe(revoked ? 409 : 200);

        expect(await recorded(cast, id, "link.revoked")).toBe(1);
        const after = await rowOf(cast, id);
        expect([after?.state, after?.token_hash, after?.sealed_password, after?.pin_mac]).toEqual([
          "revoked",
          null,
          null,
          null,
        ]);
        const dead = await stack.people.redeem(linkToken, { pin, password: chosen });
        expect(dead.status).toBe(404);
        expect(await stack.isPassword(id, subject.initialPassword)).toBe(true);
      },
    },

    mail: {
      prepare: issued,
      async perform(cast, { id, email }) {
        const row = await rowOf(cast, id);
        return cast.stack.people.sendForm(cast.cookie, `/admin/links/${row?.id}`, {
          intent: "resend",
          mail_to: email,
        });
      },
      async finish(cast, subject) {
        const { stack, cookie } = cast;
        const { id, email } = subject;
        const row = await rowOf(cast, id);
        const written = (await mailsOf(cast, id, "link")).length;
        expect(await recorded(cast, id, "link.resent"), "a mail for each act").toBe(written);
        if (written === 0) {
          expect(opens(subject.linkToken, row), "the old link lives").toBe(true);
          const again = await stack.people.sendForm(cookie, `/admin/links/${row?.id}`, {
            intent: "resend",
            mail_to: email,
          });
          expect(again.status).toBe(200);
        }
        await eventually("the mail is sent, and that is written down", async () => {
          const [mail] = await mailsOf(cast, id, "link");
          return mail?.state === "sent";
        });
        const received = receivedBy(cast, email, LINK_MAIL);
        const [first] = received;
        expect(first, "no mail is lost").toBeDefined();
        if (!first) return;
        return handOver(cast, { ...subject, linkToken: linkTokenIn(first) });
      },
    },
  };
}
