import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { findUsers } from "../../../app/accounts/find-users.server";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, startFaultProxy } from "../../support/fault-proxy";
import { type LinkStage, linkStage } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { keystoneToken } from "../../support/keystone-token";
import { newOrigin, startTestServices, type TestServices } from "../../support/services";

const provided = inject("keystone");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "users, looked for in Keystone",
  () => {
    const access = provided as KeystoneAccess;
    const admin = keystoneAdmin(access);
    const tag = randomBytes(5).toString("hex");
    let proxy: FaultProxy;
    let started: TestServices;
    let stage: LinkStage;
    let token: string;
    let domain: { id: string; name: string };

    beforeAll(async () => {
      proxy = await startFaultProxy({ target: access.url });
      started = await startTestServices({ keystoneUrl: proxy.url });
      stage = linkStage(started, admin);
      token = await admin.token();
      domain = await admin.createDomain({ name: `domain-${tag}` });
      const password = "Initial-1";
      for (const name of ["delta", "alpha", "Charlie"])
        await admin.createUser({ name: `${name}-${tag}`, password });
      const { id: userId } = await admin.createUser({
        ...{ name: `bravo-${tag}`, password, domainId: domain.id, email: "bravo@example.org" },
      });
      await stage.issue({ userId, initialPassword: password });
    });
    afterAll(async () => {
      await started?.stop();
      await proxy?.stop();
    });

    const find = (search: { nameContains?: string; domainId?: string; limit?: number }) =>
      findUsers(started.services, {
        ...{ token, nameContains: tag, domainId: "", limit: 50 },
        ...search,
        requestId: newOrigin().requestId,
      });
    const names = async (search: Parameters<typeof find>[0]) =>
      (await find(search)).users.map(({ name }) => name.replace(`-${tag}`, ""));

    it("are those whose name holds what is asked for, in order, whatever their case", async () => {
      expect(await names({})).toEqual(["alpha", "bravo", "Charlie", "delta"]);
      expect(await names({ nameContains: `ALPHA-${tag}` })).toEqual(["alpha"]);
    });

    it("are all there are of a domain where no name is asked for", async () => {
      expect(await names({ nameContains: "", domainId: domain.id })).toEqual(["bravo"]);
      expect(await names({ domainId: "default" })).toEqual(["alpha", "Charlie", "delta"]);
    });

    it("are no more than asked for, and it is said that there are more", async () => {
      expect(await find({ limit: 4 })).toMatchObject({ truncated: false });
      const { users, truncated } = await find({ limit: 2 });
      expect([users.length, truncated]).toEqual([2, true]);
    });

    it("come with their domain's name and their link's status", async () => {
      const { users, domains } = await find({});
      const { id, name } = domain;
      expect(domains).toContainEqual(expect.objectContaining({ id, name }));
      expect(users.find(({ name }) => name.startsWith("bravo"))).toMatchObject({
        ...{ domainName: domain.name, email: "bravo@example.org", enabled: true },
        linkStatus: "pending",
      });
      expect(users.find(({ name }) => name.startsWith("alpha"))).toMatchObject({
        ...{ domainName: "Default", email: null, linkStatus: null },
      });
    });

    it("cost one question about domains a minute, but for a domain that is not known yet, and another token", async () => {
      const asked = () => proxy.count({ path: "/v3/domains" });
      await find({});
      const before = asked();
      await find({});
      await find({ nameContains: `alpha-${tag}` });
      expect(asked()).toBe(before);

      const later = await admin.createDomain({ name: `later-${tag}` });
      await admin.createUser({ name: `echo-${tag}`, password: "Initial-1", domainId: later.id });
      const { users, domains } = await find({ nameContains: `echo-${tag}` });
      expect(users).toMatchObject([{ domainName: later.name }]);
      expect(domains).toContainEqual(expect.objectContaining(later));
      expect(asked()).toBe(before + 1);

      const weak = await admin.createUser({ name: `weak-${tag}`, password: "Initial-1" });
      expect(
        await started.services.knownDomains.list({
          token: await keystoneToken(access, { userId: weak.id, password: "Initial-1" }),
          requestId: newOrigin().requestId,
        }),
      ).toEqual([]);
    });
  },
);
