import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTokenAuthorizer } from "../../../app/admins/authorize-token.server";
import type { RefusedToken } from "../../../app/admins/refused-tokens.server";
import type { AccessInfo } from "../../../app/keystone/access-info.server";
import { KeystoneError, type KeystoneErrorKind } from "../../../app/keystone/errors.server";
import type { KeystoneRequest, KeystoneResponse } from "../../../app/keystone/request.server";
import type { SharedKeystone } from "../../../app/keystone/shared-session.server";
import type { Caller } from "../../../app/keystone/turns.server";

const CACHE_SECONDS = 60;
const DAY_SECONDS = 86_400;
const FROM = "2001:db8:1:2::7";
const requestId = "req-1";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout"] });
  // What caches tell the time by.
  vi.spyOn(performance, "now").mockImplementation(() => Date.now());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});
const later = (seconds: number) => vi.advanceTimersByTime(seconds * 1000);

const failure = (kind: KeystoneErrorKind, retryAfterSeconds?: number) =>
  new KeystoneError({
    ...{ kind, message: kind, method: "POST", path: "/v3/auth/tokens" },
    ...{ mayHaveHappened: false, retryAfterSeconds },
  });

/** What Keystone says of a token. */
const access = (more: {
  roles?: string[];
  expiresIn?: number | null;
  project?: { name: string; domain: { id: string } };
}): KeystoneResponse => {
  const { roles = ["admin"], expiresIn = 3600, project } = more;
  const inDomain = { domain: { id: "default", name: "Default" } };
  return {
    status: 201,
    headers: { get: () => "scoped-token", names: () => ["x-subject-token"] },
    json: {
      token: {
        expires_at:
          expiresIn === null ? null : new Date(Date.now() + expiresIn * 1000).toISOString(),
        user: { id: "u1", name: "jane", ...inDomain },
        roles: roles.map((name) => ({ id: name, name })),
        ...(project && {
          project: { id: "p", name: project.name, domain: { ...project.domain, name: "D" } },
        }),
      },
    },
  } as unknown as KeystoneResponse;
};

type Answer = KeystoneResponse | KeystoneError;

function authorizerWith(
  answerTo: (request: KeystoneRequest) => Answer | Promise<Answer>,
  options: { roles?: string[] | "any"; cacheSeconds?: number } = {},
) {
  const asked: KeystoneRequest[] = [];
  const callers: { caller: Caller; begins: unknown }[] = [];
  const noted: RefusedToken[] = [];
  const room = { ok: true as boolean, whenAsked: [] as string[] };
  const session = {
    authUrl: "https://keystone.example.org/v3",
    async request(request: KeystoneRequest, read: (response: KeystoneResponse) => unknown) {
      asked.push(request);
      const answer = await answerTo(request);
      if (answer instanceof Error) throw answer;
      return read(answer);
    },
  };
  const keystone = {
    ...session,
    inOneTurn: (caller: Caller, begins: unknown, work: (given: unknown) => unknown) => {
      callers.push({ caller, begins });
      return work(session);
    },
  } as unknown as SharedKeystone;
  const authorizer = createTokenAuthorizer({
    config: {
      admin: {
        projectName: "admin",
        projectDomainId: "default",
        roles: options.roles ?? ["admin"],
        authCacheSeconds: options.cacheSeconds ?? CACHE_SECONDS,
      },
    } as never,
    keystone,
    refusedTokens: {
      async mayAsk(address) {
        room.whenAsked.push(address);
        return room.ok ? { ok: true } : { ok: false, retryAfterSeconds: 41 };
      },
      async note(refused) {
        noted.push(refused);
      },
    },
  });
  return {
    ...{ asked, callers, noted, room },
    remember: authorizer.remember,
    authorize: (token = "token-1", clientAddress: string | undefined = FROM) =>
      authorizer.authorize(token, { requestId, clientAddress }),
    /** A session's own. */
    authorizeOwn: (token = "token-1") => authorizer.authorize(token, { requestId }),
  };
}

const refusal = (reason: string) => ({ ok: false, reason });

