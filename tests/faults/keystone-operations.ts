/** What administrators and scripts do, every call of it, and what must hold where it fails. */
import { setTimeout as sleep } from "node:timers/promises";
import { type AnyFault, faultsOfEachKind, isHarmless, retryAfterOf } from "../support/fault-matrix";
import { type CallMatch, refusal } from "../support/fault-proxy";
import { type Answer, linkTokenIn, newRequestId } from "../support/visitor";
import {
  aliveProblems,
  answerProblems,
  completedProblems,
  during,
  handOver,
  linkState,
  metNoCall,
  newAdministrator,
  newName,
  newPassword,
  PIN,
  type Spot,
  signInAs,
  statusProblems,
  type Tried,
  type World,
} from "./keystone-world";

const tokens: CallMatch = { method: "POST", path: "/v3/auth/tokens" };
export const byPassword: CallMatch = { ...tokens, body: '"methods":["password"' };
const byToken: CallMatch = { ...tokens, body: '"methods":["token"]' };
const oneUser: CallMatch = { method: "GET", path: /^\/v3\/users\/[^/]+$/ };
const oneDomain: CallMatch = { method: "GET", path: /^\/v3\/domains\/[^/]+$/ };
const policy: CallMatch = { method: "GET", path: /\/security_compliance$/ };
const revoke: CallMatch = { method: "DELETE", path: "/v3/auth/tokens" };

export interface OperationCall extends Spot {
  readonly name: string;
  /** Without its answer there is no other answer than 503. */
  readonly needed: boolean;
  readonly givesToken?: boolean;
  /** What a 503 of Keystone's says of when to come back is passed on. */
  readonly passesRetryAfter?: boolean;
  /** What the short form tries of it, where another operation makes the very same call. */
  readonly short?: readonly AnyFault[];
  /** Another call goes out with it: it cannot be refused by itself. */
  readonly beside?: boolean;
}

interface Trial {
  act(requestId: string): Promise<Answer>;
  /** What is wrong with the answer when nothing is wrong with Keystone; also afterwards. */
  done(answer: Answer): Promise<string[]>;
  /** What is wrong while the fault is there, after the answer. */
  unharmed?(): Promise<string[]>;
  /** Instead of doing the same again. */
  afterwards?(): Promise<string[]>;
}

export interface Operation {
  readonly name: string;
  readonly calls: readonly OperationCall[];
  prepare(world: World, call: OperationCall): Promise<Trial>;
}

/** Where Keystone forbids rescoping. */
const forbidden = refusal(403, "You are not authorized.");

const readUser: OperationCall[] = [
  { name: "user", match: oneUser, needed: true },
  { name: "domain", match: oneDomain, after: { match: oneUser }, needed: true, beside: true },
  { name: "policy", match: policy, after: { match: oneUser }, needed: true },
];

