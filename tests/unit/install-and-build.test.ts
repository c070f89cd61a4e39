import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findNodeProblem, hasPackages } from "../../demo/install-and-build.mjs";

describe("the version of Node", () => {
  it.each(["20.19.0", "20.20.2", "22.0.0", "24.1.0"])("%s will do", (version) => {
    expect(findNodeProblem(version)).toBe(undefined);
  });

  it.each(["20.18.3", "18.20.0", "8.0.0"])("%s is too old, and a sentence says so", (version) => {
    expect(findNodeProblem(version)).toMatch(/^setpass needs Node 20\.19 or newer; this is Node/);
    expect(findNodeProblem(version)).toContain(version);
  });
});

describe("the npm packages", () => {
  let folder: string;
  const wanted = {
    "": { version: "0.1.0" },
    "node_modules/a": { version: "1.0.0", integrity: "sha512-a" },
    "node_modules/b-for-windows": { version: "1.0.0", integrity: "sha512-b", optional: true },
  };

  const write = async (file: string, packages: unknown) => {
    await mkdir(path.join(folder, "node_modules"), { recursive: true });
    await writeFile(path.join(folder, file), JSON.stringify({ packages }));
  };
  const install = (packages: unknown) => write("node_modules/.package-lock.json", packages);

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "setpass-packages-"));
    await write("package-lock.json", wanted);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("are there where every one of the lock file's is, whatever another platform would need", async () => {
    const { "node_modules/a": a } = wanted;
    await install({ "node_modules/a": a });
    expect(hasPackages(folder)).toBe(true);
  });

  it.each([
    ["none is", {}],
    [
      "one is of another version",
      { "node_modules/a": { version: "0.9.0", integrity: "sha512-a" } },
    ],
    ["one has other contents", { "node_modules/a": { version: "1.0.0", integrity: "sha512-x" } }],
  ])("are missing where %s", async (_what, packages) => {
    await install(packages);
    expect(hasPackages(folder)).toBe(false);
  });

  it("are missing where nothing was ever installed, or the list is broken", async () => {
    expect(hasPackages(folder)).toBe(false);
    await writeFile(path.join(folder, "node_modules/.package-lock.json"), '{"packages":');
    expect(hasPackages(folder)).toBe(false);
  });
});
