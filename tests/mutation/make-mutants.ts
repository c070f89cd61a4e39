/**
 * Small changes to a source file, each of which should make a test fail. What is changed is what a
 * careful reader would miss: one condition of several, one column of an update, one element of a list,
 * a limit, a guard. Made from the syntax tree, so that none has to be thought of by somebody who
 * knows the tests.
 */
import ts from "typescript";
import { changeSql } from "./change-sql";

export interface Mutant {
  /** From the checkout's root, with slashes. */
  readonly file: string;
  /** Of the place that is changed, from 1. */
  readonly line: number;
  /** Such as `drop a condition`. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
  /** Takes the place of what is between `start` and `end`. */
  readonly replacement: string;
  /** Comes at the end of the file: an import that the replacement needs. */
  readonly appended: string;
  /** What stood there, on one line. */
  readonly before: string;
  /** The same of the replacement. */
  readonly after: string;
}

type Change = Pick<Mutant, "kind" | "start" | "end" | "replacement"> & { appended?: string };

const K = ts.SyntaxKind;

/** Comparisons, and the one next to each: `<` is not `<=`. */
const COMPARISONS = new Map<ts.SyntaxKind, string>([
  [K.EqualsEqualsEqualsToken, "!=="],
  [K.ExclamationEqualsEqualsToken, "==="],
  [K.LessThanToken, "<="],
  [K.LessThanEqualsToken, "<"],
  [K.GreaterThanToken, ">="],
  [K.GreaterThanEqualsToken, ">"],
  [K.PlusToken, "-"],
  [K.MinusToken, "+"],
  [K.AsteriskToken, "/"],
  [K.SlashToken, "*"],
]);

/** Drizzle's comparisons, likewise. */
const SQL_COMPARISONS: Record<string, string> = {
  eq: "ne",
  ne: "eq",
  lt: "lte",
  lte: "lt",
  gt: "gte",
  gte: "gt",
  isNull: "isNotNull",
  isNotNull: "isNull",
};

/** Calls in a chain that the rest can do without. */
const DISPENSABLE = new Set([
  "for",
  "limit",
  "orderBy",
  "trim",
  "toLowerCase",
  "toUpperCase",
  "normalize",
  "slice",
  "filter",
  "sort",
  "finally",
]);

const LOGS = /(^|\.)log\.(debug|info|warn|error)$/;

/**
 * @param source as parsed, with parents
 * @param checker tells which other strings a place would take; none are swapped when left out
 * @returns in the order of the file; some do not type-check
 */
export function makeMutants(
  file: string,
  source: ts.SourceFile,
  checker?: ts.TypeChecker,
): Mutant[] {
  const changes: Change[] = [];
  const visit = (node: ts.Node) => {
    if (isLeftAlone(node, source)) return;
    changes.push(...changesOf(node, source, checker));
    ts.forEachChild(node, visit);
  };
  visit(source);
  return changes
    .sort((one, other) => one.start - other.start || one.end - other.end)
    .map(({ appended = "", ...change }) => ({
      ...change,
      file,
      appended,
      line: source.getLineAndCharacterOfPosition(change.start).line + 1,
      before: oneLine(source.text.slice(change.start, change.end)),
      after: oneLine(change.replacement),
    }));
}

/** @returns the file's text with the change made */
export function mutate(text: string, mutant: Mutant): string {
  return (
    text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end) + mutant.appended
  );
}

const oneLine = (text: string) => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
};

/** Types are the compiler's to judge; words in the log and in errors promise nothing. */
function isLeftAlone(node: ts.Node, source: ts.SourceFile): boolean {
  return (
    ts.isImportDeclaration(node) ||
    ts.isExportDeclaration(node) ||
    ts.isTypeNode(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node) ||
    ts.isThrowStatement(node) ||
    (ts.isCallExpression(node) && LOGS.test(node.expression.getText(source)))
  );
}

/** Nobody meets the very instant: before it, and at the latest then, are the same. */
const isAboutAnInstant = (node: ts.Node, source: ts.SourceFile) =>
  /\b(now|clock_timestamp)\(\)/.test(node.getText(source));

