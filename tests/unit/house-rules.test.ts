import { describe, expect, it } from "vitest";
import {
  findActsWithoutPermit,
  findDeadLinks,
  findMachinePaths,
  findPhysicalDirections,
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
      'import { insertEvent as note } from "../../db/audit-events.store"; note(db, row);',
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

describe("pages can be mirrored", () => {
  it("holds", () => {
    expect(findPhysicalDirections(checkout)).toEqual([]);
  });

  it.each([
    "ml-2",
    "-mr-1.5",
    "sm:pl-4",
    "focus:left-2",
    "!right-0",
    "text-left",
    "border-l-2",
    "border-r",
    "rounded-l",
    "rounded-tr-lg",
  ])("refuses the class %s", (name) => {
    for (const text of [`<p className="flex ${name}" />`, `<p className={\`${name} \${x}\`} />`])
      expect(findPhysicalDirections(sources({ "app/x.tsx": text }))).toHaveLength(1);
  });

  it.each(["padding-left: 1rem", "left: 0", "text-align: right", "border-top-left-radius: 0"])(
    "refuses the property %s",
    (rule) => {
      expect(findPhysicalDirections(sources({ "app/x.css": `p { ${rule}; }` }))).toHaveLength(1);
    },
  );

  it("lets logical ones through", () => {
    const good = sources({
      "app/x.tsx": '<p className="ms-2 ps-1 border-s text-start left" title="mail-left-out" />',
      "app/x.css": "p { padding-inline-start: 1rem; text-align: start; translate: 300% 0; }",
    });
    expect(findPhysicalDirections(good)).toEqual([]);
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