describe("a token", () => {
  it("is an administrator's where it can be scoped to the admin project", async () => {
    const { asked, callers, authorize } = authorizerWith(() => access({}));
    expect(await authorize()).toEqual({
      ok: true,
      caller: {
        kind: "admin",
        userId: "u1",
        userName: "jane",
        keystoneToken: "scoped-token",
        holdsAdminRole: true,
      },
    });
    expect(asked).toMatchObject([
      {
        method: "POST",
        path: "/auth/tokens",
        requestId,
        json: {
          auth: {
            identity: { methods: ["token"], token: { id: "token-1" } },
            scope: { project: { name: "admin", domain: { id: "default" } } },
          },
        },
      },
    ]);
    // It waits among strangers, in the line of its network.
    expect(callers).toEqual([
      {
        caller: { rank: "strangers", party: "2001:db8:1:2::/64" },
        begins: { method: "POST", path: "/auth/tokens", requestId },
      },
    ]);
  });

  it.each([
    [["admin"], ["reader", "admin"], true, true],
    [["admin"], ["reader"], false, false],
    [["admin"], ["Admin"], false, false],
    [["issuer", "manager"], ["manager"], true, false],
    [["issuer"], ["admin"], false, false],
    ["any" as const, ["reader"], true, false],
    ["any" as const, [], false, false],
  ])(
    "with ADMIN_ROLES %j and the roles %j: let in %j, holds admin %j",
    async (wanted, roles, isLetIn, holdsAdminRole) => {
      const { authorize } = authorizerWith(() => access({ roles }), { roles: wanted });
      const answer = await authorize();
      expect(answer.ok).toBe(isLetIn);
      if (answer.ok) expect(answer.caller.holdsAdminRole).toBe(holdsAdminRole);
      else expect(answer.reason).toBe("not-admin");
    },
  );

  it.each([
    ["", "empty"],
    [" token", "with a space before it"],
    ["token ", "with a space after it"],
    ["to\tken", "with a tab"],
    ["t\u00f6ken", "with a letter that no header holds"],
    ["x".repeat(4097), "longer than 4096 characters"],
  ])("that is none is not asked about: %j (%s)", async (token) => {
    const { asked, authorize } = authorizerWith(() => access({}));
    expect(await authorize(token)).toEqual(refusal("unknown-token"));
    expect(asked).toEqual([]);
  });

  it("may be of 4096 characters", async () => {
    const { authorize } = authorizerWith(() => access({}));
    expect(await authorize("x".repeat(4096))).toMatchObject({ ok: true });
  });

  it.each<[KeystoneErrorKind, string]>([
    ["not-found", "unknown-token"],
    ["unauthorized", "not-admin"],
    ["mfa-required", "not-admin"],
    ["timeout", "keystone-unavailable"],
    ["busy", "keystone-unavailable"],
    ["server-error", "keystone-unavailable"],
  ])("of which Keystone says %s is answered %s, and asked about again", async (kind, reason) => {
    const { asked, authorize } = authorizerWith(({ method }) =>
      method === "GET" ? failure("not-found") : failure(kind),
    );
    expect(await authorize()).toMatchObject(refusal(reason));
    expect(await authorize()).toMatchObject(refusal(reason));
    expect(asked.filter(({ method }) => method === "POST")).toHaveLength(2);
  });

  it("waits as long as Keystone asks for, or ten seconds", async () => {
    const told = authorizerWith(() => failure("rate-limited", 77));
    expect(await told.authorize()).toMatchObject({ retryAfterSeconds: 77 });
    const untold = authorizerWith(() => failure("timeout"));
    expect(await untold.authorize()).toMatchObject({ retryAfterSeconds: 10 });
  });

  it("makes a mistake of ours no refusal", async () => {
    const mistake = new TypeError("x is not a function");
    const { noted, authorize } = authorizerWith(() => Promise.reject(mistake));
    await expect(authorize()).rejects.toBe(mistake);
    expect(noted).toEqual([]);
  });
});

