import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { changePassword, setUserPassword } from "../../app/keystone/passwords.server";
import { createKeystoneSession, type KeystoneSession } from "../../app/keystone/session.server";
import { getUser } from "../../app/keystone/users.server";
import { describeWhere } from "../support/describe-where";
import { type KeystoneAccess, keystoneAdmin } from "../support/keystone-admin";
import { hasProxies, type RunningProxy, startNginxBeforeKeystone } from "../support/proxies";
import { newRequestId } from "../support/visitor";

/** Connections that are kept, before a real Keystone and a real nginx that ends them when it likes. */

const IDLE_MS = 200;

describeWhere(
  { has: hasProxies() && inject("keystone") !== undefined, what: "nginx and Keystone" },
  "behind an nginx that ends idle connections",
  () => {
    const access = inject("keystone") as KeystoneAccess;
    let nginx: RunningProxy & { plainUrl: string };
    let session: KeystoneSession;
    let token: string;
    let user: { id: string; password: string };

    beforeAll(async () => {
      nginx = await startNginxBeforeKeystone({
        url: access.url,
        idleMs: IDLE_MS,
        cutMethod: "PATCH",
      });
      session = createKeystoneSession({ authUrl: nginx.plainUrl, timeoutSeconds: 20 });
      const admin = keystoneAdmin(access);
      token = await admin.token();
      const suffix = randomBytes(6).toString("hex");
      const password = `Initial-${suffix}`;
      const { id } = await admin.createUser({ name: `kept-${suffix}`, password });
      user = { id, password };
    });
    afterAll(async () => {
      await session?.close();
      await nginx?.stop();
    });

    const read = (requestId = newRequestId()) =>
      getUser(session, { token, userId: user.id, requestId });
    /** What nginx has of it: the number of the connection, for each time the call came. */
    const loggedOf = async (requestId: string) =>
      (await nginx.accessLog())
        .split("\n")
        .map((line) => line.split(" "))
        .filter(([, id]) => id === requestId)
        .map(([connection]) => connection);
    /** nginx writes its line when the answer is out already. */
    const connectionsOf = async (requestId: string) => {
      await expect.poll(() => loggedOf(requestId)).not.toEqual([]);
      return loggedOf(requestId);
    };
    /** Longer than nginx waits, and deaf meanwhile: that it ended the connection is not known here. */
    const missTheEnd = () =>
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * IDLE_MS);

    it("reading goes on over one connection, and over a new one where that was ended", async () => {
      const [first, second, third] = [newRequestId(), newRequestId(), newRequestId()];
      await read(first);
      await read(second);
      missTheEnd();
      expect((await read(third))?.id).toBe(user.id);
      const one = await connectionsOf(first);
      expect(one).toHaveLength(1);
      expect(await connectionsOf(second)).toEqual(one);
      const other = await connectionsOf(third);
      expect(other).toHaveLength(1);
      expect(other).not.toEqual(one);
    });

    it("reading at the very moment at which it is ended always has its answer", async () => {
      for (let number = 0; number < 20; number++) {
        await new Promise((done) => setTimeout(done, IDLE_MS - 5 + (number % 10)));
        expect((await read())?.id).toBe(user.id);
      }
    });

    it("a password is changed over a connection of its own, once, whatever became of a kept one", async () => {
      const reading = newRequestId();
      await read(reading);
      missTheEnd();
      const requestId = newRequestId();
      const password = `Changed-${randomBytes(9).toString("hex")}`;
      const asked = { userId: user.id, originalPassword: user.password, password, requestId };
      expect(await changePassword(session, asked)).toEqual({ ok: true });
      const own = await connectionsOf(requestId);
      expect(own).toHaveLength(1);
      expect(own).not.toEqual(await connectionsOf(reading));
    });

    it("a change whose connection is cut without an answer is not sent again", async () => {
      await read();
      const requestId = newRequestId();
      const asked = { token, userId: user.id, password: "Set-by-force-1", requestId };
      await expect(setUserPassword(session, asked)).rejects.toMatchObject({
        kind: "interrupted",
        mayHaveHappened: true,
      });
      expect(await connectionsOf(requestId)).toHaveLength(1);
    });
  },
);
