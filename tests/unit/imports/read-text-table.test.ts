import { monitorEventLoopDelay } from "node:perf_hooks";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTextTable } from "../../../app/imports/read-text-table.server";
import { TABLE_LIMITS } from "../../../app/imports/table";

const RUNS = process.env.SETPASS_LONG ? 200_000 : 2_000;

const rowsOf = async (given: Uint8Array | string) => {
  const read = await readTextTable(given);
  if (!read.ok) throw new Error(read.reason);
  return read.table;
};
const cells = (rows: readonly { cells: readonly string[] }[]) => rows.map((row) => row.cells);

describe("a table that was written as text", () => {
  it.each<[string, Buffer, string, string]>([
    ["by German Excel", Buffer.from("Name;Ort\r\nJörg;Köln\r\n", "latin1"), "windows-1252", ";"],
    [
      "by Excel as Unicode text",
      Buffer.from("\ufeffName\tOrt\r\nJörg\tKöln", "utf16le"),
      "utf-16le",
      "\t",
    ],
    ["by LibreOffice", Buffer.from("Name,Ort\nJörg,Köln\n"), "utf-8", ","],
    ["with a mark", Buffer.from("\ufeffName|Ort\rJörg|Köln"), "utf-8", "|"],
    [
      "with a line that names its separator",
      Buffer.from("sep=;\r\nName;Ort\r\nJörg;Köln"),
      "utf-8",
      ";",
    ],
  ])("%s is read as it was meant", async (_by, bytes, encoding, separator) => {
    const read = await readTextTable(bytes);
    expect(read).toMatchObject({ ok: true, form: { encoding, separator } });
    const { header, rows } = await rowsOf(bytes);
    expect([header, ...cells(rows)]).toEqual([
      ["Name", "Ort"],
      ["Jörg", "Köln"],
    ]);
  });

  it("keeps what is quoted, and is not led astray by it", async () => {
    const { rows } = await rowsOf(
      'user;note\nada;"a,b,c"\nbob;"two ""lines"",\nof; it"\ncy;,,,,\n',
    );
    expect(cells(rows)).toEqual([
      ["ada", "a,b,c"],
      ["bob", 'two "lines",\nof; it'],
      ["cy", ",,,,"],
    ]);
  });

  it("numbers its rows as the spreadsheet does, and leaves blank ones out", async () => {
    const { header, rows } = await rowsOf("\n , \nuser,pin,,\n\nada,1234,,\n,,,\nbob\n");
    expect(header).toEqual(["user", "pin"]);
    expect(rows).toEqual([
      { number: 5, cells: ["ada", "1234"] },
      { number: 7, cells: ["bob", ""] },
    ]);
  });

  it.each<[string, Uint8Array | string, object]>([
    ["nothing", "", { reason: "empty" }],
    ["blanks", " \n\t\n", { reason: "empty" }],
    ["headings alone", "user,pin\n", { reason: "empty" }],
    [
      "a picture",
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]),
      { reason: "not-text" },
    ],
    ["a quote that never ends", 'user\n"ada\nbob\n', { reason: "quote-not-closed", row: 2 }],
    [
      "too many rows",
      `user\n${"x\n".repeat(TABLE_LIMITS.rows + 1)}`,
      { reason: "too-many-rows", row: 20_002 },
    ],
    ["too many columns", `user${",x".repeat(50)}\nada\n`, { reason: "too-many-columns", row: 1 }],
    ["a cell without end", `user\n${"x".repeat(2_001)}\n`, { reason: "cell-too-long", row: 2 }],
    ["a row without end", `user\n${"x".repeat(200_000)}\n`, { reason: "cell-too-long" }],
    ["too many bytes", "x".repeat(TABLE_LIMITS.bytes + 1), { reason: "too-large" }],
  ])("of %s is refused with what to look at", async (_of, given, why) => {
    expect(await readTextTable(given)).toMatchObject({ ok: false, ...why });
  });

  it("takes as many rows as it says", async () => {
    const { rows } = await rowsOf(`user\n${"x\n".repeat(TABLE_LIMITS.rows)}`);
    expect(rows).toHaveLength(TABLE_LIMITS.rows);
  });

  it("of ten megabytes lets others have their turn", async () => {
    const line = (number: number) => `user${number},"Jane, ${number}",${"p".repeat(480)}`;
    const text = `user,name,project\n${Array.from({ length: 19_999 }, (_, at) => line(at)).join("\n")}`;
    const bytes = Buffer.from(text);
    expect(bytes.byteLength).toBeGreaterThan(9.9e6);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await rowsOf(bytes);
    delay.disable();
    // 50 ms are promised, and measured by the benchmark; here other tests run beside it.
    expect(delay.max / 1e6).toBeLessThan(500);
  });

  it("is read, or refused with a reason, whatever its bytes are", async () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .array(fc.constantFrom(";", ",", "\t", '"', "\r\n", "\n", "a", "ö", "=", "\ufeff", " "), {
          maxLength: 200,
        })
        .map((parts) => Buffer.from(parts.join(""))),
    );
    await fc.assert(
      fc.asyncProperty(anything, async (bytes) => {
        const read = await readTextTable(bytes);
        if (!read.ok) {
          expect(read.reason).toMatch(/^[a-z-]+$/);
          return;
        }
        const { header, rows } = read.table;
        expect(rows.length).toBeGreaterThan(0);
        for (const row of rows) expect(row.cells).toHaveLength(header.length);
      }),
      { numRuns: RUNS },
    );
  }, 600_000);

  it("comes out as it went in, whatever was in its cells", async () => {
    const text = fc
      .string({ unit: "grapheme", maxLength: 20 })
      .map((one) => one.replace(/\p{Cc}/gu, " "));
    const table = fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 20 });
    const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(table, fc.constantFrom(";", ",", "\t", "|"), async (written, separator) => {
        const lines = [
          ["one", "two", "three"],
          ...written.map(([a, ...more]) => [`x${a}`, ...more]),
        ];
        const { rows } = await rowsOf(
          lines.map((row) => row.map(quoted).join(separator)).join("\r\n"),
        );
        expect(cells(rows)).toEqual(lines.slice(1));
      }),
      { numRuns: RUNS / 4 },
    );
  }, 600_000);
});
