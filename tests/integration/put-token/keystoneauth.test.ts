import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { LinkToken } from "../../../app/links/link-token.server";
import { redeemLink } from "../../../app/links/redeem/redeem-link.server";
import { viewLink } from "../../../app/links/view-link.server";
import { startTestApp, type TestApp } from "../../support/app";
import { describeWhere } from "../../support/describe-where";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { newOrigin } from "../../support/services";
import type { ProvidedKeystone } from "../../support/test-servers";

const provided = inject("keystone");
const script = fileURLToPath(new URL("./readme_example.py", import.meta.url));
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Debian's own Python, which has Debian's python3-keystoneauth1; it comes with Keystone. */
async function runScript(task: unknown): Promise<Record<string, unknown>> {
  const child = spawn("/usr/bin/python3", [script], { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  let words = "";
  child.stdout.on("data", (data) => {
    output += data;
  });
  child.stderr.on("data", (data) => {
    words += data;
  });
  child.stdin.end(JSON.stringify(task));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`the script ended with ${code}:\n${words}`);
  return JSON.parse(output);
}

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "the script of the README, with the real keystoneauth1",
  () => {
    const keystone = provided as ProvidedKeystone;
    const admin = keystoneAdmin(keystone as KeystoneAccess);
    const password = "Script-1-password";
    const initialPassword = "Initial-1-password";
    let app: TestApp;
    let userId: string;
    let answers: Record<string, unknown>;

    beforeAll(async () => {
      // Every call is asked about, or a token that was revoked would still be good for a minute.
      app = await startTestApp({ env: { AUTH_CACHE_SECONDS: "0" } });
      const unique = randomBytes(6).toString("hex");
      const issuer = await admin.createUser({ name: `issuer-${unique}`, password });
      const stranger = await admin.createUser({ name: `stranger-${unique}`, password });
      const projectId = await admin.projectId("admin");
      await admin.assignRole({ userId: issuer.id, role: "admin", projectId });
      userId = (await admin.createUser({ name: `user-${unique}`, password: initialPassword })).id;
      answers = await runScript({
        auth_url: `${keystone.url}/v3`,
        username: issuer.name,
        stranger: stranger.name,
        password,
        url: app.url,
        user_id: userId,
        initial_password: initialPassword,
        pin: "0815",
      });
    });
    afterAll(() => app?.stop());

    it("gets the bare token as text", () => {
      expect(answers.text).toMatch(UUID);
      expect(answers.status).toBe(200);
    });

    it("signs in again by itself when its token has ended", () => {
      expect(answers.again).toMatch(UUID);
      expect(answers.again).not.toBe(answers.text);
      expect(answers.another_token).toBe(true);
    });

    it("may send no body at all, and may ask for JSON", () => {
      expect(answers.without_body).toMatch(UUID);
      expect(answers.as_json).toMatchObject({
        user_id: userId,
        token: expect.stringMatching(UUID),
        url: expect.stringContaining("https://setpass.example.org/?token="),
      });
    });

    it("is told in words what was wrong, and where to find it in the log", () => {
      expect(answers.refusal).toEqual({
        message: expect.stringMatching(/^The pin must be a string of exactly 4 digits\./),
        status: 400,
        request_id: expect.stringMatching(/^req-/),
      });
      const { request_id } = answers.refusal as { request_id: string };
      expect(app.logText()).toContain(request_id);
      expect(answers.forbidden).toMatch(/cannot be scoped to the project admin/);
    });

    it("has made a link that its user can redeem, by the last token alone", async () => {
      const { token } = answers.as_json as { token: LinkToken };
      for (const old of [answers.text, answers.again, answers.without_body])
        expect(await viewLink(app.services, old as LinkToken)).toBeUndefined();
      const own = "My-own-1-password";
      const result = await redeemLink(
        app.services,
        { token, pin: "0815", password: own },
        newOrigin(),
      );
      expect(result).toMatchObject({ ok: true });
      expect(await signsIn(keystone, { userId, password: own })).toBe(true);
      expect(await signsIn(keystone, { userId, password: initialPassword })).toBe(false);
    });
  },
);
