// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of source
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { makeMutants, mutate } from "../../mutation/make-mutants";
import { PROMISES } from "../../mutation/promises";
import { filesBelow } from "../../mutation/sources";

/** What becomes of a piece of source, as it reads afterwards. */
function changed(text: string): string[] {
  const source = ts.createSourceFile("one.ts", text, ts.ScriptTarget.Latest, true);
  return makeMutants("one.ts", source).map((mutant) =>
    mutate(text, { ...mutant, appended: "" }).trim(),
  );
}

describe("a change that a reader would miss", () => {
  it.each([
    [
      "one condition of a claim",
      "const held = and(eq(mails.id, id), eq(mails.attempts, attempt));",
      "const held = and(eq(mails.id, id));",
    ],
    [
      "one half of a comparison",
      "if (sealed.to !== mail.to || sealed.kind !== mail.kind) throw new Error();",
      "if (sealed.to !== mail.to) throw new Error();",
    ],
    ["a guard", "if (attempt > most) return fail(); go();", "; go();"],
    ["a limit by one", "while (tries <= most) go();", "while (tries < most) go();"],
    ["one column of an update", "set({ state, problem: null });", "set({ state });"],
    ["one of a list of codes", "const login = [530, 535];", "const login = [535];"],
    ["a row's lock", 'select(links).for("update").limit(1);', "select(links).limit(1);"],
    ["an awaited act", "await erase(db); done();", "; done();"],
    ["part of what a seal is bound to", "seal(`${column}/${row}`);", "seal(`/${row}`);"],
    ["the end of a pattern", "const pin = /^[0-9]+$/;", "const pin = /^[0-9]+/;"],
    ["a bound", "wait(Math.min(delay, hour));", "wait(Math.max(delay, hour));"],
    [
      "a condition in SQL",
      "sql`update links set claim_id = null where id = ${id} and claim_id = ${claim}`;",
      "sql`update links set claim_id = null where id = ${id} `;",
    ],
    [
      "an assignment in SQL",
      "sql`update links set state = ${state}, problem = null where id = ${id}`;",
      "sql`update links set state = ${state}  where id = ${id}`;",
    ],
    ["a lock in SQL", "sql`select 1 from links for update`;", "sql`select 1 from links `;"],
  ])("is made: %s", (_what, text, expected) => {
    expect(changed(text)).toContain(expected);
  });

  it("imports what Drizzle's other comparison needs", () => {
    const text = "const due = lte(mails.at, deadline);";
    const source = ts.createSourceFile("one.ts", text, ts.ScriptTarget.Latest, true);
    const [mutant] = makeMutants("one.ts", source);
    expect(mutant && mutate(text, mutant)).toBe(
      'const due = mutant_lt(mails.at, deadline);\nimport { lt as mutant_lt } from "drizzle-orm";\n',
    );
  });

  it.each([
    ["words of the log", 'log.warn("mail.retry", { attempt: attempt + 1, ok: true });'],
    ["words of an error", "throw new Error(`no answer within ${ms / 1000} s`);"],
    ["types", "type Answer = { ok: true; left: 3 } | { ok: false };"],
    ["the very instant, which nobody meets", "const due = lte(mails.at, sql`now()`);"],
    ["the very instant in SQL", "const due = sql`${mails.at} <= clock_timestamp()`;"],
    ["the very instant in SQL, the other way round", "const due = sql`now() > ${mails.at}`;"],
  ])("is not made to %s", (_what, text) => {
    expect(changed(text)).toEqual([]);
  });
});

describe("every module that promises something", () => {
  const beginnings = PROMISES.flatMap(({ modules, near, far = [], built = [] }) => [
    ...modules,
    ...near,
    ...far,
    ...built,
  ]);

  it.each([...new Set(beginnings)])("is there, and so are its tests: %s", (beginning) => {
    expect(filesBelow(process.cwd(), beginning)).not.toEqual([]);
  });
});
