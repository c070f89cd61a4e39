import { describe, expect, it } from "vitest";
import { checkRows, type ImportPlan } from "../../../app/imports/check-rows.server";
import { guessColumns, valuesOf } from "../../../app/imports/columns";
import { readTextTable } from "../../../app/imports/read-text-table.server";

const rules = { pinLength: 4, languages: ["en", "de", "pt-BR"] };

async function check(text: string, plan: Partial<ImportPlan> = {}) {
  const read = await readTextTable(text);
  if (!read.ok) throw new Error(read.reason);
  const { table } = read;
  const columns = guessColumns(table.header);
  const rest = { defaults: { domain: "Default" }, namedByAddress: false, mails: true };
  return checkRows(table, { columns, ...rest, ...plan }, rules);
}
const problemsOf = async (text: string, plan?: Partial<ImportPlan>) =>
  (await check(text, plan)).flatMap(({ number, problems }) =>
    problems.map(({ field, reason, otherRow }) => [number, field, reason, otherRow]),
  );

describe("what the columns are", () => {
  it.each<[string, object]>([
    ["user,email,pin", { user: [0], email: [1], pin: [2] }],
    ["E-Mail;Vorname;Nachname;PIN", { email: [0], name: [1, 2], pin: [3] }],
    ["First name;Name;E-mail address", { name: [0, 1], email: [2] }],
    [
      "User Name;USER_ID;Gültigkeit;Domäne",
      { user: [0], user_id: [1], expires_in: [2], domain: [3] },
    ],
    ["Approved;Organisation", {}],
  ])("is told by the headings %s", (headings, columns) => {
    expect(guessColumns(headings.split(/[;,]/))).toEqual(columns);
  });

  it("among which one can tell the rows that are meant", async () => {
    const text = "user,email,Approved\na,a@x.org,yes\nb,b@x.org,no\nc,c@x.org, yes \n";
    const read = await readTextTable(text);
    if (!read.ok) throw new Error(read.reason);
    expect(valuesOf(read.table, 2)).toEqual([
      { value: "yes", count: 2 },
      { value: "no", count: 1 },
    ]);
    const rows = await check(text, { chosen: { column: 2, values: ["yes"] } });
    expect(rows.map(({ number }) => number)).toEqual([2, 4]);
  });
});

describe("a row", () => {
  it("is read as it was meant, and says what was changed", async () => {
    const [row] = await check(
      'user;email;pin;password;language\n" ada\u00a0";"Ada L. <Ada@EXAMPLE.org>";"=""0420""";" kept ";"pt_BR"',
    );
    expect(row).toEqual({
      number: 2,
      account: {
        user: "ada",
        email: "Ada@example.org",
        pin: "0420",
        password: " kept ",
        language: "pt-BR",
        domain: "Default",
      },
      changes: [
        { field: "user", before: " ada\u00a0", after: "ada" },
        { field: "email", before: "Ada L. <Ada@EXAMPLE.org>", after: "Ada@example.org" },
        { field: "pin", before: '="0420"', after: "0420" },
        { field: "language", before: "pt_BR", after: "pt-BR" },
      ],
      problems: [],
    });
  });

  it("has its problems told by row and field", async () => {
    expect(
      await problemsOf(
        [
          "user,email,pin,language,expires_in,project,role",
          "ada,ada.example.org,1234,,,,",
          "bob,bob@x.org,420,,,,",
          "cy,cy@x.org,12345,,,,",
          "di,di@x.org,12a4,fr,,,",
          "ed,ed@x.org,,,3 days,,",
          "fay,fay@x.org,,,0,,",
          ",gus@x.org,,,,,",
          "hal,,,,,,",
          "ADA,other@x.org,,,,,",
          "ian,ian@x.org,,,,lab,",
          "joe,joe@x.org,,,,,member",
          "kim\u202e,kim@x.org,,,,,",
          `${"l".repeat(256)},l@x.org,,,,,`,
        ].join("\n"),
      ),
    ).toEqual([
      [2, "email", "malformed-address", undefined],
      [3, "pin", "pin-too-short", undefined],
      [4, "pin", "pin-too-long", undefined],
      [5, "pin", "pin-not-digits", undefined],
      [5, "language", "unknown-language", undefined],
      [6, "expires_in", "malformed-lifetime", undefined],
      [7, "expires_in", "malformed-lifetime", undefined],
      [8, "user", "missing", undefined],
      [9, "email", "missing", undefined],
      [10, "user", "twice", 2],
      [11, "role", "missing", undefined],
      [12, "project", "missing", undefined],
      [13, "user", "control-characters", undefined],
      [14, "user", "too-long", undefined],
    ]);
  });

  it("can name a user by an id, who then gets no domain, project or role", async () => {
    const plan = {
      defaults: { domain: "Default", project: "lab", role: "member", language: "de" },
    };
    const rows = await check("user_id,email\nabc,a@x.org\nabc,b@x.org\n", plan);
    expect(rows.map(({ account, problems }) => [account, problems])).toEqual([
      [{ user_id: "abc", email: "a@x.org", language: "de" }, []],
      [
        { user_id: "abc", email: "b@x.org", language: "de" },
        [{ field: "user_id", reason: "twice", otherRow: 2 }],
      ],
    ]);
    expect(await problemsOf("user,user_id,email\nada,abc,a@x.org\n", plan)).toEqual([
      [2, "user_id", "name-and-id", undefined],
    ]);
  });

  it("is named by its address only where that is wanted", async () => {
    const text = "email,pin\nada@x.org,1234\n";
    expect(await problemsOf(text)).toEqual([[2, "user_id", "missing", undefined]]);
    const [row] = await check(text, { namedByAddress: true });
    expect(row).toMatchObject({ account: { user: "ada@x.org" }, problems: [] });
  });

  it("needs a domain from somewhere, and an address only where something is mailed", async () => {
    const text = "user,pin\nada,1234\n";
    expect(await problemsOf(text, { defaults: {}, mails: false })).toEqual([
      [2, "domain", "missing", undefined],
    ]);
  });
});
