import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import { insertEvent } from "../../../db/audit-events.store";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { describeWhere } from "../../support/describe-where";
import { newAdmin } from "../../support/services";
import type { ProvidedKeystone } from "../../support/test-servers";
import { createVisitor } from "../../support/visitor";

const provided = inject("keystone");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "the history of a link",
  () => {
    let app: TestApp;
    beforeAll(async () => {
      app = await startTestApp({ build: await readBuild() });
    });
    afterAll(() => app?.stop());

    it("says where setpass acted with its own rights in Keystone, and nowhere else", async () => {
      const { adminUserName: userName, adminPassword: password } = provided as ProvidedKeystone;
      const visitor = createVisitor(app.url, { publicUrl: app.config.publicUrl.origin });
      const { cookie } = await visitor.signIn({ userName, password });
      const userId = randomBytes(16).toString("hex");
      const issued = await issueLink(
        app.services,
        { userId, pin: "0420", initialPassword: "Initial-1", via: "api" },
        newAdmin(),
      );
      if (!issued.ok) throw new Error(issued.reason);
      for (const credential of ["service", "caller", undefined] as const)
        await insertEvent(app.database.db, {
          ...{ action: "user.initial-password-scrambled", actorKind: "system", outcome: "ok" },
          ...{ userId, credential },
        });
      const { text } = await visitor.ask({ path: `/admin/links/${issued.link.id}`, cookie });
      const items = text.split("history-item").slice(1);
      const told = items.map((item) => item.includes("own rights in Keystone"));
      // Newest first, and at last the link itself.
      expect(told).toEqual([false, false, true, false]);
    });
  },
);
