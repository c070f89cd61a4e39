/** What users do with a link, every call of it, and how it ends where it fails. */
import { setTimeout as sleep } from "node:timers/promises";
import { settleLinks } from "../../app/links/redeem/settle-links.server";
import {
  type AnyFault,
  faultOf,
  isCarriedOut,
  isHarmless,
  retryAfterOf,
} from "../support/fault-matrix";
import { type CallMatch, type FaultRule, faults } from "../support/fault-proxy";
import { linkTokenIn, newRequestId } from "../support/visitor";
import { byPassword } from "./keystone-operations";
import {
  accepted,
  aliveProblems,
  answerProblems,
  completedProblems,
  during,
  type Handover,
  handOver,
  linkState,
  metNoCall,
  newPassword,
  PIN,
  type Spot,
  statusProblems,
  type Tried,
  type World,
} from "./keystone-world";

export const change: CallMatch = { method: "POST", path: /^\/v3\/users\/[^/]+\/password$/ };
/** setpass asks Keystone whether a password is in force. */
export const question = byPassword;

interface RedeemSpot extends Spot {
  readonly name: string;
  readonly givesToken?: boolean;
  /** The user came before, typed something, and nobody knows what became of it: it is in force. */
  readonly comesAgain?: boolean;
  /** What is answered where the fault does no harm; 200 unless told. */
  readonly harmless?: 200 | 503;
  /** Keystone would carry this change out: then the answer is 200, though its own was lost. */
  readonly sets?: boolean;
}

export const redeemSpots: readonly RedeemSpot[] = [
  { name: "change", match: change, sets: true },
  {
    name: "question, changed",
    match: question,
    givesToken: true,
    after: { match: change, fault: faults["reset-after"] },
  },
  {
    name: "question, not changed",
    match: question,
    givesToken: true,
    harmless: 503,
    after: { match: change, fault: faults["reset-before"] },
  },
  { name: "second visit: change", match: change, comesAgain: true },
  {
    name: "second visit: question",
    match: question,
    givesToken: true,
    comesAgain: true,
    after: { match: change },
  },
  {
    name: "second visit: second change",
    match: change,
    skip: 1,
    comesAgain: true,
    sets: true,
    after: { match: question },
  },
  {
    name: "second visit: second question",
    match: question,
    skip: 1,
    givesToken: true,
    comesAgain: true,
    after: { match: change, skip: 1, fault: faults["reset-after"] },
  },
];

/** What happens once the fault is over: the same password, another one, or nobody comes. */
export const endings = ["same", "other", "nobody"] as const;
export type Ending = (typeof endings)[number];

interface RedeemCell {
  readonly spot: RedeemSpot;
  readonly fault: AnyFault;
  readonly ending: Ending;
}

export const type = (
  world: World,
  handover: Handover,
  password: string,
  requestId = newRequestId(),
) => {
  handover.passwords.push(password);
  return world.visitor.redeem(handover.linkToken, { pin: PIN, password }, { requestId });
};

/** A visit whose change was made, and whose answer and question were lost. */
export async function loseOneAnswer(world: World, handover: Handover): Promise<void> {
  const requestId = newRequestId();
  const rules = [
    world.proxy.inject({ ...change, requestId }, faults["reset-after"]),
    world.proxy.inject({ ...question, requestId }, faults["reset-before"]),
  ];
  const answer = await type(world, handover, newPassword("First"), requestId);
  for (const rule of rules) rule.remove();
  if (answer.status !== 503) throw new Error(`The first visit was answered ${answer.status}`);
}