export const operations: readonly Operation[] = [
  {
    name: "sign in",
    calls: [
      {
        name: "token",
        match: byPassword,
        needed: true,
        givesToken: true,
        passesRetryAfter: true,
      },
      { name: "own user", match: oneUser, after: { match: byPassword }, needed: false },
      { name: "former token", match: revoke, after: { match: oneUser }, needed: false },
    ],
    async prepare(world, call) {
      const admin = await newAdministrator(world);
      const { name: userName, password } = admin;
      const former = call.match === revoke ? await signInAs(world, admin) : undefined;
      const sessions = async () => {
        const [row] = await world.sql<{ count: number }[]>`
          select count(*)::int as count from admin_sessions where user_id = ${admin.id}`;
        return row?.count;
      };
      return {
        act: (requestId) =>
          world.visitor.signIn({ userName, password }, { requestId, cookie: former }),
        async done(answer) {
          const cookie = (answer as Answer & { cookie?: string }).cookie;
          const page = await world.visitor.ask({ path: "/admin", cookie });
          return [
            ...statusProblems(answer, 302),
            ...(page.status === 200 ? [] : [`signed in, /admin answers ${page.status}`]),
            ...((await sessions()) === 1 ? [] : ["there is not one session"]),
          ];
        },
        unharmed: async () => ((await sessions()) === 0 ? [] : ["there is a session"]),
        ...(former !== undefined && { afterwards: async () => [] }),
      };
    },
  },
  {
    name: "sign out",
    calls: [{ name: "revoke token", match: revoke, needed: false }],
    async prepare(world) {
      const cookie = await signInAs(world, await newAdministrator(world));
      return {
        act: (requestId) =>
          world.visitor.ask({ path: "/admin/sign-out", form: {}, cookie, requestId }),
        async done(answer) {
          const page = await world.visitor.ask({ path: "/admin", cookie });
          return [
            ...statusProblems(answer, 302),
            ...(page.status === 302 ? [] : [`signed out, /admin answers ${page.status}`]),
          ];
        },
        afterwards: async () => [],
      };
    },
  },
  {
    name: "search",
    calls: [
      { name: "users", match: { method: "GET", path: "/v3/users" }, needed: true },
      {
        name: "domains",
        match: { method: "GET", path: "/v3/domains" },
        needed: false,
        beside: true,
      },
    ],
    async prepare(world, call) {
      const user = await world.keystone.createUser({ name: newName("found") });
      // The domains are remembered for whoever asked: this one has not yet.
      const cookie =
        call.name === "domains"
          ? await signInAs(world, await newAdministrator(world))
          : world.cookie;
      return {
        act: (requestId) =>
          world.visitor.ask({
            path: `/admin/users?q=${user.name}`,
            cookie,
            requestId,
          }),
        done: async (answer) => [
          ...statusProblems(answer, 200),
          ...(answer.text.includes(`/admin/users/${user.id}`) ? [] : ["the user is not shown"]),
        ],
      };
    },
  },
  {
    name: "issue page",
    calls: readUser,
    async prepare(world) {
      const handover = await handOver(world);
      return {
        act: (requestId) =>
          world.visitor.ask({
            path: `/admin/users/${handover.userId}`,
            cookie: world.cookie,
            requestId,
          }),
        done: async (answer) => [
          ...statusProblems(answer, 200),
          ...(answer.text.includes(handover.userName) ? [] : ["the user is not shown"]),
        ],
        unharmed: () => aliveProblems(world, handover.userId),
      };
    },
  },
  {
    name: "issue with a random password",
    calls: [
      ...readUser.map((call) => ({
        ...call,
        short: ["502-before", "hang-before", "refused"] as const,
      })),
      {
        name: "set password",
        match: { method: "PATCH", path: oneUser.path },
        after: { match: policy },
        needed: true,
      },
    ],
    async prepare(world) {
      const handover = await handOver(world);
      const { userId } = handover;
      const typed = newPassword("Typed");
      handover.passwords.push(typed);
      // By turns: the administrator tries again, or the user comes with the link there is.
      const userComes = Number.parseInt(userId.slice(-1), 16) % 2 === 0;
      const redeem = async (linkToken: string, pin: string) => {
        const answer = await world.visitor.redeem(linkToken, { pin, password: typed });
        return [
          ...statusProblems(answer, 200),
          ...(await completedProblems(world, { ...handover, linkToken }, typed)),
        ];
      };
      const act = (requestId: string) =>
        world.visitor.issue(
          userId,
          { pin: "1147", password: "random", mail_to: "" },
          { requestId, cookie: world.cookie },
        );
      const done = async (answer: Answer) => {
        const linkToken = linkTokenIn(answer.text);
        if (answer.status !== 200 || linkToken === undefined)
          return [`answered ${answer.status}, and ${linkToken ? "a" : "no"} link`];
        return redeem(linkToken, "1147");
      };
      return {
        act,
        done,
        unharmed: () => aliveProblems(world, userId),
        afterwards: async () =>
          userComes ? redeem(handover.linkToken, PIN) : done(await act(newRequestId())),
      };
    },
  },
  {
    name: "open an account",
    // What becomes of a lost answer about project or user: tests/integration/accounts/open-account.test.ts.
    calls: [
      { name: "roles", match: { method: "GET", path: "/v3/roles" }, needed: true, beside: true },
      {
        name: "user of that name",
        match: { method: "GET", path: "/v3/users" },
        after: { match: { method: "GET", path: "/v3/roles" } },
        needed: true,
        beside: true,
        short: faultsOfEachKind,
      },
      {
        name: "project",
        match: { method: "GET", path: "/v3/projects" },
        skip: 1,
        needed: true,
        beside: true,
        short: faultsOfEachKind,
      },
      {
        name: "give role",
        match: { method: "PUT", path: /^\/v3\/projects\/.*\/roles\// },
        after: { match: { method: "POST", path: "/v3/users" } },
        needed: true,
      },
    ],
    async prepare(world) {
      const name = newName("opened");
      const { roles } = (await world.keystone.call("GET", "/roles?name=member")) as {
        roles: { id: string }[];
      };
      await world.keystone.createProject({ name });
      const form = {
        user_name: name,
        domain: "default",
        project_from: "existing",
        project_name: name,
        role: roles[0]?.id ?? "",
        pin: PIN,
      };
      const typed = newPassword("Typed");
      const users = async () => {
        const answer = await world.keystone.call("GET", `/users?name=${name}`);
        return (answer as { users: { id: string }[] }).users;
      };
      return {
        act: (requestId) =>
          world.visitor.ask({ path: "/admin/users/new", form, cookie: world.cookie, requestId }),
        async done(answer) {
          const linkToken = linkTokenIn(answer.text);
          if (answer.status !== 200 || linkToken === undefined)
            return [`answered ${answer.status}, and ${linkToken ? "a" : "no"} link`];
          const [user, ...others] = await users();
          if (!user || others.length > 0) return ["there is not one account"];
          const set = await world.visitor.redeem(linkToken, { pin: PIN, password: typed });
          const handover = { userId: user.id, userName: name, linkToken, passwords: [typed] };
          return [
            ...statusProblems(set, 200),
            ...(await completedProblems(world, handover, typed)),
          ];
        },
        async unharmed() {
          const [user] = await users();
          const link = user && (await linkState(world, user.id));
          return link ? ["there is a link"] : [];
        },
      };
    },
  },
  {
    name: "enable an account",
    calls: [{ name: "enable", match: { method: "PATCH", path: oneUser.path }, needed: true }],
    async prepare(world) {
      const { userId } = await handOver(world);
      await world.keystone.updateUser(userId, { enabled: false });
      const act = (requestId: string) =>
        world.visitor.issue(userId, { intent: "enable" }, { requestId, cookie: world.cookie });
      const done = async (answer: Answer) => {
        const told = await world.keystone.call("GET", `/users/${userId}`);
        const { enabled } = (told as { user: { enabled: boolean } }).user;
        return [...statusProblems(answer, 200), ...(enabled ? [] : ["the account is disabled"])];
      };
      return {
        act,
        done,
        unharmed: () => aliveProblems(world, userId),
        afterwards: async () => done(await act(newRequestId())),
      };
    },
  },
  {
    name: "PUT",
    calls: [
      {
        name: "rescope",
        match: byToken,
        needed: true,
        givesToken: true,
        passesRetryAfter: true,
      },
      {
        name: "validate",
        match: { method: "GET", path: "/v3/auth/tokens" },
        after: { match: byToken, fault: forbidden },
        needed: true,
        givesToken: true,
        passesRetryAfter: true,
      },
      ...readUser.map((call) => ({
        ...call,
        ...(call.after === undefined && { after: { match: byToken } }),
        needed: false,
        behind: true,
      })),
    ],
    async prepare(world, call) {
      const initial = newPassword("Initial");
      // What every user of a domain shares is remembered for a minute: this one is not known yet.
      const domain =
        call.behind && (await world.keystone.createDomain({ name: newName("domain") }));
      const user = await world.keystone.createUser({
        name: newName("user"),
        password: initial,
        ...(domain && { domainId: domain.id }),
      });
      const token = await world.keystone.token();
      const act = (requestId: string) =>
        world.visitor.put(user.id, { password: initial, pin: PIN }, token, { requestId });
      const isShown = async () => {
        const [row] = await world.sql`
          select user_name, user_domain_name as domain, policy_description as policy
          from links where user_id = ${user.id}`;
        return row?.user_name && row.domain && row.policy;
      };
      const done = async (answer: Answer) => statusProblems(answer, 200);
      return {
        act,
        done,
        unharmed: async () =>
          (await linkState(world, user.id)) === undefined ? [] : ["a link was stored"],
        ...(call.behind && {
          // The look-up failed; the next PUT asks again.
          async afterwards() {
            const problems = await done(await act(newRequestId()));
            const giveUpAt = Date.now() + 5000;
            while (!(await isShown())) {
              if (Date.now() > giveUpAt) return [...problems, "the user was not looked up again"];
              await sleep(20);
            }
            return problems;
          },
        }),
      };
    },
  },
];

export async function tryOperation(
  world: World,
  { operation, call, fault }: { operation: Operation; call: OperationCall; fault: AnyFault },
): Promise<Tried> {
  const trial = await operation.prepare(world, call);
  const requestId = newRequestId();
  const { result: answer, met } = await during(world, call, fault, requestId, () =>
    trial.act(requestId),
  );

  const fails = call.needed && !isHarmless(fault, { givesToken: call.givesToken === true });
  const problems = [
    ...(met ? [] : [metNoCall]),
    ...answerProblems(answer),
    ...(answer.headers.get("x-openstack-request-id") === requestId ? [] : ["another request id"]),
  ];
  if (fails) {
    problems.push(...statusProblems(answer, 503));
    const asked = retryAfterOf(fault);
    if (call.passesRetryAfter && asked && answer.headers.get("retry-after") !== String(asked))
      problems.push(`Retry-After is ${answer.headers.get("retry-after")}, not ${asked}`);
    problems.push(...((await trial.unharmed?.()) ?? []));
    problems.push(
      ...(trial.afterwards
        ? await trial.afterwards()
        : await trial.done(await trial.act(newRequestId()))),
    );
  } else {
    problems.push(...(await trial.done(answer)));
    if (call.behind) problems.push(...((await trial.afterwards?.()) ?? []));
  }
  return {
    row: `${operation.name}: ${call.name}`,
    column: fault,
    answer: String(answer.status),
    tookMs: answer.tookMs,
    mostMs: world.timeoutMs,
    problems,
  };
}
