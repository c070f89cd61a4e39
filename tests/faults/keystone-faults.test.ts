import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import {
  type AnyFault,
  allFaults,
  FaultTable,
  faultOf,
  faultsOfEachKind,
  isHarmless,
} from "../support/fault-matrix";
import { faults } from "../support/fault-proxy";
import { newRequestId } from "../support/visitor";
import { operations, tryOperation } from "./keystone-operations";
import {
  age,
  change,
  type Ending,
  endings,
  loseOneAnswer,
  question,
  redeemSpots,
  renewals,
  tryRedeem,
  tryRenewal,
  trySettling,
  type,
} from "./keystone-redemptions";
import {
  aliveProblems,
  answerProblems,
  completedProblems,
  handOver,
  linkState,
  newName,
  newPassword,
  startWorld,
  statusProblems,
  type Tried,
  tryAll,
  type World,
} from "./keystone-world";

/**
 * Every fault, at every call setpass makes to Keystone. What must hold in each cell: an answer of the
 * contract, in bounded time; the link alive and no attempt spent; and after the fault the same link
 * works. Where the change was made and the answer lost, the user ends with the password typed.
 */
const long = process.env.SETPASS_LONG === "1";
const patienceMs = long ? 1_800_000 : 120_000;

/** On the real Keystone, the short form has these; the long form leaves nothing out. */
const someOnReal: Readonly<Record<string, readonly AnyFault[]>> = {
  "sign in: token": ["502-after", "hang-before", "no-subject-token", "expires-null"],
  "search: users": ["truncated-json", "refused"],
  "issue with a random password: set password": ["reset-before", "reset-after", "503-after"],
  "PUT: rescope": ["reset-after", "429"],
  "redeem: change": [...faultsOfEachKind, "hang-after", "late"],
  "redeem: question, changed": ["reset-before", "no-subject-token"],
  "redeem: second visit: question": ["502-after"],
  "redeem: second visit: second change": ["reset-before", "reset-after"],
};

/** Which faults a call meets in the run at hand. */
function faultsFor(
  world: World,
  call: { row: string; needed?: boolean; beside?: boolean; short?: readonly AnyFault[] },
): AnyFault[] {
  const chosen = long
    ? allFaults
    : world.name === "real"
      ? (someOnReal[call.row] ?? [])
      : (call.short ?? (call.needed ? allFaults : faultsOfEachKind));
  return chosen.filter((fault) => fault !== "refused" || !call.beside);
}

/** Every ending in the long form; each in turn in the short one. */
const endingsFor = (index: number): readonly Ending[] =>
  long ? endings : [endings[index % endings.length] as Ending];

function conclude(table: FaultTable, tried: number): void {
  table.print();
  expect(table.problems()).toEqual([]);
  expect(table.tried).toBe(tried);
  expect(tried).toBeGreaterThan(0);
}

