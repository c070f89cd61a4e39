import { inspect } from "node:util";
import { beforeEach, describe, expect, it } from "vitest";
import { KeystoneError, type KeystoneErrorKind } from "../../../app/keystone/errors.server";
import type { KeystoneRequest, KeystoneResponse } from "../../../app/keystone/request.server";
import type { KeystoneSession } from "../../../app/keystone/session.server";
import {
  createTokenSource,
  type SignInOutcome,
  signInOf,
  type TokenSourceOptions,
} from "../../../app/keystone/token-source.server";

const failing = (kind: KeystoneErrorKind) =>
  new KeystoneError({
    ...{ kind, message: `it is ${kind}`, method: "POST", path: "/v3/auth/tokens" },
    mayHaveHappened: false,
  });

/** Keystone's times are what they are: those of another year than ours, here. */
const ISSUED = "2040-01-01T00:00:00.000000Z";
const inSeconds = (seconds: number, form: "whole" | "no zone" = "whole") => {
  const text = new Date(Date.parse(ISSUED) + seconds * 1000).toISOString();
  return form === "whole" ? text.replace("000Z", "000000Z") : text.replace(".000Z", "");
};

let nowMs = 0;
let signIns: KeystoneRequest[] = [];
let outcomes: SignInOutcome[] = [];
/** What Keystone says to the next sign-in. */
let answer: () => Promise<{ expires_at?: string | null; issued_at?: string }>;

beforeEach(() => {
  nowMs = 1_000_000;
  signIns = [];
  outcomes = [];
  answer = async () => ({ expires_at: inSeconds(3600), issued_at: ISSUED });
});

function sourceWith(options: Partial<TokenSourceOptions> = {}) {
  const session = {
    authUrl: "https://keystone.example.org/v3",
    async request(request: KeystoneRequest, read: (response: KeystoneResponse) => unknown) {
      signIns.push(request);
      const token = `token-${signIns.length}`;
      const times = await answer();
      return read({
        status: 201,
        headers: { get: () => token, names: () => ["x-subject-token"] },
        json: {
          token: { user: { id: "u", name: "n", domain: { id: "d", name: "D" } }, ...times },
        },
      });
    },
  } as unknown as KeystoneSession;
  return createTokenSource({
    session,
    signIn: signInOf({ method: "application_credential", id: "a1", secret: "S3CRET" }),
    refresh: "dynamic",
    ttlSeconds: 600,
    onSignIn: (outcome) => outcomes.push(outcome),
    now: () => nowMs,
    ...options,
  });
}
const later = (seconds: number) => {
  nowMs += seconds * 1000;
};
const tokenOf = async (source: { get(): Promise<{ token: string }> }) => (await source.get()).token;
const failureOf = (asked: Promise<unknown>) =>
  asked.then(
    () => undefined,
    (error: KeystoneError) => error.kind,
  );

describe("how a credential signs in", () => {
  it("is by password on a project, or as an application credential, which brings its own", () => {
    const scope = { projectName: "service", projectDomainName: "Default" };
    const byPassword = signInOf({
      ...{ method: "password", userName: "setpass", userDomainId: "d1", password: "S3CRET", scope },
    });
    expect(byPassword.scope).toEqual(scope);
    expect(byPassword.plugin.identity()).toEqual({
      methods: ["password"],
      password: { user: { name: "setpass", domain: { id: "d1" }, password: "S3CRET" } },
    });
    const other = signInOf({ method: "application_credential", id: "a1", secret: "S3CRET" });
    expect(other.scope).toBeUndefined();
    expect(other.plugin.identity()).toEqual({
      methods: ["application_credential"],
      application_credential: { id: "a1", secret: "S3CRET" },
    });
    for (const signIn of [byPassword, other])
      expect(inspect(signIn, { depth: 10, showHidden: true })).not.toContain("S3CRET");
  });
});

describe("the token that all share", () => {
  it("is signed in for once, however many ask at the same moment and afterwards", async () => {
    const source = sourceWith();
    const tokens = await Promise.all(Array.from({ length: 16 }, () => tokenOf(source)));
    expect(new Set(tokens)).toEqual(new Set(["token-1"]));
    expect(await tokenOf(source)).toBe("token-1");
    expect(signIns).toHaveLength(1);
  });

  it("is renewed 30 seconds before it ends, by Keystone's own two times", async () => {
    const source = sourceWith();
    await source.get();
    later(3569.9);
    expect(await tokenOf(source)).toBe("token-1");
    later(0.2);
    expect(await tokenOf(source)).toBe("token-2");
  });

  it.each([
    ["with seconds and no zone", { expires_at: inSeconds(300, "no zone"), issued_at: ISSUED }, 300],
    ["null", { expires_at: null, issued_at: ISSUED }, 600],
    ["that is missing", { issued_at: ISSUED }, 600],
  ])("lasts as long as an expiry says %s", async (_, times, seconds) => {
    answer = async () => times;
    const source = sourceWith();
    await source.get();
    later(seconds - 31);
    expect(await tokenOf(source)).toBe("token-1");
    later(2);
    expect(await tokenOf(source)).toBe("token-2");
  });

  it("tells of a missing expiry, with the fields there were; not of one that is null", async () => {
    answer = async () => ({ issued_at: ISSUED });
    await sourceWith().get();
    answer = async () => ({ expires_at: null });
    await sourceWith().get();
    expect(outcomes).toMatchObject([
      { ok: true, fieldsWithoutExpiry: ["user", "issued_at"] },
      { ok: true },
    ]);
    expect(outcomes[1]).not.toHaveProperty("fieldsWithoutExpiry");
  });

  it("lasts TOKEN_TTL where that is all that counts, and nothing is missed then", async () => {
    const source = sourceWith({ refresh: "static" });
    await source.get();
    later(569);
    expect(await tokenOf(source)).toBe("token-1");
    later(2);
    answer = async () => ({});
    expect(await tokenOf(source)).toBe("token-2");
    expect(outcomes.some((outcome) => "fieldsWithoutExpiry" in outcome)).toBe(false);
  });

  it("that lasts less than a minute is used for half of it", async () => {
    answer = async () => ({ expires_at: inSeconds(20), issued_at: ISSUED });
    const source = sourceWith();
    await source.get();
    later(9.9);
    expect(await tokenOf(source)).toBe("token-1");
    later(0.2);
    expect(await tokenOf(source)).toBe("token-2");
  });

  it("is used to its end where Keystone cannot be asked for another, and no longer", async () => {
    const source = sourceWith();
    await source.get();
    answer = () => Promise.reject(failing("unreachable"));
    later(3590);
    expect(await tokenOf(source)).toBe("token-1");
    expect(source.isAccepted()).toBe(true);
    later(11);
    expect(await failureOf(source.get())).toBe("unreachable");
    answer = async () => ({ expires_at: inSeconds(3600), issued_at: ISSUED });
    expect(await tokenOf(source)).toBe("token-4");
  });
});

