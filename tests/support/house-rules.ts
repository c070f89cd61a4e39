/**
 * The rules of the house that no tool knows (biome.json, .dependency-cruiser.mjs and knip.jsonc have the
 * others), as functions from source text to sentences that say what is wrong. They
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

function parse(file: string, text: string): ts.SourceFile {
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

const vagueName = /(^|[./_-])(utils?|helpers?|misc|common)(?=[./_-]|$)/i;

/** A file is named for what it does. */
export function findVagueNames(sources: Sources): string[] {
  return [...sources.keys()]
    .filter((file) => isCode(file) && vagueName.test(file))
    .map((file) => `${file} is named for nothing it does`);
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

const physicalClass =
  /^(?:(?:m|p|scroll-m|scroll-p)[lr]|left|right)-|^(?:text|float|clear)-(?:left|right)$|^(?:border|rounded)-[lr](?:-|$)|^rounded-[tb][lr](?:-|$)/;
const physicalProperty =
  /(?<![\w-])(?:(?:margin|padding|border)-)?(?:left|right)(?:-\w+)?:|border-(?:top|bottom)-(?:left|right)-radius:|(?:text-align|float|clear):\s*(?:left|right)\b/g;

/** Left and right change sides where a language is read from right to left: `ms-2`, not `ml-2`. */
export function findPhysicalDirections(sources: Sources): string[] {
  return [...sources].flatMap(([file, text]) => {
    if (!file.startsWith("app/")) return [];
    if (file.endsWith(".css"))
      return matches(text, physicalProperty).map((found) => `${file} has ${found}`);
    if (!file.endsWith(".tsx")) return [];
    const found: string[] = [];
    walkNodes(parse(file, text), (node) => {
      if (!ts.isStringLiteralLike(node) && !ts.isTemplateLiteralToken(node)) return;
      for (const name of node.text.split(/\s+/))
        if (physicalClass.test(name.replace(/^.*:/, "").replace(/^[!-]+/, "")))
          found.push(`${file}:${lineOf(node)} has ${name}`);
    });
    return found;
  });
}

/** Who may make a permit out of a bare administrator, or look whether it is one. */
const makesPermits = /^app\/(audit\/|admins\/permit-caller\.)/;
/** Functions of the trail's store. */
const writesRows = /^insert/;
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
        if (/audit-events\.store/.test(from) && writesRows.test(name))
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
