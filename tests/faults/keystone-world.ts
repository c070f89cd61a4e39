/**
 * What the tests of Keystone's faults are made of: a world (the real server before a Keystone, with a proxy
 * that fails in between), users who are handed an account in it, and what must hold whatever fails.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { inject } from "vitest";
import { type Config, loadConfig } from "../../app/config/config.server";
import { type Services, startServices } from "../../app/services.server";
import { createLog } from "../../app/telemetry/log.server";
import { startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { type AnyFault, type FaultTable, faultOf, inLanes } from "../support/fault-matrix";
import {
  type CallMatch,
  type Fault,
  type FaultProxy,
  type FaultRule,
  startFaultProxy,
} from "../support/fault-proxy";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "../support/keystone-admin";
import { signsIn } from "../support/keystone-token";
import { testPasswordRegex, testPasswordRegexDescription } from "../support/real-keystone";
import { type Stack, startStack } from "../support/stack";
import { type Answer, createVisitor, linkTokenIn, type Visitor } from "../support/visitor";

export const PIN = "4711";

export interface World {
  readonly name: string;
  readonly timeoutMs: number;
  readonly lanes: number;
  readonly stack: Stack;
  readonly proxy: FaultProxy;
  readonly visitor: Visitor;
  readonly keystone: KeystoneAccess & KeystoneAdmin;
  readonly sql: postgres.Sql;
  /** Another process's, over the same database and the same proxy: for the worker's part. */
  readonly services: Services;
  /** An administrator's session, for whoever only reads. */
  readonly cookie: string;
  /** An administrator's token, remembered by the server: links are issued without asking Keystone. */
  readonly token: string;
  /** How long the longest of the requests takes where nothing fails. */
  readonly usualMs: number;
}

export const newPassword = (who: string) => `${who}-${randomBytes(9).toString("base64url")}-1a`;
export const newName = (what: string) => `${what}-${randomBytes(6).toString("hex")}`;

// Users, links and what is known of them

export interface Handover {
  readonly userId: string;
  readonly userName: string;
  readonly linkToken: string;
  /** Every password that was ever set or typed, the initial one first. */
  readonly passwords: string[];
}

export async function handOver(world: World): Promise<Handover> {
  const initial = newPassword("Initial");
  const user = await world.keystone.createUser({ name: newName("user"), password: initial });
  const answer = await world.visitor.put(user.id, { password: initial, pin: PIN }, world.token);
  if (answer.status !== 200) throw new Error(`PUT answered ${answer.status}: ${answer.text}`);
  return {
    userId: user.id,
    userName: user.name,
    linkToken: answer.text,
    passwords: [initial],
  };
}

export async function signInAs(world: World, administrator: { name: string; password: string }) {
  const { name: userName, password } = administrator;
  const { cookie, status } = await world.visitor.signIn({ userName, password });
  if (cookie === undefined) throw new Error(`Signing in answered ${status}`);
  return cookie;
}

export async function newAdministrator(world: World) {
  const password = newPassword("Admin");
  const { id, name } = await world.keystone.createUser({ name: newName("admin"), password });
  const projectId = await world.keystone.projectId(world.keystone.adminProjectName);
  await world.keystone.assignRole({ userId: id, role: "admin", projectId });
  return { id, name, password };
}

interface LinkState {
  state: string;
  attempts: number;
  pin_guesses: number;
  claimed: boolean;
  secrets: number;
}

export async function linkState({ sql }: World, userId: string): Promise<LinkState | undefined> {
  const [row] = await sql<LinkState[]>`
    select state, attempts, pin_guesses, claim_id is not null as claimed,
      num_nonnulls(token_hash, pin_mac, sealed_pin_key, sealed_password, sealed_attempts) as secrets
    from links where user_id = ${userId}`;
  return row;
}

/** @returns which of the passwords Keystone itself takes */
export async function accepted(world: World, { userId, passwords }: Handover): Promise<string[]> {
  const taken: string[] = [];
  for (const password of new Set(passwords)) {
    if (await signsIn(world.keystone, { userId, password })) taken.push(password);
  }
  return taken;
}

// What must hold, as sentences about what does not