function changesOf(
  node: ts.Node,
  source: ts.SourceFile,
  checker: ts.TypeChecker | undefined,
): Change[] {
  const text = (of: ts.Node) => of.getText(source);
  const instead = (kind: string, of: ts.Node, replacement: string): Change => ({
    kind,
    start: of.getStart(source),
    end: of.getEnd(),
    replacement,
  });
  const without = (kind: string, items: ts.NodeArray<ts.Node>) =>
    items.length < 2 ? [] : items.map((_, at) => dropItem(kind, items, at, source));

  if (ts.isBinaryExpression(node)) {
    const { left, operatorToken, right } = node;
    if ([K.AmpersandAmpersandToken, K.BarBarToken].includes(operatorToken.kind))
      return [
        instead("drop a condition", node, text(left)),
        instead("drop a condition", node, text(right)),
      ];
    const other = COMPARISONS.get(operatorToken.kind);
    if (isAboutAnInstant(node, source) && /[<>]/.test(other ?? "")) return [];
    return other === undefined ? [] : [instead("another comparison", operatorToken, other)];
  }
  if (ts.isPrefixUnaryExpression(node) && node.operator === K.ExclamationToken)
    return [instead("drop a not", node, text(node.operand))];
  if (ts.isConditionalExpression(node))
    return [
      instead("always one branch", node, `(${text(node.whenTrue)})`),
      instead("always one branch", node, `(${text(node.whenFalse)})`),
    ];
  if (ts.isIfStatement(node) && !node.elseStatement && endsItsBlock(node.thenStatement))
    return [instead("drop a guard", node, ";")];
  if (ts.isExpressionStatement(node)) {
    const acts = ts.isAwaitExpression(node.expression)
      ? node.expression.expression
      : node.expression;
    const isLog = ts.isCallExpression(acts) && LOGS.test(text(acts.expression));
    return isLog ? [] : [instead("drop a statement", node, ";")];
  }
  if (ts.isCallExpression(node)) return changesOfCall(node, source, instead, without);
  if (ts.isObjectLiteralExpression(node)) return without("drop a property", node.properties);
  if (ts.isArrayLiteralExpression(node)) return without("drop an element", node.elements);
  if (ts.isNumericLiteral(node)) return [instead("another number", node, otherNumber(node.text))];
  if (node.kind === K.TrueKeyword) return [instead("another boolean", node, "false")];
  if (node.kind === K.FalseKeyword) return [instead("another boolean", node, "true")];
  if (ts.isRegularExpressionLiteral(node)) return withoutAnchors(node, source);
  if (ts.isStringLiteral(node)) {
    const other = checker && otherString(node, checker);
    return other === undefined ? [] : [instead("another string", node, JSON.stringify(other))];
  }
  if (ts.isTaggedTemplateExpression(node) && /(^|\.)(sql|tx)$/.test(text(node.tag)))
    return changeSql(text(node.template)).map((change) => ({
      kind: change.kind,
      start: node.template.getStart(source) + change.start,
      end: node.template.getStart(source) + change.end,
      replacement: change.replacement,
    }));
  if (ts.isTemplateExpression(node) && !ts.isTaggedTemplateExpression(node.parent))
    return withoutParts(node, source);
  return [];
}

function changesOfCall(
  node: ts.CallExpression,
  source: ts.SourceFile,
  instead: (kind: string, of: ts.Node, replacement: string) => Change,
  without: (kind: string, items: ts.NodeArray<ts.Node>) => Change[],
): Change[] {
  const { expression, arguments: args } = node;
  if (ts.isIdentifier(expression)) {
    const { text: name } = expression;
    if (name === "and" || name === "or") return without("drop a condition", args);
    const other = SQL_COMPARISONS[name];
    if (other === undefined) return [];
    if (isAboutAnInstant(node, source) && /^[lg]te?$/.test(name)) return [];
    // The file may not import it. An import counts wherever it stands.
    const appended = `\nimport { ${other} as mutant_${other} } from "drizzle-orm";\n`;
    return [{ ...instead("another comparison", expression, `mutant_${other}`), appended }];
  }
  if (!ts.isPropertyAccessExpression(expression)) return [];
  const called = expression.getText(source);
  if (called === "Math.max") return [instead("another bound", expression, "Math.min")];
  if (called === "Math.min") return [instead("another bound", expression, "Math.max")];
  if (!DISPENSABLE.has(expression.name.text)) return [];
  const start = expression.expression.getEnd();
  return [{ kind: "drop a call", start, end: node.getEnd(), replacement: "" }];
}

function dropItem(
  kind: string,
  items: ts.NodeArray<ts.Node>,
  at: number,
  source: ts.SourceFile,
): Change {
  const item = items[at] as ts.Node;
  const next = items[at + 1];
  const previous = items[at - 1];
  // With the comma after it, or before it where it is the last.
  const start = next || !previous ? item.getStart(source) : previous.getEnd();
  const end = next ? next.getStart(source) : item.getEnd();
  return { kind, start, end, replacement: "" };
}

function endsItsBlock(statement: ts.Statement): boolean {
  const last = ts.isBlock(statement) ? statement.statements.at(-1) : statement;
  return (
    last !== undefined &&
    (ts.isReturnStatement(last) ||
      ts.isThrowStatement(last) ||
      ts.isContinueStatement(last) ||
      ts.isBreakStatement(last))
  );
}

function otherNumber(text: string): string {
  const value = Number(text.replaceAll("_", ""));
  if (value < 2) return String(value + 1);
  return String(text.length % 2 === 0 ? value * 2 : Math.floor(value / 2));
}

/** Another of the strings that the place would take. */
function otherString(node: ts.StringLiteral, checker: ts.TypeChecker): string | undefined {
  const wanted = checker.getContextualType(node);
  const strings = (wanted?.isUnion() ? wanted.types : [])
    .filter((type): type is ts.StringLiteralType => type.isStringLiteral())
    .map(({ value }) => value);
  // Spellings of an encoding, in which nothing is lost; locks that differ for foreign keys alone.
  if (strings.length < 2 || ["utf8", "utf-8", "base64", "update"].includes(node.text))
    return undefined;
  return strings[(strings.indexOf(node.text) + 1) % strings.length];
}

function withoutAnchors(node: ts.RegularExpressionLiteral, source: ts.SourceFile): Change[] {
  const start = node.getStart(source);
  const closing = node.text.lastIndexOf("/");
  const changes: Change[] = [];
  const drop = (at: number) =>
    changes.push({
      kind: "drop an anchor",
      start: start + at,
      end: start + at + 1,
      replacement: "",
    });
  if (node.text[1] === "^") drop(1);
  if (node.text[closing - 1] === "$" && node.text[closing - 2] !== "\\") drop(closing - 1);
  return changes;
}

/** Keys and bindings, such as `${column}/${row}`; sentences are left alone. */
function withoutParts(node: ts.TemplateExpression, source: ts.SourceFile): Change[] {
  const texts = [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)];
  if (texts.some((text) => /\s/.test(text))) return [];
  return node.templateSpans.map(({ expression }) => ({
    kind: "drop a part",
    start: expression.getStart(source) - 2,
    end: expression.getEnd() + 1,
    replacement: "",
  }));
}