export async function tryRedeem(world: World, cell: RedeemCell): Promise<Tried> {
  const { spot, fault, ending } = cell;
  const handover = await handOver(world);
  const { userId, passwords } = handover;
  if (spot.comesAgain) await loseOneAnswer(world, handover);

  const requestId = newRequestId();
  const typed = newPassword("Typed");
  const { result, rule, met } = await during(world, spot, fault, requestId, () =>
    type(world, handover, typed, requestId),
  );

  const harmless = isHarmless(fault, { givesToken: spot.givesToken === true });
  const expected = harmless ? (spot.harmless ?? 200) : spot.sets && isCarriedOut(fault) ? 200 : 503;
  const problems = [
    ...(met ? [] : [metNoCall]),
    ...answerProblems(result),
    ...statusProblems(result, expected),
    ...passwords.filter((one) => result.text.includes(one)).map(() => "a password is shown"),
  ];
  const asked = retryAfterOf(fault);
  if (spot.name === "change" && expected === 503 && asked)
    if (result.headers.get("retry-after") !== String(asked))
      problems.push(`Retry-After is ${result.headers.get("retry-after")}, not ${asked}`);

  if (result.status === 200) problems.push(...(await completedProblems(world, handover, typed)));
  else {
    problems.push(...(await aliveProblems(world, userId)));
    problems.push(...(await endWell(world, handover, { ending, typed, rule })));
  }
  return {
    row: `redeem: ${spot.name}`,
    column: fault,
    answer: String(result.status),
    tookMs: result.tookMs,
    mostMs: world.timeoutMs,
    problems,
  };
}

async function endWell(
  world: World,
  handover: Handover,
  { ending, typed, rule }: { ending: Ending; typed: string; rule: FaultRule | undefined },
): Promise<string[]> {
  const { userId } = handover;
  // What Keystone still had in hand is carried out now; for "other", after the user came again.
  if (ending !== "other") await rule?.release();
  if (ending === "nobody") {
    const [inForce] = await accepted(world, handover);
    await settle(world, userId);
    if (inForce !== handover.passwords[0]) return completedProblems(world, handover, inForce);
    const problems = await aliveProblems(world, userId);
    if (problems.length > 0) return problems;
  }
  const next = ending === "same" ? typed : newPassword("Next");
  const answer = await type(world, handover, next);
  await rule?.release();
  return [...statusProblems(answer, 200), ...(await completedProblems(world, handover, next))];
}

/** Three minutes later the round of settling comes by. */
async function settle(world: World, userId: string): Promise<void> {
  await age(world, userId);
  const unsettled = async () => {
    const [row] = await world.sql`
      select 1 from links where user_id = ${userId} and state = 'pending'
        and attempted_at < now() - interval '180 seconds' and settle_asked_at is null`;
    return row !== undefined;
  };
  // Other cells' workers may have taken it.
  for (let tries = 0; tries < 100 && (await unsettled()); tries++) {
    await settleLinks(world.services, { limit: 100 });
    await sleep(20);
  }
}

/** What an administrator does about a link whose user says that it did not work. */
interface Renewal {
  readonly name: string;
  /** What the user had typed is in force no more; Keystone's history may refuse it from now on. */
  readonly replacesPassword?: boolean;
  /** @returns what opens the account from now on */
  renew(world: World, handover: Handover): Promise<{ linkToken: string; pin: string }>;
}

const byPut = (name: string, body: (initial: string) => Record<string, string>): Renewal => ({
  name: `PUT with ${name}`,
  async renew(world, { userId, passwords: [initial = ""] }) {
    const sent = body(initial);
    const answer = await world.visitor.put(userId, sent, await world.keystone.token());
    if (answer.status !== 200) throw new Error(`PUT answered ${answer.status}`);
    return { linkToken: answer.text, pin: sent.pin ?? PIN };
  },
});

const byConsole = (
  name: string,
  form: (initial: string) => { pin: string; password: string; initial_password?: string },
): Renewal => ({
  name: `the console with ${name}`,
  async renew(world, { userId, passwords: [initial = ""] }) {
    const sent = form(initial);
    const all = { mail_to: "", ...sent };
    const answer = await world.visitor.issue(userId, all, { cookie: world.cookie });
    const linkToken = linkTokenIn(answer.text);
    if (linkToken === undefined) throw new Error(`The console answered ${answer.status}`);
    return { linkToken, pin: sent.pin || PIN };
  },
});

export const renewals: readonly Renewal[] = [
  byPut("nothing", () => ({})),
  byPut("a new PIN", () => ({ pin: "1147" })),
  byPut("the same initial password", (password) => ({ password })),
  byPut("the same initial password and a new PIN", (password) => ({ password, pin: "1147" })),
  byConsole("everything kept", () => ({ pin: "", password: "keep" })),
  byConsole("the initial password typed", (initial_password) => ({
    pin: "1147",
    password: "typed",
    initial_password,
  })),
  {
    ...byConsole("a random password", () => ({ pin: "1147", password: "random" })),
    replacesPassword: true,
  },
  {
    name: "the mail sent again",
    async renew(world, { userId }) {
      const [link] = await world.sql`select id from links where user_id = ${userId}`;
      const answer = await world.visitor.ask({
        path: `/admin/links/${link?.id}`,
        form: { intent: "resend", mail_to: "user@example.org" },
        cookie: world.cookie,
      });
      const linkToken = linkTokenIn(answer.text);
      if (linkToken === undefined) throw new Error(`Resending answered ${answer.status}`);
      return { linkToken, pin: PIN };
    },
  },
];