/** Whatever was asked: no 500, nothing of our insides, and a 503 that says when to come back. */
export function answerProblems(answer: Answer): string[] {
  const problems: string[] = [];
  if (answer.status === 500) problems.push(`answered 500: ${answer.text.slice(0, 200)}`);
  const insides =
    /\n\s+at \S+.*:\d+:\d+|node_modules|\b(?:Type|Reference|Keystone|DrizzleQuery|Postgres|Vault)Error\b/;
  if (insides.test(answer.text)) problems.push("the answer shows our insides");
  const retryAfter = answer.headers.get("retry-after");
  if (answer.status === 503 && !/^[1-9]\d{0,3}$/.test(retryAfter ?? ""))
    problems.push(`a 503 with Retry-After: ${retryAfter}`);
  if (!/^req-[0-9a-f-]{36}$/.test(answer.headers.get("x-openstack-request-id") ?? ""))
    problems.push("the answer has no request id");
  return problems;
}

export function statusProblems(answer: Answer, expected: number): string[] {
  return answer.status === expected ? [] : [`answered ${answer.status}, not ${expected}`];
}

export async function aliveProblems(world: World, userId: string): Promise<string[]> {
  const link = await linkState(world, userId);
  const problems: string[] = [];
  if (link?.state !== "pending") problems.push(`the link is ${link?.state}`);
  if (link?.attempts !== 0 || link.pin_guesses !== 0) problems.push("an attempt was spent");
  if (link?.claimed) problems.push("the claim is still held");
  return problems;
}

export async function completedProblems(
  world: World,
  handover: Handover,
  inForce: string | undefined,
): Promise<string[]> {
  const problems: string[] = [];
  const link = await linkState(world, handover.userId);
  if (link?.state !== "completed") problems.push(`the link is ${link?.state} in the end`);
  if (link?.secrets !== 0) problems.push(`${link?.secrets} secrets are kept with it`);
  const taken = await accepted(world, handover);
  if (taken.length !== 1 || taken[0] !== inForce)
    problems.push(
      `Keystone takes ${taken.map((one) => handover.passwords.indexOf(one))}, not ${handover.passwords.indexOf(inForce ?? "")} of the ${handover.passwords.length} passwords`,
    );
  const { status } = await world.visitor.openLink(handover.linkToken);
  if (status !== 404) problems.push(`the used link answers ${status}`);
  return problems;
}

/** Where in a request the fault is. */
export interface Spot {
  readonly match: CallMatch;
  /** So many calls that fit pass first. */
  readonly skip?: number;
  /** The call before, and how it fares: as ever, unless told. None: this is the first. */
  readonly after?: { match: CallMatch; skip?: number; fault?: Fault };
  /** Made behind the answer. */
  readonly behind?: boolean;
}

/**
 * Does something while the fault is there, and takes it away.
 *
 * @returns what was done gave; the rule, for what it still holds; and whether the fault met a call
 */
export async function during<Result>(
  { proxy }: World,
  { match, skip, after, behind }: Spot,
  fault: AnyFault,
  requestId: string,
  act: () => Promise<Result>,
): Promise<{ result: Result; rule: FaultRule | undefined; met: boolean }> {
  const before =
    after &&
    proxy.inject({ ...after.match, requestId }, after.fault ?? asEver, {
      times: 1,
      skip: after.skip,
    });
  if (fault !== "refused") {
    // What only reads is asked again where a kept connection breaks, and meets the fault again.
    const times = match.method === "GET" ? undefined : 1;
    const rule = proxy.inject({ ...match, requestId }, faultOf(fault), { times, skip });
    const result = await act();
    if (behind) await Promise.race([rule.waitForHits(1), sleep(5000)]);
    rule.remove();
    before?.remove();
    return { result, rule, met: rule.hits > 0 };
  }
  let gone: Promise<void> | undefined;
  if (before === undefined) {
    gone = proxy.goAway();
    await gone;
  } else {
    // Its answer goes out, and from then on nobody takes a connection.
    void before.waitForHits(1).then(() => {
      gone = proxy.goAway({ answering: true });
    });
  }
  const result = await act();
  // What is refused leaves no trace to wait for.
  if (behind) await sleep(100);
  before?.remove();
  await gone;
  if (gone !== undefined) await proxy.comeBack();
  return { result, rule: undefined, met: gone !== undefined };
}

const asEver: Fault = { carryOut: "first", answer: { kind: "pass" } };

export const metNoCall = "the fault met no call";

/** What became of one cell. */
export interface Tried {
  readonly row: string;
  readonly column: string;
  /** What setpass answered. */
  readonly answer: string;
  readonly tookMs: number;
  /** The timeouts of its calls; the rest of `allowed` is the world's. */
  readonly mostMs: number;
  readonly problems: readonly string[];
}

