/**
 * The rules of the house, as functions from source text to sentences that say what is wrong. They
 * read text alone, so that each can be shown a bad snippet as well as the real sources:
 * tests/unit/house-rules.test.ts does both.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

/** Paths from the checkout's root, with `/`, to their text. */
export type Sources = ReadonlyMap<string, string>;

const root = path.resolve(import.meta.dirname, "../..");
const notSources =
  /(^|\/)(node_modules|build|\.git|\.cache|test-results|playwright-report)$|\.(log|png|ico|woff2)$/;

/** Every text file of the checkout that is ours; not what is installed, built or generated. */
export function readCheckout(): Sources {
  const sources = new Map<string, string>();
  const walk = (folder: string) => {
    for (const entry of readdirSync(path.join(root, folder), { withFileTypes: true })) {
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (notSources.test(name) || name === ".env") continue;
      if (entry.isDirectory()) walk(name);
      else sources.set(name, readFileSync(path.join(root, name), "utf8"));
    }
  };
  walk("");
  return sources;
}

const isCode = (file: string) => /\.(ts|tsx|mts|js|mjs)$/.test(file);
const codeOf = (sources: Sources) => [...sources].filter(([file]) => isCode(file));

const parsed = new Map<string, ts.SourceFile>();

/** Every rule looks at the same files: each is parsed once. */
function parse(file: string, text: string): ts.SourceFile {
  const key = `${file}\0${text}`;
  const tree = parsed.get(key) ?? parseAnew(file, text);
  parsed.set(key, tree);
  return tree;
}

function parseAnew(file: string, text: string): ts.SourceFile {
  const kind = file.endsWith("x") ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, kind);
}

function walkNodes(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walkNodes(child, visit));
}

const lineOf = (node: ts.Node) => {
  const file = node.getSourceFile();
  return file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
};

export interface Import {
  readonly from: string;
  /** As written: `./x`, `node:fs`, `zod`. */
  readonly name: string;
  /** The file, where it is one of ours. */
  readonly target: string | undefined;
  /** `import type …`: nothing is left of it when the program runs. */
  readonly typeOnly: boolean;
}

/** @returns every import and re-export, `import(…)`, `require(…)` and `require.resolve(…)` */
export function importsOf(file: string, text: string, sources: Sources): Import[] {
  const found: Import[] = [];
  const add = (name: string, typeOnly: boolean) =>
    found.push({ from: file, name, target: resolve(file, name, sources), typeOnly });
  walkNodes(parse(file, text), (node) => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.importClause?.isTypeOnly ?? false);
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      add(node.moduleSpecifier.text, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument;
      if (ts.isStringLiteral(literal)) add(literal.text, true);
    } else if (ts.isCallExpression(node)) {
      const called = node.expression;
      const [first] = node.arguments;
      const imports =
        called.kind === ts.SyntaxKind.ImportKeyword ||
        /^require$|\brequire\w*\.resolve$|^createRequire\(.*\)\.resolve$/.test(called.getText());
      if (imports && first && ts.isStringLiteralLike(first)) add(first.text, false);
    }
  });
  return found;
}

function resolve(from: string, name: string, sources: Sources): string | undefined {
  if (!name.startsWith(".")) return undefined;
  const plain = path.posix.join(path.posix.dirname(from), name.replace(/\?\w+$/, ""));
  const candidates = [plain, ...[".ts", ".tsx", ".js", ".mjs"].map((end) => plain + end)];
  candidates.push(`${plain}/index.ts`, `${plain}/index.tsx`);
  return candidates.find((candidate) => sources.has(candidate));
}

/**
 * What may import what. The first pattern that fits a file is its layer. `imports` is what it may
 * use when it runs; `types` is what it may also name in an `import type`, which leaves no trace in
 * the program: sideways, down, and the two descriptions of what is handed in from above (`Services`,
 * `Config`).
 */
export interface Layer {
  readonly name: string;
  readonly files: RegExp;
  readonly imports: readonly string[];
  readonly types?: readonly string[];
}