describe.each(inject("keystone") ? ["sandbox", "real"] : ["sandbox"])(
  "on the %s Keystone",
  (name) => {
    let world: World;
    let stop: () => Promise<void>;

    beforeAll(async () => {
      ({ world, stop } = await startWorld(name));
    });
    afterAll(() => stop?.());

    const inThisRun =
      long || name === "sandbox"
        ? operations
        : operations.filter((one) =>
            one.calls.some((call) => `${one.name}: ${call.name}` in someOnReal),
          );

    it.each(inThisRun.map((operation) => [operation.name, operation] as const))(
      "%s: every fault of every call has an answer, and is over when it is over",
      async (_name, operation) => {
        const table = new FaultTable(`${operation.name} (${name} Keystone)`);
        const cells = operation.calls.flatMap((call) =>
          faultsFor(world, { ...call, row: `${operation.name}: ${call.name}` }).map((fault) => ({
            operation,
            call,
            fault,
          })),
        );
        await tryAll(world, table, cells, (cell) => tryOperation(world, cell));
        conclude(table, cells.length);
      },
      patienceMs,
    );

    if (long || name === "sandbox")
      it(
        "issue page: a connection that was kept may break once",
        async () => {
          const table = new FaultTable(`issue page, on kept connections (${name} Keystone)`);
          const cells = (
            ["reset-before", "close-before", "close-after", "not-http"] as const
          ).flatMap((fault) => [1, 2].map((times) => ({ fault, times })));
          // One at a time: nobody else takes what the first visit left.
          await tryAll({ ...world, lanes: 1 }, table, cells, (cell) => tryKept(world, cell));
          conclude(table, 8);
        },
        patienceMs,
      );

    it(
      "redeem: the link lives, and the user ends with the password typed",
      async () => {
        const table = new FaultTable(`redeem (${name} Keystone)`);
        const cells = redeemSpots.flatMap((spot) =>
          faultsFor(world, { row: `redeem: ${spot.name}`, needed: spot.name === "change" }).flatMap(
            (fault, index) => endingsFor(index).map((ending) => ({ spot, fault, ending })),
          ),
        );
        await tryAll(world, table, cells, (cell) => tryRedeem(world, cell));
        conclude(table, cells.length);
      },
      patienceMs,
    );

    it(
      "redeem: whatever is typed while Keystone is away, the password that got there is not forgotten",
      async () => {
        const table = new FaultTable(`passwords typed in an outage (${name} Keystone)`);
        const outages = ["502-before", "hang-before", "refused"] as const;
        const cells = (["reset-after", "reset-before"] as const).flatMap((first) =>
          outages
            .filter(
              (fault) =>
                long || (name === "sandbox" && fault !== "hang-before") || fault === "502-before",
            )
            .map((fault) => ({ first, fault })),
        );
        await tryAll(world, table, cells, (cell) => tryOutage(world, cell));
        conclude(table, cells.length);
      },
      patienceMs,
    );

    it(
      "redeem: a link that is renewed after a lost answer opens the account all the same",
      async () => {
        const table = new FaultTable(`renewed after a lost answer (${name} Keystone)`);
        const cells = renewals.flatMap((renewal, index) =>
          [false, true].flatMap((underWay) =>
            endingsFor(index + Number(underWay))
              .map((ending) => (ending === "same" && renewal.replacesPassword ? "other" : ending))
              .map((ending) => ({ renewal, ending, underWay })),
          ),
        );
        const inThisRun =
          long || name === "sandbox" ? cells : cells.filter((_, at) => at % 4 === 0);
        await tryAll(world, table, inThisRun, (cell) => tryRenewal(world, cell));
        conclude(table, inThisRun.length);
      },
      patienceMs,
    );

    if (long || name === "sandbox")
      it(
        "settle: the worker asks until Keystone answers, and completes the link",
        async () => {
          const table = new FaultTable(`settle (${name} Keystone)`);
          const cells = faultsFor(world, { row: "settle" }).map((fault) => ({ fault }));
          // One at a time: a round of the worker takes whatever there is.
          await tryAll({ ...world, lanes: 1 }, table, cells, (cell) => trySettling(world, cell));
          conclude(table, cells.length);
        },
        patienceMs,
      );

    it("settle: the server does it by itself, with nobody there", async () => {
      const handovers = await Promise.all([handOver(world), handOver(world), handOver(world)]);
      for (const handover of handovers) {
        await loseOneAnswer(world, handover);
        await age(world, handover.userId);
      }
      // The worker's first round is at the start.
      await world.stack.server.restart();
      for (const { userId } of handovers)
        await expect
          .poll(async () => (await linkState(world, userId))?.state, { timeout: 30_000 })
          .toBe("completed");
      const problems = await Promise.all(
        handovers.map((handover) => completedProblems(world, handover, handover.passwords[1])),
      );
      expect(problems.flat()).toEqual([]);
      const told = await world.sql`
      select user_id from audit_events
      where action = 'link.redeemed' and outcome = 'ok' and request_id is not null
        and user_id in ${world.sql(handovers.map(({ userId }) => userId))}`;
      expect(told).toHaveLength(3);
      process.stdout.write(
        `settled by the server itself (${name}): 3 tried, ${told.length} held\n`,
      );
    });

    if (long || name === "sandbox")
      it(
        "readyz stays ready while Keystone fails, and says how Keystone is",
        async () => {
          const table = new FaultTable(`/readyz (${name} Keystone)`);
          const chosen: AnyFault[] = long ? allFaults : ["refused", "hang-before"];
          const cells = chosen.map((fault) => ({ fault }));
          await tryAll({ ...world, lanes: 1 }, table, cells, (cell) => tryReadiness(world, cell));
          await sleep(rememberedMs);
          const answer = await world.visitor.ask({ path: "/readyz" });
          expect(JSON.parse(answer.text)).toEqual({ ready: true, database: true, keystone: true });
          conclude(table, cells.length);
        },
        patienceMs,
      );

    it("nothing of all this was an error of our own", () => {
      const events = world.stack.server.events();
      expect(events.filter(({ event }) => event === "request.answered").length).toBeGreaterThan(50);
      expect(events.filter(({ level }) => level === "error")).toEqual([]);
      const answered = events.filter(({ event }) => event === "request.answered");
      expect(answered.filter(({ status }) => status === 500)).toEqual([]);
    });
  },
);

