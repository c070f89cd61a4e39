import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import { redeemLink } from "../../../app/links/redeem/redeem-link.server";
import {
  type AnswerPlan,
  answerRequest,
  planAnswer,
} from "../../../app/reset-requests/answer-requests.server";
import { getRequest } from "../../../app/reset-requests/handle-requests.server";
import { describeWhere } from "../../support/describe-where";
import { newPassword } from "../../support/issued-links";
import {
  type KeystoneAccess,
  type KeystoneAdmin,
  keystoneAdmin,
} from "../../support/keystone-admin";
import { keystoneToken } from "../../support/keystone-token";
import { type Asked, askForLink, confirm } from "../../support/reset-requests";
import {
  newAdmin,
  newOrigin,
  startTestServices,
  type TestServices,
  testAdmin,
} from "../../support/services";

const provided = inject("keystone");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "answering requests along with others",
  () => {
    let started: TestServices;
    let keystone: KeystoneAdmin;
    let admin: typeof testAdmin & { keystoneToken: string };
    beforeAll(async () => {
      keystone = keystoneAdmin(provided as KeystoneAccess);
      started = await startTestServices({ env: { RESET_LIMIT_PER_HOUR: "1000" } });
      admin = {
        ...testAdmin,
        keystoneToken: await keystone.token(),
      };
    });
    afterAll(() => started?.stop());

    interface Person {
      id: string;
      name: string;
      email: string;
      password: string;
    }

    async function newPerson(more: Record<string, unknown> = {}): Promise<Person> {
      const name = `asks-${randomBytes(6).toString("hex")}`;
      const person = { name, email: `${name}@example.org`, password: newPassword(), ...more };
      const { id } = await keystone.createUser(person);
      return { ...person, id };
    }

    /** They ask, and confirm it, by their user name and Keystone's address unless told. */
    async function asks(person: Pick<Person, "name" | "email">, pin = "4071"): Promise<Asked> {
      const asked = await askForLink(started, { email: person.email, name: person.name, pin });
      await confirm(started.services, asked.token);
      return asked;
    }

    async function plan({ id }: Asked) {
      const request = await getRequest(started.services, id);
      if (!request) throw new Error("there is no such request");
      return planAnswer(started.services, request, newAdmin(newOrigin(), admin));
    }

    const answer = ({ id }: Asked, agreed: AnswerPlan) =>
      answerRequest(started.services, { id, agreed }, newAdmin(newOrigin(), admin));

    async function planned(asked: Asked): Promise<AnswerPlan> {
      const made = await plan(asked);
      if (!made.ok) throw new Error(made.reason);
      return made.plan;
    }

    async function mailedLink(email: string) {
      const mails = (await started.mails()).filter(
        ({ template, recipient, state }) =>
          template === "link" && recipient === email && state === "queued",
      );
      const url = String(mails.at(-1)?.props?.url);
      return new URL(url).searchParams.get("token") as never;
    }

    it("makes a random password where no link keeps one, and mails a link with the request's PIN", async () => {
      const person = await newPerson();
      const asked = await asks(person, "8265");
      const agreed = await planned(asked);
      expect(agreed).toEqual({ userId: person.id, password: "random" });
      // Nothing has happened yet.
      expect(await getRequest(started.services, asked.id)).toMatchObject({ state: "open" });

      expect(await answer(asked, agreed)).toMatchObject({ ok: true, mailTo: person.email });
      expect(await getRequest(started.services, asked.id)).toMatchObject({
        state: "closed",
        answeredUserId: person.id,
        hasPin: false,
      });
      const password = newPassword();
      const redeemed = await redeemLink(
        started.services,
        { token: await mailedLink(person.email), pin: "8265", password },
        newOrigin(),
      );
      expect(redeemed).toMatchObject({ ok: true });
      const events = await started.database.sql`
        select action, user_id, link_id is not null as has_link from audit_events
        where reset_request_id = ${asked.id} order by id`;
      expect(events.at(-1)).toEqual({
        action: "reset.answered",
        user_id: person.id,
        has_link: true,
      });
    });

    it("keeps the initial password of a pending link", async () => {
      const person = await newPerson();
      await issueLink(
        started.services,
        { userId: person.id, pin: "1111", initialPassword: person.password, via: "api" },
        newAdmin(),
      );
      const asked = await asks(person, "8265");
      const agreed = await planned(asked);
      expect(agreed.password).toBe("keep");
      expect(await answer(asked, agreed)).toMatchObject({ ok: true });
      const token = await mailedLink(person.email);
      expect(
        await redeemLink(
          started.services,
          { token, pin: "8265", password: newPassword() },
          newOrigin(),
        ),
      ).toMatchObject({ ok: true });
    });

    it("is left to an administrator wherever somebody has to judge, and says why", async () => {
      const { sql } = started.database;
      const known = await newPerson();
      const byOwnName = await asks({ name: "Jane Doe", email: known.email });
      expect(await plan(byOwnName)).toMatchObject({ reason: "no-such-user" });
      const another = await asks({ name: known.name.toUpperCase(), email: known.email });
      for (const asked of [byOwnName, another])
        expect(await plan(asked)).toMatchObject({ ok: false, reason: "several-requests" });
      await sql`update reset_requests set state = 'closed' where id = ${byOwnName.id}`;
      expect(await plan(byOwnName)).toMatchObject({ reason: "not-open" });
      expect(await plan(another)).toMatchObject({ reason: "no-such-user" });
      const elsewhere = await newPerson();
      const other = await asks({ name: elsewhere.name, email: `x-${elsewhere.email}` });
      expect(await plan(other)).toMatchObject({ reason: "other-address" });
      const disabled = await asks(await newPerson({ enabled: false }));
      expect(await plan(disabled)).toMatchObject({ reason: "account-disabled" });
      const locked = await asks(await newPerson({ options: { lock_password: true } }));
      expect(await plan(locked)).toMatchObject({ reason: "password-locked" });
      const twin = await newPerson();
      const domain = await keystone.createDomain({
        name: `twins-${randomBytes(4).toString("hex")}`,
      });
      await keystone.createUser({ ...twin, domainId: domain.id });
      expect(await plan(await asks(twin))).toMatchObject({ reason: "several-users" });
      const legacy = await newPerson();
      const before = await asks(legacy);
      await sql`update reset_requests set confirmed_at = null where id = ${before.id}`;
      expect(await plan(before)).toMatchObject({ reason: "not-confirmed" });
      const changed = await newPerson();
      const planted = await asks({ ...changed, name: "somebody" });
      await sql`update reset_requests set name = ${changed.name} where id = ${planted.id}`;
      expect(await plan(planted)).toMatchObject({ reason: "unusable-pin" });
      const own = await newPerson();
      const mine = await asks(own);
      const request = await getRequest(started.services, mine.id);
      expect(
        request &&
          (await planAnswer(
            started.services,
            request,
            newAdmin(newOrigin(), { ...admin, userId: own.id }),
          )),
      ).toMatchObject({ reason: "own-account" });
      const operator = await newPerson();
      await keystone.assignRole({
        userId: operator.id,
        role: "reader",
        projectId: await keystone.projectId((provided as KeystoneAccess).adminProjectName),
      });
      expect(await plan(await asks(operator))).toMatchObject({ reason: "privileged-account" });
    });

    it("does nothing for whom the administrator may not change", async () => {
      const person = await newPerson();
      const asked = await asks(person);
      const agreed = await planned(asked);
      const reader = await newPerson();
      const projectId = await keystone.projectId((provided as KeystoneAccess).adminProjectName);
      await keystone.assignRole({ userId: reader.id, role: "reader", projectId });
      const weaker = {
        ...admin,
        keystoneToken: await keystoneToken(provided as KeystoneAccess, {
          userId: reader.id,
          password: reader.password,
          scope: { project: { id: projectId } },
        }),
        holdsAdminRole: false,
      };
      const { services } = started;
      expect(
        await answerRequest(services, { id: asked.id, agreed }, newAdmin(newOrigin(), weaker)),
      ).toMatchObject({ ok: false, reason: "forbidden" });
      expect((await getRequest(services, asked.id))?.state).toBe("open");
    });

    it("does nothing where something has changed since it was agreed to", async () => {
      const person = await newPerson();
      const asked = await asks(person);
      const agreed = await planned(asked);
      const { sql } = started.database;
      const passwords = async () =>
        (await sql`select 1 from audit_events where user_id = ${person.id}`).length;
      await issueLink(
        started.services,
        { userId: person.id, pin: "1111", initialPassword: person.password, via: "api" },
        newAdmin(),
      );
      const before = await passwords();
      expect(await answer(asked, agreed)).toEqual({ ok: false, reason: "changed" });
      // A second request of the mailbox makes it unclear which PIN is meant.
      await asks(person, "9999");
      expect(await answer(asked, { ...agreed, password: "keep" })).toMatchObject({
        ok: false,
        reason: "several-requests",
      });
      await keystone.updateUser(person.id, { email: "another@example.org" });
      await sql`update reset_requests set state = 'closed' where email = ${person.email} and id <> ${asked.id}`;
      expect(await answer(asked, { ...agreed, password: "keep" })).toMatchObject({
        ok: false,
        reason: "other-address",
      });
      expect(await passwords()).toBe(before);
      expect(await getRequest(started.services, asked.id)).toMatchObject({ state: "open" });
    });

    it("is done once, by one of several administrators at the same time", async () => {
      const person = await newPerson();
      const asked = await asks(person);
      const agreed = await planned(asked);
      const results = await Promise.all(Array.from({ length: 8 }, () => answer(asked, agreed)));
      expect(results.filter(({ ok }) => ok)).toHaveLength(1);
      const { sql } = started.database;
      const events = await sql`
        select action from audit_events where user_id = ${person.id} order by id`;
      expect(events.map(({ action }) => action)).toEqual([
        "user.initial-password-set",
        "link.issued",
        "reset.answered",
      ]);
    });

    it("leaves a request open, for anybody to answer, where Keystone does not answer", async () => {
      const person = await newPerson();
      const asked = await asks(person);
      const agreed = await planned(asked);
      const away = await startTestServices({
        keystoneUrl: "http://127.0.0.1:9",
        database: started.database,
        env: { SECRET_KEYS: started.config.secretKeys.map((key) => key.toString("base64")).join() },
      });
      try {
        expect(
          await answerRequest(
            away.services,
            { id: asked.id, agreed },
            newAdmin(newOrigin(), admin),
          ),
        ).toEqual(expect.objectContaining({ ok: false, reason: "keystone-unavailable" }));
      } finally {
        await away.stop();
      }
      expect(await answer(asked, agreed)).toMatchObject({ ok: true });
    });
  },
);
