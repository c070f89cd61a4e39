import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";

/** What operators copy from the documentation into a shell. */
const root = path.resolve(import.meta.dirname, "../..");
const files = ["README.md", ...readdirSync(path.join(root, "docs")).map((name) => `docs/${name}`)];
const texts = files
  .filter((file) => file.endsWith(".md"))
  .map((file) => ({ file, text: readFileSync(path.join(root, file), "utf8") }));
const commandsOf = (text: string) =>
  [...text.matchAll(/```\w*\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.split("\n"));

it("no step leaves a file with secrets readable for everybody", () => {
  const writes = /\.env\b|setpass\.env/;
  for (const { file, text } of texts)
    for (const command of commandsOf(text).filter((line) => writes.test(line)))
      expect(command, file).not.toMatch(/\b(cp|tee|cat|echo|curl)\b|(?<!2)>(?!=)/);
  const readme = commandsOf(readFileSync(path.join(root, "README.md"), "utf8")).join("\n");
  expect(readme).toMatch(/install -m 600 \.env\.example \.env\b/);
  expect(readme).toMatch(/install -m 600 \/dev\/null \.env\.owner\b/);
});

it("the server's role is not the one that migrates, from the first step on", () => {
  const readme = commandsOf(readFileSync(path.join(root, "README.md"), "utf8"));
  const at = (pattern: RegExp) => readme.findIndex((line) => pattern.test(line));
  const steps = [
    /createuser -P setpass_owner && createdb -O setpass_owner/,
    /createuser -P setpass_server/,
    /--env-file=\.env\.owner build\/process\/migrate\.js/,
    /--env-file=\.env\.owner build\/process\/grants\.js setpass_server --apply/,
    /--env-file=\.env build\/process\/server\.js/,
  ].map(at);
  expect(steps).not.toContain(-1);
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
});

it("the server is started as `npm start` does, with its limits of memory", () => {
  const limits = "--max-semi-space-size=2 --max-old-space-size=512";
  const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  expect(scripts.start).toBe(`node ${limits} build/process/server.js`);
  const readme = commandsOf(readFileSync(path.join(root, "README.md"), "utf8"));
  const starts = readme.filter((line) => line.includes("build/process/server.js"));
  expect(starts).toHaveLength(2);
  for (const start of starts) expect(start).toContain(limits);
});
