import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";

/** `npm test`, as it is called in CI: without standard input. */
function runTests(...words: string[]): { code: number | null; lines: string[] } {
  const { status, stdout } = spawnSync(
    process.execPath,
    [path.resolve(import.meta.dirname, "../run.mjs"), ...words],
    { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, CI: "true" } },
  );
  return { code: status, lines: stdout.trimEnd().split("\n") };
}

describe("npm test", () => {
  it("closes on the numbers of tests", () => {
    const { code, lines } = runTests("unit", "find-secrets");
    expect(lines.at(-1)).toMatch(/^\d+ passed, 0 failed$/);
    expect(code).toBe(0);
  });

  it("takes a run without any test for a failure", () => {
    const { code, lines } = runTests("unit", "no-file-has-this-in-its-path");
    expect(lines.at(-1)).toBe("0 passed, 1 failed");
    expect(code).toBe(1);
  });

  it("closes on what failed and why, a hook's error too", () => {
    const file = path.resolve(import.meta.dirname, "../unit/fails-on-purpose.test.ts");
    writeFileSync(
      file,
      `import { beforeAll, describe, it } from "vitest";
      it("fails", () => { throw new Error("by itself"); });
      describe("with a hook", () => {
        beforeAll(() => { throw new Error("by its hook"); });
        it("is not run", () => {});
      });`,
    );
    try {
      const { code, lines } = runTests("unit", "fails-on-purpose");
      const told = lines.slice(lines.findIndex((line) => line.startsWith("FAILED")));
      expect(told.join("\n")).toMatch(/: fails\n {4}by itself\n/);
      expect(told.join("\n")).toMatch(/: with a hook\n {4}by its hook\n/);
      expect(told.join("\n")).toMatch(/: with a hook > is not run\n {4}not run\n/);
      expect(lines.at(-1)).toBe("0 passed, 2 failed");
      expect(code).toBe(1);
    } finally {
      rmSync(file, { force: true });
    }
  });
});
