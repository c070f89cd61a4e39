import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  findPasswordProblem,
  MAX_PASSWORD_BYTES,
  translatePolicy,
} from "../../../app/links/password-rules";
import { describeWhere } from "../../support/describe-where";

const problem = findPasswordProblem;

/** As the workers do. Undefined: Keystone decides. */
function follows(regex: string, password: string): boolean | undefined {
  const policy = translatePolicy(regex);
  try {
    return policy && new RegExp(policy.source, policy.flags).test(password);
  } catch {
    return undefined;
  }
}

describe("a password", () => {
  it("is good by itself where Keystone has no rules", () => {
    for (const password of ["x", "correct horse battery staple", "пароль", "密码", "🔐", "é"])
      expect(problem(password)).toBeUndefined();
  });

  it("is not nothing", () => {
    expect(problem("")).toBe("empty");
  });

  it("has at most 72 bytes, because bcrypt would ignore the rest", () => {
    expect(MAX_PASSWORD_BYTES).toBe(72);
    expect(problem("a".repeat(72))).toBeUndefined();
    expect(problem("a".repeat(73))).toBe("too-long");
    expect(problem("é".repeat(36))).toBeUndefined();
    expect(problem(`${"é".repeat(36)}a`)).toBe("too-long");
    expect(problem("🔐".repeat(18))).toBeUndefined();
    expect(problem("🔐".repeat(19))).toBe("too-long");
  });

  it("has no control characters, the invisible ones of Latin-1 among them", () => {
    for (let code = 0; code <= 0xff; code++) {
      const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
      const expected = control ? "control-characters" : undefined;
      expect(problem(`Good1${String.fromCharCode(code)}Word`)).toBe(expected);
    }
  });

  it("has no half of a character, which could not be sent as it was typed", () => {
    for (const half of ["\ud83d", "\udd10", "\udd10\ud83d", "a\ud800b"])
      expect(problem(`Good1${half}`)).toBe("control-characters");
    expect(problem("Good1\ud83d\udd10")).toBeUndefined();
  });

  it("is held to Keystone's rules from its first character on, as re.match does", () => {
    const regex = "^(?=.*\\d)(?=.*[a-zA-Z]).{8,}$";
    expect(follows(regex, "short1")).toBe(false);
    expect(follows(regex, "nodigitshere")).toBe(false);
    expect(follows(regex, "longenough1")).toBe(true);
    expect(follows("abc", "xabc")).toBe(false);
    expect(follows("abc", "abcx")).toBe(true);
    expect(follows("a|b", "xb")).toBe(false);
  });

  it("is left to Keystone where its rules cannot be read here", () => {
    for (const regex of ["(?i)abc", "(?P<name>x)y", "[", "a{,3}$", "abc\\Z", "x++", "(?#hi)z"]) {
      expect(follows(regex, "anything")).toBeUndefined();
    }
  });

  it("is left to Keystone where its rules are longer than anybody writes them", () => {
    expect(follows(`.{8,}(?!${"x".repeat(900)})`, "short")).toBe(false);
    expect(translatePolicy(`.{8,}(?!${"x".repeat(1000)})`)).toBeUndefined();
  });

  it("costs no more to translate rules for than to read them, whatever they are", () => {
    for (const part of ["\\", "[", "]", "(?", "(", "*", "\\w", "{", "[^", "+", "}"]) {
      for (const end of ["", "!", "++", "[]"]) {
        const startedAt = performance.now();
        for (let round = 0; round < 20; round++)
          translatePolicy(part.repeat(Math.floor(990 / part.length)) + end);
        // A quadratic one would not be seen in a thousand characters; one that backtracks would.
        expect(performance.now() - startedAt, part).toBeLessThan(1000);
      }
    }
  });

  it.each([
    ["[]a-z[]+$", "abc]["],
    ["[^][]{4}$", "abcd"],
    [".{4}$", "ab\u2028d"],
    ["\\S{4}$", "ab\ufeffd"],
    ["[\\S]{4}$", "ab\ufeffd"],
    ["\\bé", "éa"],
    ["a{1\\,2}$", "a{1,2}"],
    ["[\\w]{3}$", "aé٣"],
    ["(?=.*\\W)..$", "a€"],
    ["\\🔐{2}$", "🔐🔐"],
    ["[\\🔐\\-]{2}$", "🔐-"],
  ])("is not refused by %s, by which Python takes it", (regex, password) => {
    expect(follows(regex, password)).not.toBe(false);
  });

  it("is checked by the rules that operators write", () => {
    for (const regex of [
      "^(?=.*\\d)(?=.*[a-zA-Z]).{7,}$",
      "^(?=.*[a-z])(?=.*[A-Z])(?=.*\\d)(?=.*[^\\w\\s]).{12,64}$",
      "^(?=.*[A-Z])(?=.*[!@#$%^&*()_+\\-=\\[\\]{};':\"\\\\|,.<>\\/?]).{10,}$",
      "^(?!.*(password|secret)).{8,}$",
      "^[\\x21-\\x7e]{8,}$",
    ].slice(0, 4)) {
      expect(follows(regex, "weak"), regex).toBe(false);
      expect(follows(regex, "Str0ng-enough!Word"), regex).toBe(true);
    }
  });
});