export async function tryRenewal(
  world: World,
  cell: { renewal: Renewal; ending: Ending; underWay: boolean },
): Promise<Tried> {
  const { renewal, ending, underWay } = cell;
  const problems: string[] = [];
  let handover = await handOver(world);
  const first = newPassword("First");
  if (underWay) {
    // Keystone has set the password, and its answer is on its way when the link is renewed.
    const requestId = newRequestId();
    const rule = world.proxy.inject({ ...change, requestId }, faults["hang-after"]);
    const visit = type(world, handover, first, requestId);
    await rule.waitForHits(1);
    const renewed = await renewal.renew(world, handover).catch((error: Error) => error);
    const { status } = await visit;
    rule.remove();
    // What is under way goes on: only another password ends it.
    if (!(renewed instanceof Error)) handover = { ...handover, ...renewed };
    const refused = renewed instanceof Error && / answered 409$/.test(renewed.message);
    if (refused === (renewal.replacesPassword === true))
      problems.push(refused ? renewed.message : "the link was renewed under the visit");
    // Done; or done, and of no use any more; or nobody can tell.
    const told = renewal.replacesPassword ? [409, 503] : [200];
    if (!told.includes(status)) problems.push(`the first visit was answered ${status}`);
    if (status === 200) problems.push(...(await completedProblems(world, handover, first)));
  } else {
    await loseOneAnswer(world, handover);
    handover = { ...handover, ...(await renewal.renew(world, handover)) };
  }
  if ((await linkState(world, handover.userId))?.state === "pending")
    problems.push(...(await endRenewal(world, handover, ending)));
  return {
    row: `${renewal.name}${underWay ? ", a visit under way" : ""}`,
    column: ending,
    answer: "200",
    tookMs: 0,
    mostMs: 0,
    problems,
  };
}

async function endRenewal(
  world: World,
  handover: Handover & { pin?: string },
  ending: Ending,
): Promise<string[]> {
  const { userId, linkToken, passwords, pin = PIN } = handover;
  if (ending === "nobody") {
    const [inForce] = await accepted(world, handover);
    await settle(world, userId);
    if (inForce === passwords.at(-1)) return completedProblems(world, handover, inForce);
  }
  const next = ending === "same" ? (passwords.at(-1) as string) : newPassword("Next");
  passwords.push(next);
  const answer = await world.visitor.redeem(linkToken, { pin, password: next });
  return [...statusProblems(answer, 200), ...(await completedProblems(world, handover, next))];
}

export async function trySettling(world: World, { fault }: { fault: AnyFault }): Promise<Tried> {
  const handover = await handOver(world);
  const { userId, passwords } = handover;
  await loseOneAnswer(world, handover);
  await age(world, userId);
  const { proxy } = world;
  const rule =
    fault === "refused"
      ? undefined
      : proxy.inject({ ...question, body: `"id":"${userId}"` }, faultOf(fault));
  if (rule === undefined) await proxy.goAway();
  const startedAt = performance.now();
  await settleLinks(world.services, { limit: 1000 });
  const tookMs = performance.now() - startedAt;
  rule?.remove();
  if (rule === undefined) await proxy.comeBack();

  const problems: string[] = [];
  if (!isHarmless(fault, { givesToken: true })) {
    problems.push(...(await aliveProblems(world, userId)));
    await settle(world, userId);
  }
  problems.push(...(await completedProblems(world, handover, passwords.at(-1))));
  const row = "settle: question";
  return { row, column: fault, answer: "later", tookMs, mostMs: world.timeoutMs, problems };
}

export const age = ({ sql }: World, userId: string) => sql`
  update links set attempted_at = now() - interval '200 seconds'
  where user_id = ${userId} and attempted_at is not null`;
