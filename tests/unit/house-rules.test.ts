import { describe, expect, it } from "vitest";
import {
  findActsWithoutPermit,
  findDeadLinks,
  findDependencyProblems,
  findImportCycles,
  findImportsAgainstTheLayers,
  findImportsOfTheWorkshop,
  findMachinePaths,
  findPromisesWithoutTheirTest,
  findUndocumentedConfiguration,
  findVagueNames,
  readCheckout,
  type Sources,
} from "../support/house-rules";

/** Each rule is shown what it must refuse, before it is believed that it finds nothing. */
const checkout = readCheckout();
const sources = (files: Record<string, string>): Sources => new Map(Object.entries(files));

it("reads the whole checkout", () => {
  for (const file of ["server.ts", "app/config/config.server.ts", "db/schema.ts", "package.json"])
    expect(checkout.has(file)).toBe(true);
  expect([...checkout.keys()].some((file) => file.includes("node_modules"))).toBe(false);
});

describe("imports go down: routes, http, use cases, parts", () => {
  it("holds", () => {
    expect(findImportsAgainstTheLayers(checkout)).toEqual([]);
  });

  it.each([
    ["a store that imports a use case", "db/links.store.ts", "../app/links/pin.server"],
    ["a use case that imports a guard", "app/links/pin.server.ts", "../http/require-admin.server"],
    ["a route that does SQL", "app/routes/admin.tsx", "../../db/links.store"],
    ["a route that asks Keystone", "app/routes/admin.tsx", "../keystone/session.server"],
    ["a page that imports a use case", "app/components/table.tsx", "../links/pin.server"],
    ["Keystone's client that knows links", "app/keystone/x.server.ts", "../links/pin.server"],
    ["a guard that imports the wiring", "app/http/require-admin.server.ts", "../services.server"],
    ["a mail that imports a use case", "emails/outbox.ts", "../app/links/pin.server"],
    ["a use case that imports the wiring", "app/links/pin.server.ts", "../services.server"],
  ])("refuses %s", (_what, file, imported) => {
    const all = {
      "app/links/pin.server.ts": "",
      "app/http/require-admin.server.ts": "",
      "app/keystone/session.server.ts": "",
      "app/services.server.ts": "",
      "db/links.store.ts": "",
    };
    const bad = sources({ ...all, [file]: `import { x } from "${imported}";` });
    expect(findImportsAgainstTheLayers(bad)).toEqual([expect.stringContaining(file)]);
  });

  it("lets a type through only where the table says so", () => {
    const files = { "app/services.server.ts": "", "db/schema.ts": "" };
    const type = 'import type { Services } from "../services.server";';
    const good = sources({ ...files, "app/http/x.server.ts": type });
    expect(findImportsAgainstTheLayers(good)).toEqual([]);
    const bad = sources({ ...files, "app/links/x.server.ts": type });
    expect(findImportsAgainstTheLayers(bad)).toHaveLength(1);
  });

  it("does not take an import of a value and a type for an import of a type", () => {
    const bad = sources({
      "app/services.server.ts": "",
      "app/http/x.server.ts": 'import { type Services } from "../services.server";',
    });
    expect(findImportsAgainstTheLayers(bad)).toHaveLength(1);
  });

  it.each([
    ["import(…)", 'const x = await import("../../db/schema");'],
    ["a re-export", 'export * from "../../db/schema";'],
    ["require(…)", 'const x = require("../../db/schema");'],
    ["a type in place", 'type X = import("../../db/schema").X;'],
  ])("sees %s as an import", (_what, text) => {
    const bad = sources({ "db/schema.ts": "", "app/routes/x.tsx": text });
    expect(findImportsAgainstTheLayers(bad)).toHaveLength(1);
  });

  it("refuses a file that is in no layer, and an import of a file that is not there", () => {
    expect(findImportsAgainstTheLayers(sources({ "app/elsewhere/x.ts": "" }))).toHaveLength(1);
    const lost = sources({ "db/client.ts": 'import { x } from "./gone";' });
    expect(findImportsAgainstTheLayers(lost)).toHaveLength(1);
  });
});

describe("what is shipped knows nothing of demo, tests and bench", () => {
  it("holds", () => {
    expect(findImportsOfTheWorkshop(checkout)).toEqual([]);
  });

  it.each([
    ["app/keystone/session.server.ts", "../../demo/free-port"],
    ["db/client.ts", "../tests/support/postgres"],
    ["server.ts", "./bench/measure"],
    ["demo/demo.ts", "../tests/support/postgres"],
  ])("refuses %s importing %s", (file, imported) => {
    const bad = sources({
      "demo/free-port.ts": "",
      "tests/support/postgres.ts": "",
      "bench/measure.ts": "",
      [file]: `import { x } from "${imported}";`,
    });
    expect(findImportsOfTheWorkshop(bad)).toHaveLength(1);
  });
});

describe("there are no import cycles, of types neither", () => {
  it("holds", () => {
    expect(findImportCycles(checkout)).toEqual([]);
  });

  it("finds a cycle of three, whichever way it is imported", () => {
    const bad = sources({
      "app/a.ts": 'import { b } from "./b";',
      "app/b.ts": 'import type { C } from "./c";',
      "app/c.ts": 'export const a = () => import("./a");',
    });
    expect(findImportCycles(bad)).toEqual(["app/a.ts -> app/b.ts -> app/c.ts -> app/a.ts"]);
  });
});