describe("where Keystone does not let a token be scoped anew, it", () => {
  const withOwnScope = (project?: { name: string; domain: { id: string } }) =>
    authorizerWith(({ method }) =>
      method === "POST" ? failure("forbidden") : access(project ? { project } : {}),
    );

  it("is let in by its own scope, which is asked by the same request", async () => {
    const { asked, authorize } = withOwnScope({ name: "admin", domain: { id: "default" } });
    expect(await authorize()).toMatchObject({ ok: true, caller: { userId: "u1" } });
    expect(asked.map(({ method, ...rest }) => [method, rest.requestId])).toEqual([
      ["POST", requestId],
      ["GET", requestId],
    ]);
  });

  it.each([
    ["another project", { name: "demo", domain: { id: "default" } }],
    ["a project of this name elsewhere", { name: "admin", domain: { id: "other" } }],
    ["no project", undefined],
  ])("is refused with a scope of %s", async (_, project) => {
    const { authorize } = withOwnScope(project);
    expect(await authorize()).toEqual(refusal("not-admin"));
  });
});

describe("a yes is remembered", () => {
  const times = async (
    seconds: number,
    answer: () => Answer,
    options?: Parameters<typeof authorizerWith>[1],
  ) => {
    const { asked, authorize } = authorizerWith(answer, options);
    await authorize();
    later(seconds);
    await authorize();
    return asked.length;
  };

  it("for AUTH_CACHE_SECONDS, and no longer", async () => {
    expect(await times(CACHE_SECONDS - 1, () => access({}))).toBe(1);
    expect(await times(CACHE_SECONDS + 1, () => access({}))).toBe(2);
    expect(await times(CACHE_SECONDS - 1, () => access({ expiresIn: null }))).toBe(1);
    expect(await times(CACHE_SECONDS + 1, () => access({ expiresIn: null }))).toBe(2);
  });

  it("no longer than its token lives, and not at all where nothing is to be", async () => {
    expect(await times(19, () => access({ expiresIn: 20 }))).toBe(1);
    expect(await times(21, () => access({ expiresIn: 20 }))).toBe(2);
    expect(await times(0, () => access({}), { cacheSeconds: 0 })).toBe(2);
    expect(await times(0, () => access({ expiresIn: -5 }))).toBe(2);
  });

  it("of this very token, and of one that a sign-in has just brought", async () => {
    const { asked, authorize, remember } = authorizerWith(() => access({ roles: ["reader"] }));
    remember({
      token: "of-the-session",
      user: { id: "u2", name: "joe" },
      roles: [{ id: "r", name: "admin" }],
      expiresAt: null,
    } as unknown as AccessInfo);
    expect(await authorize("of-the-session")).toMatchObject({ caller: { userId: "u2" } });
    expect(asked).toHaveLength(0);
    expect(await authorize("of-the-sessioN")).toEqual(refusal("not-admin"));
    expect(asked).not.toHaveLength(0);
  });

  it("not while it is asked about: who comes meanwhile shares the question", async () => {
    let answer: (given: Answer) => void = () => {};
    const { asked, authorize } = authorizerWith(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      { cacheSeconds: 0 },
    );
    const three = [authorize(), authorize(), authorize()];
    await vi.waitFor(() => expect(asked).toHaveLength(1));
    answer(access({}));
    for (const one of await Promise.all(three)) expect(one.ok).toBe(true);
    expect(asked).toHaveLength(1);
    void authorize();
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    answer(access({}));
  });
});

describe("tokens without end", () => {
  const remembered = (token: string) =>
    ({
      token,
      user: { id: "u1", name: "jane" },
      roles: [{ id: "r", name: "admin" }],
      expiresAt: null,
    }) as unknown as AccessInfo;

  it("are remembered up to a thousand, and then the latest", async () => {
    const { asked, remember, authorize } = authorizerWith(() => access({}));
    for (let count = 0; count < 1001; count++) remember(remembered(`token-${count}`));
    await authorize("token-1");
    expect(asked).toHaveLength(0);
    await authorize("token-0");
    expect(asked).toHaveLength(1);
  });

  it("are no stranger's up to ten thousand, and then the latest", async () => {
    const { callers, remember, authorize } = authorizerWith(() => access({}));
    for (let count = 0; count < 10_001; count++) remember(remembered(`token-${count}`));
    await authorize("token-1");
    await authorize("token-0");
    expect(callers.map(({ caller }) => caller.rank)).toEqual(["people", "strangers"]);
  });
});