/**
 * Tries all of them, and adds each to the table. A refused connection is refused to all: those cells come
 * last, one at a time. So does, once more, what took too long beside the others, or never got as far as
 * the fault because Keystone itself was too busy: by itself it may not.
 */
export async function tryAll<Cell extends object>(
  world: World,
  table: FaultTable,
  cells: readonly Cell[],
  tryOne: (cell: Cell) => Promise<Tried>,
): Promise<void> {
  const again: Cell[] = [];
  const allowance = world.usualMs + 1000;
  const add = (tried: Tried) => {
    const late = tried.tookMs > tried.mostMs + allowance;
    const sentence = `took ${Math.round(tried.tookMs)} ms, over ${tried.mostMs} + ${Math.round(allowance)}`;
    table.add(tried.row, tried.column, {
      ...tried,
      problems: late ? [...tried.problems, sentence] : tried.problems,
    });
  };
  const run = async (cell: Cell, last: boolean) => {
    const tried = await tryOne(cell);
    const slow = tried.problems.length === 0 && tried.tookMs > tried.mostMs + allowance;
    if (!last && (slow || tried.problems.includes(metNoCall))) again.push(cell);
    else add(tried);
  };
  const alone = (cell: Cell) => "fault" in cell && cell.fault === "refused";
  const together = cells.filter((cell) => !alone(cell));
  await inLanes(together, world.lanes, (cell) => run(cell, false));
  for (const cell of cells.filter(alone)) await run(cell, false);
  for (const cell of again) await run(cell, true);
}

export async function startWorld(name: string): Promise<{ world: World; stop(): Promise<void> }> {
  const undo: (() => Promise<unknown>)[] = [];
  const sandbox = name === "sandbox";
  let access: KeystoneAccess | undefined = inject("keystone");
  if (sandbox) {
    const started = await startSandboxKeystone({
      passwordRegex: testPasswordRegex,
      passwordRegexDescription: testPasswordRegexDescription,
      uniqueLastPasswordCount: 2,
    });
    undo.push(() => started.stop());
    access = started;
  }
  if (access === undefined) throw new Error("no Keystone is running here");
  const proxy = await startFaultProxy({ target: access.url, keepAlive: true });
  undo.push(() => proxy.stop());
  const timeoutSeconds = sandbox ? 1 : 3;
  const stack = await startStack({
    keystone: access,
    authUrl: proxy.url,
    postgresUrl: inject("postgresUrl"),
    env: { KEYSTONE_TIMEOUT: String(timeoutSeconds), AUTH_CACHE_SECONDS: "3600" },
  });
  undo.push(() => stack.stop());
  const sql = postgres(stack.databaseUrl, { max: 4, onnotice: () => {} });
  undo.push(() => sql.end({ timeout: 5 }));
  const services = startServices(configOf(stack), createLog({ level: "silent" }));
  undo.push(() => services.stop());
  const visitor = createVisitor(stack.url);
  const signedIn = await visitor.signIn({
    userName: access.adminUserName,
    password: access.adminPassword,
  });
  if (signedIn.cookie === undefined) throw new Error("the administrator cannot sign in");
  const admin = keystoneAdmin(access);
  const world: World = {
    name,
    timeoutMs: timeoutSeconds * 1000,
    lanes: sandbox ? 6 : 2,
    stack,
    proxy,
    visitor,
    keystone: { ...access, ...admin },
    sql,
    services,
    cookie: signedIn.cookie,
    token: await admin.token(),
    usualMs: signedIn.tookMs,
  };
  const usual = await measureUsual(world);
  return {
    world: { ...world, usualMs: Math.max(signedIn.tookMs, usual) },
    async stop() {
      for (const step of undo.splice(0).reverse()) await step();
    },
  };
}

/** Issuing in the console and redeeming: of all requests, these make the most calls to Keystone. */
async function measureUsual(world: World): Promise<number> {
  const { visitor, cookie } = world;
  const { userId } = await handOver(world);
  const form = { pin: PIN, password: "random", mail_to: "" };
  const issued = await visitor.issue(userId, form, { cookie });
  const linkToken = linkTokenIn(issued.text) ?? "";
  const set = await visitor.redeem(linkToken, { pin: PIN, password: newPassword("Typed") });
  if (set.status !== 200) throw new Error(`Without any fault, redeeming answers ${set.status}`);
  return Math.max(issued.tookMs, set.tookMs);
}

function configOf(stack: Stack): Config {
  const result = loadConfig({ ...stack.env, NODE_ENV: "test" } as NodeJS.ProcessEnv);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}