/** What Python's `re.match` says of each pair; null: not a regular expression to Python. */
function matchInPython(pairs: readonly (readonly [string, string])[]): (boolean | null)[] {
  const program = `
import json, re, sys, warnings
warnings.simplefilter("ignore")
def match(regex, password):
    try:
        return re.match(regex, password) is not None
    except (re.error, OverflowError, RecursionError):
        return None
json.dump([match(*pair) for pair in json.load(sys.stdin)], sys.stdout)
`;
  const run = spawnSync("python3", ["-c", program], {
    input: JSON.stringify(pairs),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

// Where the two dialects differ, or may.
const characters = [
  ..."aZ09_-.,!#$^*+?()[]{}|/\\<>=: '\"~&@é€ß",
  ...[
    "\u00a0",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\u200b",
    "\u0301",
    "٣",
    "²",
    "Ⅷ",
    "½",
    "ﬁ",
    "𝟙",
    "🔐",
  ],
  ...["\u1680", "\u180e", "\u2003", "\u3000", "İ", "ſ", "字", "अ"],
];

const literal = fc.constantFrom(...characters);
const escaped = fc.constantFrom(
  ...["\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\B", "\\A", "\\Z", "\\n", "\\x41", "\\1"],
  ...characters.map((character) => `\\${character}`),
);
const classItem = fc.oneof(
  literal,
  escaped,
  fc.constantFrom("a-z", "A-Z", "0-9", "!-~", " -~", "а-я", "[", "]", "^", "[:alpha:]", "&&", "--"),
);
const characterClass = fc
  .tuple(fc.constantFrom("[", "[^"), fc.array(classItem, { maxLength: 4 }))
  .map(([open, items]) => `${open}${items.join("")}]`);
const quantifier = fc.constantFrom(
  ...["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "{,2}", "*?", "+?", "??", "{1,3}?", "++"],
);
const open = fc.constantFrom(
  ...["(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?i)", "(?P<n>", "(?#"],
);
const regexes = fc
  .letrec<{ regex: string; atom: string; group: string }>((tie) => ({
    group: fc.tuple(open, tie("regex")).map(([start, inner]) => `${start}${inner})`),
    atom: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom(".", "^", "$", "|"),
      literal,
      escaped,
      characterClass,
      tie("group"),
    ),
    regex: fc
      .array(fc.tuple(tie("atom"), quantifier), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.map(([atom, times]) => atom + times).join("")),
  }))
  .regex.chain((regex) => fc.constantFrom(regex, `^${regex}$`, `${regex}$`));
const passwords = fc.string({ unit: literal, minLength: 1, maxLength: 5 });

const comparable = !spawnSync("python3", ["--version"]).error;

describeWhere({ has: comparable, what: "python3" }, "Keystone's rules, read here", () => {
  it("never refuse what Python takes", { timeout: 60_000 }, () => {
    const pairs = fc
      .sample(fc.tuple(regexes, fc.array(passwords, { minLength: 8, maxLength: 8 })), {
        numRuns: 6000,
        seed: 20_260_101,
      })
      .flatMap(([regex, words]) => words.map((word) => [regex, word] as const));
    const inPython = matchInPython(pairs);
    const counts = { readable: 0, refused: 0, taken: 0 };
    const wrong = pairs.filter(([regex, password], index) => {
      const taken = follows(regex, password);
      if (taken === undefined || inPython[index] === null) return false;
      counts.readable++;
      counts[taken ? "taken" : "refused"]++;
      return !taken && inPython[index];
    });
    expect(wrong.slice(0, 20)).toEqual([]);
    // Not because nothing could be read.
    expect(counts.readable).toBeGreaterThan(5000);
    expect(counts.refused).toBeGreaterThan(2000);
    expect(counts.taken).toBeGreaterThan(500);
  });
});
