import { describe, expect, it } from "vitest";
import {
  type Left,
  notedWithClaim,
  type SetPasswordResult,
  type Steps,
  setPasswordOnce,
  settleUnsettled,
} from "../../../../app/links/redeem/set-password-once";
import { type Protocol, walkEverySchedule } from "./every-schedule";

const protocol: Protocol = { notedWithClaim, setPasswordOnce, settleUnsettled };

it("holds what it promises in every schedule of four visits", async () => {
  const found = await walkEverySchedule(protocol, { visits: 4 });
  expect(found.broken).toBeUndefined();
  // A walk that goes nowhere would hold everything.
  expect(found.schedules).toBeGreaterThan(65_536);
  process.stdout.write(
    `redemptions: ${found.schedules} schedules of ${found.walked} visits, all held\n`,
  );
}, 60_000);

/** The protocol with other steps. */
const withSteps = (change: (steps: Steps, initial: string, typed: string) => Steps): Protocol => ({
  ...protocol,
  setPasswordOnce: (steps, known, typed) =>
    setPasswordOnce(change(steps, known.initialPassword, typed), known, typed),
});
/** The protocol that goes on with another result. */
const withResult = (change: (result: SetPasswordResult) => SetPasswordResult): Protocol => ({
  ...protocol,
  setPasswordOnce: async (...given) => change(await setPasswordOnce(...given)),
});
const withLeft = (change: (left: Left) => Left): Protocol =>
  withResult((result) => ("left" in result ? { ...result, left: change(result.left) } : result));

/** What the walk must find, or it shows nothing. */
const FAULTS: [string, RegExp, Protocol][] = [
  ["forgets what is unsettled", /forgotten/, withLeft((left) => ({ ...left, unsettled: [] }))],
  [
    "asks about nothing that was sent before",
    /is not|cannot come in|forgotten/,
    {
      ...protocol,
      setPasswordOnce: (steps, known, typed) =>
        setPasswordOnce(steps, { ...known, unsettled: [] }, typed),
    },
  ],
  [
    "believes the first refusal",
    /forgotten/,
    {
      ...protocol,
      settleUnsettled: (steps, known) => settleUnsettled(steps, { ...known, refusedBefore: true }),
    },
  ],
  [
    "forgets where Keystone does not say",
    /forgotten/,
    {
      ...protocol,
      settleUnsettled: async (steps, known) => {
        const result = await settleUnsettled(steps, known);
        return result.is === "unavailable" ? { is: "settled", left: { unsettled: [] } } : result;
      },
    },
  ],
  [
    "takes a random password for the user's",
    /completed, and random is in force/,
    {
      ...protocol,
      settleUnsettled: (steps, { unsettled, ...known }) =>
        settleUnsettled(steps, {
          ...known,
          unsettled: unsettled.map(({ password }) => ({ by: "user", password })),
        }),
    },
  ],
  [
    "asks nothing after a lost answer",
    /not asked/,
    withSteps((steps, _, typed) => ({
      ...steps,
      ask: async (password) => (password === typed ? "unknown" : steps.ask(password)),
    })),
  ],
  [
    "takes a lost answer for a yes",
    /completed, and initial is in force/,
    withSteps((steps, _, typed) => ({
      ...steps,
      ask: async (password) => (password === typed ? "accepted" : steps.ask(password)),
    })),
  ],
  [
    "takes a lost answer for a no",
    /not asked/,
    withSteps((steps) => ({
      ...steps,
      async change(original) {
        const outcome = await steps.change(original);
        return "mayHaveHappened" in outcome ? { ...outcome, mayHaveHappened: false } : outcome;
      },
    })),
  ],
  [
    "takes what it cannot know for done",
    /completed, and initial is in force/,
    withResult((result) => (result.is === "unavailable" ? { is: "set" } : result)),
  ],
  [
    "says nothing of what Keystone has said",
    /though Keystone has said so/,
    withResult((result) => (result.is === "set" ? { is: "superseded" } : result)),
  ],
  ["claims without a note", /before it is noted/, { ...protocol, notedWithClaim: (kept) => kept }],
  [
    "notes after sending",
    /before it is noted|forgotten/,
    withSteps((steps) => {
      let late: Parameters<Steps["note"]>[0] | undefined;
      return {
        ...steps,
        async note(unsettled) {
          late = unsettled;
          return true;
        },
        async change(original) {
          const outcome = await steps.change(original);
          if (late) await steps.note(late);
          return outcome;
        },
      };
    }),
  ],
  [
    "sends although it may not",
    /before it is noted|forgotten/,
    withSteps((steps) => ({ ...steps, note: async (noted) => (await steps.note(noted)) || true })),
  ],
  [
    "sends the initial password where another is known to be in force",
    /is known to be in force/,
    withSteps((steps, initial) => ({ ...steps, change: () => steps.change(initial) })),
  ],
  [
    "does not keep the random password that is in force",
    /random is in force, and forgotten/,
    withLeft(({ unsettled }) => ({ unsettled })),
  ],
  [
    "keeps only the password found in force, and not what may take its place",
    /may come into force, and is forgotten/,
    withSteps((steps, _, typed) => {
      let found: string | undefined;
      return {
        ...steps,
        async ask(password) {
          const answer = await steps.ask(password);
          if (answer === "accepted") found = password;
          return answer;
        },
        note: (unsettled) =>
          steps.note(
            unsettled.filter(({ password }) => [found ?? password, typed].includes(password)),
          ),
      };
    }),
  ],
  [
    "drops the oldest before it knows what is in force",
    /forgotten/,
    withSteps((steps, initial) => ({
      ...steps,
      ask: async (password) => (password === initial ? "accepted" : steps.ask(password)),
    })),
  ],
];

describe("a protocol that", () => {
  it.each(FAULTS)(
    "%s is found out",
    async (_, words, broken) => {
      const found = await walkEverySchedule(broken, { visits: 4 });
      expect(found.broken).toMatch(words);
    },
    60_000,
  );
});

it("has somebody try again where the initial password was in force when asked about, and then was not", async () => {
  const unsettled = ["one", "two", "three"].map((password) => ({ by: "user" as const, password }));
  const changed: string[] = [];
  const result = await setPasswordOnce(
    {
      change: async (original) => {
        changed.push(original);
        return { ok: false, reason: "wrong-original" };
      },
      ask: async (password) => (password === "initial" ? "accepted" : "refused"),
      note: async () => true,
    },
    { initialPassword: "initial", unsettled },
    "four",
  );
  expect(changed).toEqual(["initial"]);
  expect(result).toEqual({ is: "unavailable", left: { unsettled: unsettled.slice(1) } });
});
