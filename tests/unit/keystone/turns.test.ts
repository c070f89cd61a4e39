import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Caller,
  type CallRank,
  createTurns,
  type Turns,
} from "../../../app/keystone/turns.server";

const PATIENT_MS = 60_000;
const of = (rank: CallRank, party = "somebody"): Caller => ({ rank, party });

/** Everybody who asks for a turn, by name, in the order they get one. */
function visit(turns: Turns) {
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const refused: string[] = [];
  return {
    began,
    refused,
    /** Asks for a turn. It has begun, or waits, when this returns. */
    async ask(name: string, caller: Caller): Promise<void> {
      void turns.take(caller).then((end) => {
        if (!end) return void refused.push(name);
        began.push(name);
        ends.set(name, end);
      });
      await settled();
    },
    async end(name: string): Promise<void> {
      const end = ends.get(name);
      if (!end) throw new Error(`${name} has no turn`);
      end();
      await settled();
    },
    /** One after the other, until nobody is left. */
    async endAll(): Promise<void> {
      for (let at = 0; at < began.length; at++) await this.end(began[at] as string);
    },
  };
}

const settled = () => sleep(0);

describe("turns at Keystone", () => {
  it("begin at once where there is room, and wait where there is none", async () => {
    const turns = createTurns({ atOnce: 2, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    for (const name of ["a", "b", "c"]) await visitors.ask(name, of("people", name));
    expect(visitors.began).toEqual(["a", "b"]);
    expect(turns.load()).toEqual({ underWay: 2, waiting: 1 });
    await visitors.end("a");
    expect(visitors.began).toEqual(["a", "b", "c"]);
    await visitors.endAll();
    expect(turns.load()).toEqual({ underWay: 0, waiting: 0 });
  });

  it("of one with a hundred calls hold another's up by one", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    await visitors.ask("first", of("people", "greedy"));
    for (let call = 0; call < 100; call++)
      await visitors.ask(`greedy-${call}`, of("people", "greedy"));
    await visitors.ask("modest", of("people", "modest"));
    await visitors.endAll();
    expect(visitors.began.indexOf("modest")).toBeLessThanOrEqual(2);
    expect(visitors.began).toHaveLength(102);
  });

  it("of several parties go round, each party's in the order they came", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    await visitors.ask("x", of("people", "x"));
    for (const name of ["a1", "a2", "a3", "b1", "b2", "c1"])
      await visitors.ask(name, of("people", name.charAt(0)));
    await visitors.endAll();
    expect(visitors.began).toEqual(["x", "a1", "b1", "c1", "a2", "b2", "a3"]);
  });

  it("are most of all for people who wait, then for strangers, and nobody starves", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    await visitors.ask("x", of("people", "x"));
    for (const rank of ["background", "strangers", "people"] as const)
      for (let call = 0; call < 40; call++)
        await visitors.ask(`${rank}-${call}`, of(rank, `${rank}-${call % 10}`));
    await visitors.endAll();
    const first = visitors.began.slice(1, 41);
    const share = (rank: CallRank) => first.filter((name) => name.startsWith(rank)).length;
    expect(share("people")).toBeGreaterThanOrEqual(20);
    expect(share("strangers")).toBeGreaterThanOrEqual(5);
    expect(share("strangers")).toBeLessThan(share("people"));
    expect(share("background")).toBeGreaterThanOrEqual(1);
    expect(share("background")).toBeLessThan(share("strangers"));
    expect(visitors.began).toHaveLength(121);
  });

  it("are five of eight people's where everybody waits, two strangers', and one the background's", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    await visitors.ask("x", of("people", "x"));
    for (const rank of ["background", "strangers", "people"] as const)
      for (let call = 0; call < 12; call++)
        await visitors.ask(`${rank.charAt(0)}${call}`, of(rank, `party-${call}`));
    await visitors.endAll();
    const ranks = visitors.began.slice(1, 17).map((name) => name.charAt(0));
    expect(ranks.join("")).toBe("psppsppbpsppsppb");
  });

  it.each([
    [1, 1],
    [3, 3],
    [4, 3],
    [8, 6],
    [11, 9],
  ])("are %i, of which %i at most are held by those who are not people", async (atOnce, most) => {
    const turns = createTurns({ atOnce, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    for (let call = 0; call < 12; call++) {
      await visitors.ask(`s${call}`, of("strangers", `s${call}`));
      await visitors.ask(`b${call}`, of("background", `b${call}`));
    }
    expect(visitors.began).toHaveLength(most);
    for (let call = 0; call < 12; call++) await visitors.ask(`p${call}`, of("people", "p"));
    expect(turns.load().underWay).toBe(atOnce);
    turns.open();
  });

  it("are not all held by strangers whose calls hang", async () => {
    const turns = createTurns({ atOnce: 16, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    for (let call = 0; call < 100; call++)
      await visitors.ask(`stranger-${call}`, of("strangers", `address-${call}`));
    for (let call = 0; call < 10; call++)
      await visitors.ask(`worker-${call}`, of("background", `job-${call}`));
    expect(visitors.began).toHaveLength(12);
    for (let call = 0; call < 4; call++) await visitors.ask(`user-${call}`, of("people", "hall"));
    expect(visitors.began.slice(12)).toEqual(["user-0", "user-1", "user-2", "user-3"]);
  });

  it("are four at once for one stranger, and the place is another's", async () => {
    const turns = createTurns({ atOnce: 16, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    for (let call = 0; call < 60; call++)
      await visitors.ask(`flood-${call}`, of("strangers", "flooder"));
    expect(visitors.began).toEqual(["flood-0", "flood-1", "flood-2", "flood-3"]);
    await visitors.ask("other", of("strangers", "elsewhere"));
    expect(visitors.began.at(-1)).toBe("other");
    await visitors.end("flood-0");
    expect(visitors.began.at(-1)).toBe("flood-4");
  });

  it("are for everybody too where there is one place alone", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    await visitors.ask("s", of("strangers"));
    await visitors.ask("b", of("background"));
    await visitors.ask("p", of("people"));
    await visitors.endAll();
    expect(visitors.began).toEqual(["s", "p", "b"]);
  });

  it("are given up when they take too long, and their place is not lost", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: 30 });
    const visitors = visit(turns);
    await visitors.ask("a", of("people", "a"));
    await visitors.ask("late", of("people", "late"));
    await expect.poll(() => visitors.refused).toEqual(["late"]);
    expect(turns.load()).toEqual({ underWay: 1, waiting: 0 });
    await visitors.end("a");
    await visitors.ask("b", of("people", "b"));
    expect(visitors.began).toEqual(["a", "b"]);
  });

  it("are refused at once where one party's line is too long, and not to another", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    for (let call = 0; call < 252; call++) await visitors.ask(`a${call}`, of("people", "a"));
    expect(visitors.refused).toEqual(["a251"]);
    await visitors.ask("b", of("people", "b"));
    expect(turns.load().waiting).toBe(251);
    turns.open();
  });

  it("have room for people who wait, however many strangers do", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const taken = [
      turns.take(of("people", "x")),
      ...Array.from({ length: 3000 }, (_, call) => turns.take(of("strangers", `s${call}`))),
    ];
    expect(turns.load().waiting).toBeLessThanOrEqual(1000);
    const user = turns.take(of("people", "user"));
    (await taken[0])?.();
    expect(await user).toBeDefined();
    turns.open();
  });

  it("end once, however often they are ended", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const end = await turns.take(of("people", "a"));
    const second = turns.take(of("people", "b"));
    const third = turns.take(of("people", "c"));
    end?.();
    end?.();
    await second;
    expect(turns.load()).toEqual({ underWay: 1, waiting: 1 });
    (await second)?.();
    (await third)?.();
    expect(turns.load()).toEqual({ underWay: 0, waiting: 0 });
  });

  it("are for everybody when the process ends", async () => {
    const turns = createTurns({ atOnce: 1, longestWaitMs: PATIENT_MS });
    const visitors = visit(turns);
    for (const name of ["a", "b", "c"]) await visitors.ask(name, of("strangers", name));
    turns.open();
    await settled();
    await visitors.ask("d", of("background"));
    expect(visitors.began).toEqual(["a", "b", "c", "d"]);
  });

  it("are never more than there are, and everybody gets theirs, whatever comes when", async () => {
    const rank = fc.constantFrom<CallRank>("people", "strangers", "background");
    const step = fc.oneof(
      fc.record({ rank, party: fc.constantFrom("a", "b", "c") }),
      fc.constant("end" as const),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.array(step, { maxLength: 60 }),
        async (atOnce, steps) => {
          const turns = createTurns({ atOnce, longestWaitMs: PATIENT_MS });
          const visitors = visit(turns);
          let asked = 0;
          let ended = 0;
          for (const next of steps) {
            if (next !== "end") await visitors.ask(String(asked++), next);
            else if (ended < visitors.began.length)
              await visitors.end(visitors.began[ended++] as string);
            const { underWay, waiting } = turns.load();
            expect(underWay).toBeLessThanOrEqual(atOnce);
            expect(underWay + waiting).toBe(asked - ended);
            expect(visitors.began.length).toBe(ended + underWay);
          }
          while (ended < visitors.began.length)
            await visitors.end(visitors.began[ended++] as string);
          expect(ended).toBe(asked);
        },
      ),
      { numRuns: 60 },
    );
  });
});