describe("nothing is done to what is kept of a user without a permit", () => {
  it("holds", () => {
    expect(findActsWithoutPermit(checkout)).toEqual([]);
  });

  it.each([
    ["a use case that takes a bare administrator", "async function purge(admin: Admin) {}"],
    ["one that takes a session", "export const purge = (by: AdminSession) => by;"],
    ["one that takes whoever acts", "export const purge = (by: Initiator<Caller>) => by;"],
    ["one that takes anybody", "async function purge(by: Initiator) {}"],
    [
      "a row in the trail that nobody looks at",
      'import { recordEvent as note } from "../../db/audit-events.store"; note(db, row);',
    ],
    [
      "a store's function alone",
      'import { revokeLink as end } from "../../db/links.store"; end(db, id);',
    ],
    ["a permit of its own making", "const by = { ...initiator } as unknown as PermittedInitiator;"],
  ])("refuses %s", (_what, text) => {
    const bad = sources({ "app/links/x.server.ts": text, "db/links.store.ts": "" });
    expect(findActsWithoutPermit(bad)).toHaveLength(1);
  });

  it("lets one through that asks for it, and one of a user's", () => {
    const good = sources({
      "db/links.store.ts": "",
      "app/links/x.server.ts": `
        import { revokeLink } from "../../db/links.store";
        import type { PermittedInitiator, User } from "../audit/initiator.server";
        export const end = (by: PermittedInitiator) => revokeLink(record(by));
        export const use = (by: Initiator<User>) => record(by);`,
    });
    expect(findActsWithoutPermit(good)).toEqual([]);
  });
});

describe("files are named for what they do", () => {
  it("holds", () => {
    expect(findVagueNames(checkout)).toEqual([]);
  });

  it.each([
    "app/utils.ts",
    "app/common/x.ts",
    "db/misc.server.ts",
    "tests/test-helpers.ts",
    "app/http/util.ts",
  ])("refuses %s", (file) => {
    expect(findVagueNames(sources({ [file]: "" }))).toHaveLength(1);
  });
});

describe("package.json lists what is used, and nothing else", () => {
  it("holds", () => {
    expect(findDependencyProblems(checkout)).toEqual([]);
  });

  it("refuses a package nobody uses, one nobody listed, and a development one in the server", () => {
    const bad = sources({
      "package.json": JSON.stringify({
        dependencies: { zod: "4", "left-over": "1" },
        devDependencies: { tsx: "4" },
      }),
      "app/config/config.server.ts": 'import { z } from "zod"; import { x } from "tsx/api";',
      "tests/x.test.ts": 'import { y } from "@scope/unlisted/part";',
    });
    expect(findDependencyProblems(bad)).toEqual([
      "app/config/config.server.ts runs in the server and imports tsx, a development dependency",
      "tests/x.test.ts imports @scope/unlisted, which package.json does not list",
      "package.json lists left-over, which nothing uses",
    ]);
  });
});

describe(".env.example and the README name every variable of the configuration", () => {
  it("holds", () => {
    expect(findUndocumentedConfiguration(checkout)).toEqual([]);
  });

  it("finds one that is missing, one that is none, and one that is there twice", () => {
    const bad = sources({
      "app/config/environment.server.ts":
        "const environment = z.object({ HOST: z.string(), PORT: number() });",
      ".env.example": "HOST=0.0.0.0\n# HOST=1\n",
      "README.md": "| name | default |\n|---|---|\n| `HOST`, `POST` | 1 |\n",
    });
    expect(findUndocumentedConfiguration(bad)).toEqual([
      ".env.example lacks PORT",
      ".env.example names HOST twice",
      "README.md lacks PORT",
      "README.md names POST, which is none",
    ]);
  });
});

describe("nothing knows the machine it was written on", () => {
  it("holds", () => {
    expect(findMachinePaths(checkout)).toEqual([]);
  });

  it.each(["/home", "/Users"])("refuses a path below %s", (folder) => {
    expect(findMachinePaths(sources({ "docs/x.md": `a\nsee ${folder}/jane/x` }))).toEqual([
      `docs/x.md:2 names ${folder}/j`,
    ]);
  });
});

describe("links and pictures of the guides are there", () => {
  it("holds", () => {
    expect(findDeadLinks(checkout)).toEqual([]);
  });

  it("refuses one that is not", () => {
    const text = "[a](a.md) ![b](pictures/b.png) [c](https://example.org) [d](#d) [e](../e.md#x)";
    const found = findDeadLinks(sources({ "docs/x.md": text }), (file) => file === "e.md");
    expect(found).toEqual([
      "docs/x.md links to a.md, which is not there",
      "docs/x.md links to pictures/b.png, which is not there",
    ]);
  });
});

describe("every test that a promise names is there", () => {
  it("holds", () => {
    expect(findPromisesWithoutTheirTest(checkout)).toEqual([]);
  });

  it("refuses a file and a folder that are not, and a document that names none", () => {
    const bad = sources({
      "SECURITY.md":
        "| a | tests/unit/a.test.ts, tests/unit/gone.test.ts |\n(tests/gone/). See tests/e2e.",
      "docs/asvs.md": "| 1.1.1 | held | review |",
    });
    const there = ["tests/unit/a.test.ts", "tests/e2e"];
    expect(findPromisesWithoutTheirTest(bad, (file) => there.includes(file))).toEqual([
      "SECURITY.md names tests/unit/gone.test.ts, which is not there",
      "SECURITY.md names tests/gone, which is not there",
      "docs/asvs.md names no test",
    ]);
  });
});