describe("a credential that Keystone refuses", () => {
  it("is tried again after a minute, then two, and at last every quarter of an hour", async () => {
    answer = () => Promise.reject(failing("unauthorized"));
    const source = sourceWith();
    expect(source.isAccepted()).toBeNull();
    const seen: number[] = [];
    for (let second = 0; second < 3600; second += 10) {
      expect(await failureOf(source.get())).toBe("unauthorized");
      if (signIns.length > seen.length) seen.push(second);
      later(10);
    }
    expect(seen).toEqual([0, 60, 180, 420, 900, 1800, 2700]);
    expect(source.isAccepted()).toBe(false);
    expect(outcomes).toHaveLength(7);
  });

  it("is good again once Keystone takes it", async () => {
    answer = () => Promise.reject(failing("unauthorized"));
    const source = sourceWith();
    await failureOf(source.get());
    answer = async () => ({ expires_at: inSeconds(3600), issued_at: ISSUED });
    later(61);
    await source.get();
    expect(source.isAccepted()).toBe(true);
  });

  it("says nothing while Keystone is only away", async () => {
    answer = () => Promise.reject(failing("timeout"));
    const source = sourceWith();
    expect(await failureOf(source.get())).toBe("timeout");
    expect(source.isAccepted()).toBeNull();
    expect(await failureOf(source.get())).toBe("timeout");
    expect(signIns).toHaveLength(2);
  });
});

describe("reading with it", () => {
  it("is done once more with a new one where Keystone does not take it: sixteen, one sign-in", async () => {
    const source = sourceWith();
    await source.get();
    const used: string[] = [];
    const read = () =>
      source.read(async (token) => {
        used.push(token);
        await Promise.resolve();
        if (token === "token-1") throw failing("unauthorized");
        return token;
      });
    const answers = await Promise.all(Array.from({ length: 16 }, read));
    expect(new Set(answers)).toEqual(new Set(["token-2"]));
    expect(used).toHaveLength(32);
    expect(signIns).toHaveLength(2);
  });

  it("learns late that the former token was not taken, and leaves the new one alone", async () => {
    const source = sourceWith();
    let refuseLate = () => {};
    const late = source.read((token) => {
      if (token !== "token-1") return Promise.resolve(token);
      return new Promise<string>((_, reject) => {
        refuseLate = () => reject(failing("unauthorized"));
      });
    });
    const soon = source.read((token) =>
      token === "token-1" ? Promise.reject(failing("unauthorized")) : Promise.resolve(token),
    );
    expect(await soon).toBe("token-2");
    refuseLate();
    expect(await late).toBe("token-2");
    expect(signIns).toHaveLength(2);
  });

  it("is done once more, and no more; the next one begins with a new token", async () => {
    const source = sourceWith();
    let tries = 0;
    const refused = source.read(() => {
      tries += 1;
      return Promise.reject(failing("unauthorized"));
    });
    expect(await failureOf(refused)).toBe("unauthorized");
    expect(tries).toBe(2);
    expect(await tokenOf(source)).toBe("token-3");
  });

  it.each<KeystoneErrorKind>(["forbidden", "not-found", "timeout", "interrupted"])(
    "is not done again after another failure (%s), and the token stays",
    async (kind) => {
      const source = sourceWith();
      let tries = 0;
      const failed = source.read(() => {
        tries += 1;
        return Promise.reject(failing(kind));
      });
      expect(await failureOf(failed)).toBe(kind);
      expect(tries).toBe(1);
      expect(await tokenOf(source)).toBe("token-1");
    },
  );
});

describe("changing something with it", () => {
  it("is not done once more where Keystone does not take the token; the next try has a new one", async () => {
    const source = sourceWith();
    const used: string[] = [];
    const change = () =>
      source.change(async (token) => {
        used.push(token);
        if (token === "token-1") throw failing("unauthorized");
        return "changed";
      });
    expect(await failureOf(change())).toBe("unauthorized");
    expect(used).toEqual(["token-1"]);
    expect(signIns).toHaveLength(1);
    expect(await change()).toBe("changed");
    expect(used).toEqual(["token-1", "token-2"]);
  });

  it.each<KeystoneErrorKind>(["forbidden", "timeout", "interrupted"])(
    "keeps the token where the answer is %s",
    async (kind) => {
      const source = sourceWith();
      expect(await failureOf(source.change(() => Promise.reject(failing(kind))))).toBe(kind);
      expect(await tokenOf(source)).toBe("token-1");
    },
  );
});