export const layers: readonly Layer[] = [
  {
    // Processes of their own: the server and the commands.
    name: "entry",
    files: /^(server\.ts|(app|db|emails)\/[\w/-]+-command(\.server)?\.ts)$/,
    imports: [
      "assembly",
      "wiring",
      "http",
      "use case",
      "audit",
      "keystone",
      "db",
      "emails",
      "base",
      "pure",
    ],
  },
  {
    // What a request passes through, one after the other.
    name: "assembly",
    files: /^app\/create-app\.server\.ts$/,
    imports: ["api", "http", "use case", "base"],
    types: ["wiring"],
  },
  {
    name: "wiring",
    files: /^app\/(services\.server\.ts$|jobs\/|telemetry\/(metrics|observe-keystone)\.)/,
    imports: ["wiring", "use case", "audit", "keystone", "db", "emails", "base"],
  },
  {
    name: "route",
    files: /^app\/(routes\/|root\.tsx$|routes\.ts$|entry\.)/,
    imports: ["http", "page", "use case", "base", "pure", "asset"],
    types: ["wiring", "audit"],
  },
  { name: "api", files: /^app\/api\//, imports: ["api", "http", "base"] },
  {
    // What runs in the browser too; `.server` files never do.
    name: "page",
    files: /^app\/(components|portal|console)\/(?!.*\.server\.)/,
    imports: ["page", "pure", "asset"],
    types: ["use case", "base"],
  },
  {
    name: "pure",
    files: /^app\/(links|accounts|admins|reset-requests|http)\/(?!.*\.server\.)/,
    imports: ["pure"],
    types: ["use case", "keystone", "db", "base"],
  },
  {
    name: "http",
    files: /^app\/http\//,
    imports: ["http", "use case", "audit", "keystone", "db", "base", "pure"],
    types: ["wiring"],
  },
  {
    name: "use case",
    // Rotation and survey stand beside the vault they serve, and do what a use case does.
    files: /^app\/(links|accounts|admins|reset-requests)\/|^app\/vault\/(rotate|survey)-/,
    imports: ["use case", "audit", "keystone", "db", "emails", "base", "pure"],
  },
  { name: "audit", files: /^app\/audit\//, imports: ["audit", "db", "base"] },
  { name: "emails", files: /^emails\//, imports: ["emails", "db", "base"], types: [] },
  { name: "keystone", files: /^app\/keystone\//, imports: ["keystone"] },
  { name: "db", files: /^db\//, imports: ["db", "base"] },
  {
    name: "base",
    files: /^app\/(config|vault)\/|^app\/telemetry\/log\./,
    imports: ["base"],
  },
  { name: "asset", files: /^app\/.*\.(css|svg)$/, imports: [] },
];

const layerOf = (file: string) => layers.find((layer) => layer.files.test(file));
const isProduct = (file: string) => /^(app|db|emails)\/|^server\.ts$/.test(file);

/** Data flows one way: routes, http, use cases, parts. Nothing imports upwards. */
export function findImportsAgainstTheLayers(sources: Sources): string[] {
  return codeOf(sources).flatMap(([file, text]) => {
    if (!isProduct(file)) return [];
    const layer = layerOf(file);
    if (!layer) return [`${file} is in no layer: give it a place in the table, or move it`];
    return importsOf(file, text, sources).flatMap(({ name, target, typeOnly }) => {
      if (target === undefined) {
        return name.startsWith(".") ? [`${file} imports ${name}, which is no file`] : [];
      }
      const other = layerOf(target);
      const may = [...layer.imports, ...(typeOnly ? (layer.types ?? []) : [])];
      if (other && may.includes(other.name)) return [];
      const what = other ? `${target} (${other.name})` : target;
      return [`${file} (${layer.name}) imports ${what}${typeOnly ? ", if only its types" : ""}`];
    });
  });
}

/** What is shipped knows nothing of the demo, the tests and the benchmark; nor does the demo of tests. */
export function findImportsOfTheWorkshop(sources: Sources): string[] {
  return codeOf(sources).flatMap(([file, text]) => {
    const forbidden = isProduct(file)
      ? /^(demo|tests|bench)\//
      : file.startsWith("demo/")
        ? /^(tests|bench)\//
        : undefined;
    if (!forbidden) return [];
    return importsOf(file, text, sources)
      .filter(({ target }) => target !== undefined && forbidden.test(target))
      .map(({ target }) => `${file} imports ${target}`);
  });
}

/** Types count too: two files that need each other's types are one file in two halves. */
export function findImportCycles(sources: Sources): string[] {
  const graph = new Map<string, string[]>();
  for (const [file, text] of codeOf(sources)) {
    const targets = importsOf(file, text, sources).flatMap(({ target }) => target ?? []);
    graph.set(file, [...new Set(targets)]);
  }
  const cycles: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (file: string) => {
    const at = trail.indexOf(file);
    if (at !== -1) {
      cycles.push([...trail.slice(at), file].join(" -> "));
      return;
    }
    if (done.has(file)) return;
    trail.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    trail.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}

const vagueName = /(^|[./_-])(utils?|helpers?|misc|common)(?=[./_-]|$)/i;

/** A file is named for what it does. */
export function findVagueNames(sources: Sources): string[] {
  return [...sources.keys()]
    .filter((file) => isCode(file) && vagueName.test(file))
    .map((file) => `${file} is named for nothing it does`);
}

interface PackageJson {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  scripts?: Record<string, string>;
}

/** `@scope/name/sub` or `name/sub` to the package; undefined for Node's own and for files of ours. */
function packageOf(name: string): string | undefined {
  if (/^(\.|node:|virtual:|data:|\/)/.test(name)) return undefined;
  return name.startsWith("@") ? name.split("/").slice(0, 2).join("/") : name.split("/")[0];
}

/** Runs in the server, where only `dependencies` are sure to be installed. */
const runsInTheServer = (file: string) =>
  /^(server\.ts|db\/|emails\/)/.test(file) || /^app\/.*\.server\.tsx?$/.test(file);

/** What is listed is used, and what is used is listed; the server uses no development dependency. */
export function findDependencyProblems(sources: Sources): string[] {
  const listed = JSON.parse(sources.get("package.json") ?? "{}") as PackageJson;
  const production = new Set(Object.keys(listed.dependencies ?? {}));
  const all = new Set([...production, ...Object.keys(listed.devDependencies ?? {})]);
  const problems: string[] = [];
  const used = new Set<string>();
  for (const [file, text] of codeOf(sources)) {
    for (const { name, typeOnly } of importsOf(file, text, sources)) {
      const wanted = packageOf(name);
      if (wanted === undefined) continue;
      used.add(wanted);
      const types = `@types/${wanted.replace(/^@/, "").replace("/", "__")}`;
      if (all.has(types)) used.add(types);
      if (!all.has(wanted))
        problems.push(`${file} imports ${wanted}, which package.json does not list`);
      else if (!typeOnly && runsInTheServer(file) && !production.has(wanted))
        problems.push(`${file} runs in the server and imports ${wanted}, a development dependency`);
    }
    // Programs that are run, by their place in node_modules: bin("typescript", "bin/tsc").
    for (const name of all) if (text.includes(`bin("${name}"`)) used.add(name);
    for (const name of all) if (text.includes(`node_modules/${name}/`)) used.add(name);
  }
  for (const [file, text] of sources) {
    if (!file.endsWith(".css")) continue;
    for (const [, name = ""] of text.matchAll(/@(?:import|plugin)\s+["']([^"']+)["']/g)) {
      const wanted = packageOf(name);
      if (wanted !== undefined) used.add(wanted);
    }
  }
  for (const script of Object.values(listed.scripts ?? {})) {
    for (const word of script.split(/\s+/)) if (all.has(word)) used.add(word);
    if (/\bremix\b/.test(script)) used.add("@remix-run/dev");
  }
  if (sources.has("tsconfig.json")) used.add("@types/node").add("typescript");
  for (const name of all) {
    if (!used.has(name)) problems.push(`package.json lists ${name}, which nothing uses`);
  }
  return [...new Set(problems)];
}

/** @returns the variables that app/config/environment.server.ts knows, as it lists them */
export function configurationNames(configSource: string): string[] {
  const names: string[] = [];
  walkNodes(parse("config.ts", configSource), (node) => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== "environment") return;
    const call = node.initializer;
    if (!call || !ts.isCallExpression(call)) return;
    const [shape] = call.arguments;
    if (shape && ts.isObjectLiteralExpression(shape)) {
      for (const property of shape.properties) names.push(property.name?.getText() ?? "");
    }
  });
  return names;
}

/** `.env.example` and the README's table name every variable, and none that does not exist. */
export function findUndocumentedConfiguration(sources: Sources): string[] {
  const known = configurationNames(sources.get("app/config/environment.server.ts") ?? "");
  const documents: [string, string[]][] = [
    [".env.example", matches(sources.get(".env.example"), /^#? ?([A-Z][A-Z_]+)=/gm)],
    ["README.md", matches(sources.get("README.md"), /^\| .*$/gm).flatMap(namesInFirstCell)],
  ];
  return documents.flatMap(([file, named]) => [
    ...known.filter((name) => !named.includes(name)).map((name) => `${file} lacks ${name}`),
    ...named
      .filter((name) => !known.includes(name))
      .map((name) => `${file} names ${name}, which is none`),
    ...named
      .filter((name, index) => named.indexOf(name) !== index)
      .map((name) => `${file} names ${name} twice`),
  ]);
}

const matches = (text: string | undefined, pattern: RegExp) =>
  [...(text ?? "").matchAll(pattern)].map((match) => match[1] ?? match[0]);

/** "| `HOST`, `PORT` | …": the variables of a table's row. */
function namesInFirstCell(row: string): string[] {
  return matches(row.split("|")[1], /`([A-Z][A-Z_]*[A-Z])`/g);
}

// In pieces, or this file would break its own rule.
const machinePaths = new RegExp(
  ["/wor" + "k/", "/roo" + "t/", "/hom" + "e/\\w", "/User" + "s/\\w", "C:\\\\User" + "s"].join("|"),
);

/** Nothing knows the machine it was written on. */
export function findMachinePaths(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    if (file === "package-lock.json") return [];
    return text.split("\n").flatMap((line, index) => {
      const found = machinePaths.exec(line);
      return found ? [`${file}:${index + 1} names ${found[0]}`] : [];
    });
  });
}

/** Who may make a permit out of a bare administrator, or look whether it is one. */
const makesPermits = /^app\/(audit\/|admins\/permit-caller\.)/;
/** What an administrator's act writes over or ends. */
const actsOnLinks = ["upsertLink", "renewLink", "replaceToken", "revokeLink"];

/**
 * Whatever an administrator does to what is kept of a user takes a permit: no use case of links is handed a
 * bare administrator, none writes over a link without knowing of permits, and rows of the trail are written
 * by `app/audit` alone, which wants one. Only `permitCaller` makes them.
 */
export function findActsWithoutPermit(sources: Sources): string[] {
  return codeOf(sources).flatMap(([file, text]) => {
    if (!/^(app|emails)\//.test(file) || makesPermits.test(file)) return [];
    const found: string[] = [];
    const knowsPermits = /\bPermittedInitiator\b/.test(text);
    walkNodes(parse(file, text), (node) => {
      const at = () => `${file}:${lineOf(node)}`;
      if (ts.isImportSpecifier(node)) {
        const from = node.parent.parent.parent.moduleSpecifier.getText();
        const name = (node.propertyName ?? node.name).text;
        if (/link[\w-]*\.store/.test(from) && actsOnLinks.includes(name) && !knowsPermits)
          found.push(`${at()} imports ${name} and asks for no permit`);
        if (name === "recordEvent" && !writesOfItself.test(file))
          found.push(`${at()} writes to the trail, and not by record`);
      }
      const isBareAdmin =
        ts.isParameter(node) &&
        /^(Admin|AdminSession|Caller)\b|^Initiator\b(?!<User>)/.test(node.type?.getText() ?? "");
      if (isBareAdmin && /^app\/(links|accounts)\//.test(file))
        found.push(`${at()} takes an administrator without a permit`);
      if (ts.isAsExpression(node) && node.type.getText().includes("PermittedInitiator"))
        found.push(`${at()} makes a permit of its own`);
    });
    return found;
  });
}

/** Until redeeming is taken apart: a user's acts alone. */
const writesOfItself = /^app\/links\/redeem\//;

/** Links and pictures of the guides lead to files that are there. */
export function findDeadLinks(sources: Sources, exists = existsInCheckout): string[] {
  return [...sources].flatMap(([file, text]) => {
    if (!file.endsWith(".md")) return [];
    return matches(text, /\]\(([^)\s]+)\)/g).flatMap((link) => {
      if (/^[a-z]+:|^#/.test(link)) return [];
      const target = path.posix.join(path.posix.dirname(file), link.replace(/#.*$/, ""));
      return exists(target) ? [] : [`${file} links to ${link}, which is not there`];
    });
  });
}

/** These tell which test stands for which promise. */
const documentsOfPromises = ["SECURITY.md", "docs/asvs.md"];

/** A promise whose test has been renamed or removed is shown by nothing. */
export function findPromisesWithoutTheirTest(
  sources: Sources,
  exists = existsInCheckout,
): string[] {
  return documentsOfPromises.flatMap((file) => {
    const named = new Set(matches(sources.get(file), /\btests\/[\w./-]*\w/g));
    if (named.size === 0) return [`${file} names no test`];
    return [...named]
      .filter((test) => !exists(test))
      .map((test) => `${file} names ${test}, which is not there`);
  });
}

const existsInCheckout = (file: string) => existsSync(path.join(root, file));