describe("a refusal", () => {
  it("is noted, with from where, and with whose token it is where Keystone says so", async () => {
    const from = { clientAddress: FROM, requestId };
    const owner = { id: "u1", name: "jane" };
    const unknown = authorizerWith(() => failure("not-found"));
    await unknown.authorize();
    expect(unknown.noted).toMatchObject([{ ...from, reason: "unknown-token", owner: undefined }]);
    // Nobody's: there is nobody to ask about.
    expect(unknown.asked).toHaveLength(1);

    const roleless = authorizerWith(() => access({ roles: [] }));
    await roleless.authorize();
    expect(roleless.noted).toMatchObject([{ ...from, reason: "not-admin", owner }]);
    expect(roleless.asked).toHaveLength(1);

    const unscoped = authorizerWith(({ method }) =>
      method === "POST" ? failure("unauthorized") : access({}),
    );
    await unscoped.authorize();
    expect(unscoped.noted).toMatchObject([{ ...from, reason: "not-admin", owner }]);
    expect(unscoped.asked.map((one) => [one.method, one.requestId])).toEqual([
      ["POST", requestId],
      ["GET", requestId],
    ]);
  });

  it("is none where Keystone has said nothing, nor of a session's own token", async () => {
    const away = authorizerWith(() => failure("timeout"));
    await away.authorize();
    expect(away.noted).toEqual([]);
    const own = authorizerWith(() => failure("not-found"));
    expect(await own.authorizeOwn()).toEqual(refusal("unknown-token"));
    expect(own.noted).toEqual([]);
    expect(own.room.whenAsked).toEqual([]);
    expect(own.callers[0]?.caller.rank).toBe("people");
  });

  it("keeps unknown tokens of an address with too many of them from being asked about", async () => {
    const { asked, callers, room, authorize } = authorizerWith(() => access({}));
    room.ok = false;
    const heldBack = { ok: false, reason: "too-many-refused", retryAfterSeconds: 41 };
    expect(await authorize()).toEqual(heldBack);
    // Not even a turn is waited for.
    expect([asked.length, callers.length]).toEqual([0, 0]);
    expect(room.whenAsked).toEqual([FROM]);
  });

  it("keeps no token out that was good within a day, as long as it is", async () => {
    const good = { roles: ["admin"] };
    const { asked, callers, room, authorize } = authorizerWith(() =>
      access({ ...good, expiresIn: 3 * DAY_SECONDS }),
    );
    await authorize();
    room.ok = false;
    later(DAY_SECONDS - 1);
    expect(await authorize()).toMatchObject({ ok: true });
    expect(callers.at(-1)?.caller.rank).toBe("people");
    later(DAY_SECONDS + 1);
    expect(await authorize()).toMatchObject({ reason: "too-many-refused" });
    room.ok = true;
    await authorize();
    good.roles = [];
    later(CACHE_SECONDS + 1);
    expect(await authorize()).toMatchObject({ reason: "not-admin" });
    room.ok = false;
    expect(await authorize()).toMatchObject({ reason: "too-many-refused" });
    expect(asked).toHaveLength(4);
  });

  it("is none of a token that Keystone has said nothing of", async () => {
    const keystone = { isAway: false };
    const { room, authorize } = authorizerWith(() =>
      keystone.isAway ? failure("timeout") : access({}),
    );
    await authorize();
    later(CACHE_SECONDS + 1);
    keystone.isAway = true;
    expect(await authorize()).toMatchObject({ reason: "keystone-unavailable" });
    keystone.isAway = false;
    room.ok = false;
    expect(await authorize()).toMatchObject({ ok: true });
  });

  it("is to be had again for a token that has run out", async () => {
    const { room, authorize } = authorizerWith(() => access({ expiresIn: 20 }));
    await authorize();
    room.ok = false;
    later(21);
    expect(await authorize()).toMatchObject({ reason: "too-many-refused" });
  });
});