/** The user comes, and comes again, each time with another password, and nothing gets through. */
async function tryOutage(
  world: World,
  { first, fault }: { first: "reset-after" | "reset-before"; fault: AnyFault },
): Promise<Tried> {
  const { proxy } = world;
  const handover = await handOver(world);
  const { userId } = handover;
  const requestId = newRequestId();
  const lost = [
    proxy.inject({ ...change, requestId }, faults[first]),
    proxy.inject({ ...question, requestId }, faults["reset-before"]),
  ];
  await type(world, handover, newPassword("First"), requestId);
  for (const rule of lost) rule.remove();

  const aboutUser = [{ path: `/v3/users/${userId}/password` }, { body: `"id":"${userId}"` }];
  const rules =
    fault === "refused" ? [] : aboutUser.map((match) => proxy.inject(match, faultOf(fault)));
  if (fault === "refused") await proxy.goAway();
  const problems: string[] = [];
  let tookMs = 0;
  for (let visits = 0; visits < 5; visits++) {
    const answer = await type(world, handover, newPassword(`Outage${visits}`));
    problems.push(...answerProblems(answer), ...statusProblems(answer, 503));
    tookMs = Math.max(tookMs, answer.tookMs);
  }
  for (const rule of rules) rule.remove();
  if (fault === "refused") await proxy.comeBack();
  problems.push(...(await aliveProblems(world, userId)));

  const last = newPassword("Last");
  problems.push(...statusProblems(await type(world, handover, last), 200));
  problems.push(...(await completedProblems(world, handover, last)));
  // The change and the question about it.
  const mostMs = 2 * world.timeoutMs;
  return { row: `the first ${first}`, column: fault, answer: "503", tookMs, mostMs, problems };
}

/** The page is opened, which leaves connections, and opened again: then what it asks for breaks. */
async function tryKept(
  world: World,
  { fault, times }: { fault: AnyFault; times: number },
): Promise<Tried> {
  const { proxy, visitor, cookie } = world;
  const { id } = await world.keystone.createUser({ name: newName("kept") });
  const open = (requestId: string) =>
    visitor.ask({ path: `/admin/users/${id}`, cookie, requestId });
  const first = await open(newRequestId());
  const requestId = newRequestId();
  const user = { method: "GET", path: `/v3/users/${id}`, requestId };
  const rule = proxy.inject(user, faultOf(fault), { times });
  const answer = await open(requestId);
  rule.remove();
  return {
    row: times === 1 ? "breaks once" : "breaks again, on a new one",
    column: fault,
    answer: String(answer.status),
    tookMs: answer.tookMs,
    mostMs: 0,
    problems: [
      ...statusProblems(first, 200),
      ...answerProblems(answer),
      ...statusProblems(answer, times === 1 ? 200 : 503),
      ...(proxy.count(user) === 2 ? [] : [`asked ${proxy.count(user)} times`]),
    ],
  };
}

/** How long an answer of /readyz is remembered. */
const rememberedMs = 2100;
/** How long Keystone may take over it. */
const readinessPatienceMs = 3500;

async function tryReadiness(world: World, { fault }: { fault: AnyFault }): Promise<Tried> {
  const { proxy, visitor } = world;
  const rule =
    fault === "refused" ? undefined : proxy.inject({ method: "GET", path: "/v3" }, faultOf(fault));
  if (rule === undefined) await proxy.goAway();
  await sleep(rememberedMs);
  const first = await visitor.ask({ path: "/readyz" });
  // It is asked in the background; what takes too long is known as soon.
  const isWell = isHarmless(fault, { givesToken: false });
  const told = () =>
    visitor
      .ask({ path: "/readyz" })
      .then(({ text }) => (JSON.parse(text) as { keystone: unknown }).keystone);
  const until = Date.now() + readinessPatienceMs;
  while ((await told()) !== isWell && Date.now() < until) await sleep(50);
  const keystone = await told();
  rule?.remove();
  if (rule === undefined) await proxy.comeBack();
  return {
    row: "readyz: version",
    column: fault,
    answer: `${first.status}, keystone: ${keystone}`,
    tookMs: first.tookMs,
    mostMs: 1000,
    problems: [
      ...answerProblems(first),
      ...statusProblems(first, 200),
      ...(keystone === isWell ? [] : [`keystone: ${keystone}`]),
    ],
  };
}
