import { existsSync, readdirSync, readFileSync } from "node:fs";
import { METHODS } from "node:http";
import { connect } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { readBuiltRoutes } from "../support/built-routes";
import {
  ask,
  type Exchange,
  exchangeBytes,
  type RawAnswer,
  type RawRequest,
  requestBytes,
} from "../support/raw-http";
import { type Stack, startStack } from "../support/stack";

const isLong = process.env.SETPASS_LONG === "1";
const PIN = "4071";
const MAX_BODY = 64 * 1024;
/** The server's own: headers within 10 s, a whole request within 30 s, looked at every 2 s; and slack. */
const HEADERS_WITHIN_MS = 10_000 + 2_000 + 6_000;
const REQUEST_WITHIN_MS = 30_000 + 2_000 + 6_000;

let stack: Stack;
let port: number;
/** What opens doors, so that bad input gets as deep as it can: a session, a token, a pending link. */
let cookie: string;
let authToken: string;
let linkToken: string;
/** The console's address of that link. */
let linkId: string;
let routes: string[];
let slowClients: Promise<SlowClient[]>;

beforeAll(async () => {
  stack = await startStack({
    keystone: "sandbox",
    sandboxKeystone: { users: [{ id: "jane", name: "jane", password: "Initial-1" }] },
    postgresUrl: inject("postgresUrl"),
    env: { MAX_ATTEMPTS: "100", MAX_PIN_GUESSES: "1000", DATABASE_POOL_SIZE: "10" },
  });
  port = stack.server.port;
  authToken = await stack.keystone.token();
  slowClients = sendSlowly();
  slowClients.catch(() => {}); // where the test that waits for them is not run
  routes = [
    ...new Set((await readBuiltRoutes()).map((route) => route.path)),
    ...["/healthz", "/readyz", "/assets/x.js", "/__manifest", "/favicon.ico"],
  ];
});

/** Bad input may well sign out, or revoke. */
beforeEach(async () => {
  linkToken = await issueLink();
  const { adminUserName, adminPassword } = stack.keystone;
  const answer = await form("/admin/sign-in", {
    user_name: adminUserName,
    password: adminPassword,
    domain: "Default",
  });
  cookie = answer.headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
  expect(cookie).not.toBe("");
  const list = await ask({ target: "/admin", headers: signedIn() }, { port });
  linkId = /\/admin\/links\/([0-9a-f-]{36})/.exec(list.body)?.[1] ?? "";
  expect(linkId).not.toBe("");
});

afterAll(() => stack?.stop());

/** Whatever a test did: no error of ours was logged, nothing wrote past the log, and the server answers. */
let logRead = 0;
afterEach(async () => {
  const health = await ask({ target: "/healthz" }, { port, timeoutMs: 2000 });
  expect(health).toMatchObject({ status: 200, body: "ok\n" });
  const said = stack.server.logs().slice(logRead);
  logRead += said.length;
  const alarming = said
    .split("\n")
    .filter((line) => line !== "" && !/^\{"level":"(info|warn|debug)",.*\}$/.test(line));
  expect(alarming).toEqual([]);
});

async function issueLink(): Promise<string> {
  const answer = await ask(
    {
      method: "PUT",
      target: "/token/jane",
      headers: [["X-Auth-Token", authToken]],
      body: JSON.stringify({ pin: PIN, password: "Initial-1" }),
    },
    { port },
  );
  expect(answer.status).toBe(200);
  return answer.body;
}

const FORM: [string, string] = ["Content-Type", "application/x-www-form-urlencoded"];
const ownOrigin = (): [string, string] => ["Origin", stack.url];

function form(target: string, fields: Record<string, string>): Promise<RawAnswer> {
  const body = new URLSearchParams(fields).toString();
  return ask({ method: "POST", target, headers: [FORM, ownOrigin()], body }, { port });
}

const STACK_TRACE =
  /\n\s+at |^\s*at \S+ \(|node_modules|node:internal|file:\/\/\/|\.server\.ts|build\/(server|process)|(Type|Reference|Range|Syntax)Error\b|Failed query|insert into |select "|PostgresError|DrizzleQueryError/m;

/** @returns what is wrong with an answer to bad input, or undefined */
function findFault({ status, headers, body }: RawAnswer): string | undefined {
  if (!(status >= 200 && status < 500)) return `status ${status}`;
  const trace = STACK_TRACE.exec(body);
  if (trace) return `its body tells of our inside: ${trace[0].trim()}`;
  const isHtml = headers["content-type"]?.some((type) => type.startsWith("text/html"));
  if (isHtml && body.includes(MARKUP)) return "what was sent stands in the page unescaped";
  for (const name of ["x-powered-by", "server"]) if (headers[name]) return `it has ${name}`;
  if (Object.keys(headers).some((name) => name.startsWith("x-planted"))) return "a planted header";
  return undefined;
}

/** Shows up in an answer as it is only where nobody escaped it. */
const MARKUP = "<script>planted()</script>";

/** What a file is known by wherever it turns up: its three longest lines, or what there is of them. */
const linesToKnow = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim().slice(0, 200))
    .sort((one, other) => other.length - one.length)
    .slice(0, 3)
    .filter((line) => line.length >= 12);

/** Counts what was tried and what held, for the line each test prints. */
class Tally {
  tried = 0;
  readonly faults: string[] = [];

  constructor(readonly what: string) {}

  add(asked: RawRequest | string, fault: string | undefined): void {
    this.tried += 1;
    if (fault) this.faults.push(`${describeRequest(asked)}: ${fault}`);
  }

  /** Prints the counts. @throws where something did not hold */
  end(): void {
    const held = this.tried - this.faults.length;
    process.stdout.write(`bad input: ${this.what}: ${this.tried} tried, ${held} held\n`);
    expect(this.faults.slice(0, 10)).toEqual([]);
  }
}

function describeRequest(asked: RawRequest | string): string {
  if (typeof asked === "string") return asked;
  const { method = "GET", target, headers = [], body = "" } = asked;
  const text = `${method} ${target} ${JSON.stringify(headers)} ${JSON.stringify(body.toString("latin1" as never))}`;
  return text.slice(0, 400);
}

/**
 * Sends each, a few at a time, and looks at its one answer.
 *
 * @param options.findFault what is wrong with an answer, where it is not only what always would be
 */
async function tryAll(
  tally: Tally,
  requests: readonly RawRequest[],
  options: { atOnce?: number; findFault?: (answer: RawAnswer) => string | undefined } = {},
): Promise<void> {
  const { atOnce = 8, findFault: look = findFault } = options;
  const rest = [...requests];
  const worker = async () => {
    for (let request = rest.shift(); request; request = rest.shift()) {
      try {
        const { answers, closed } = await exchangeBytes([requestBytes(request)], { port });
        const [answer] = answers;
        const fault = !closed
          ? "no end after 15 s"
          : answers.length > 1
            ? "more than one answer"
            : answer && look(answer);
        tally.add(request, answer || isTunnel(request) ? fault : (fault ?? "no answer"));
      } catch (error) {
        tally.add(request, String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Node hangs up on CONNECT, which is for proxies. */
const isTunnel = ({ method }: RawRequest) => method === "CONNECT";

/** Puts a value in each parameter's place; a splat takes it as it is. */
const fill = (route: string, value: string) => route.replace(/:\w+|\*/g, () => value);

/** All of them in the long form; a quarter of them, always the same, in the short one. */
const some = <T>(all: readonly T[]) => (isLong ? all : all.filter((_, index) => index % 4 === 0));

const signedIn = (): [string, string][] => [["Cookie", cookie], ownOrigin()];

describe("whatever is asked", () => {
  it("no method on any route is answered with an error of ours", async () => {
    const tally = new Tally("methods on every route");
    const methods = [...METHODS, "FOO", "get", "GE T", "GET\t", "G\0T", "\xff", "PRI"];
    const targets = routes.map((route) => fill(route, "x"));
    const all = targets.flatMap((target) =>
      methods.map((method): RawRequest => ({ method, target, headers: signedIn() })),
    );
    await tryAll(tally, some(all));
    tally.end();
  });

  it("no address is answered with an error of ours", async () => {
    const tally = new Tally("addresses");
    const inPath = [
      ...["%zz", "%", "%0", "%00", "a%00b", "%0d%0aX-Planted:%201", "%2e%2e", "%2e%2e%2f%2e%2e"],
      ...[
        "..",
        "../..",
        ".",
        "%c0%af",
        "%ff%fe",
        "%ed%a0%80",
        "%F0%9F%98%80",
        "%25%32%66",
        "a%2fb",
      ],
      ...["a%5cb", "a\\b", "a;b=c", "a.data", "_root.data", ".data", "..data", "constructor"],
      ...["__proto__", "toString", "a".repeat(64), "a".repeat(65), "a".repeat(8000)],
      ...["a/".repeat(2000), "%41".repeat(2000), "null", "-1", "1e999", "'%20or%201=1--"],
      ...["$%7B7*7%7D", encodeURIComponent(MARKUP)],
    ];
    const inQuery = [
      ...[
        "",
        "?",
        "&&&",
        "=",
        "%",
        "%zz",
        "%00",
        "a[b]=c",
        "a[]=1&a[]=2",
        "__proto__[x]=1",
        "index",
      ],
      ...["index=1&index=2", "token=", `token=${"a".repeat(8000)}`, "token=%00", "token=%ff"],
      ...["token[]=x", "token=a&token=b", "_data=root", "_data", "_d%61ta=x", "_routes="],
      ...["_routes=root,nope,__proto__", "p=/&version=x", `p=${"/a".repeat(1000)}`, "next=//x"],
      ...["q=%00", "q=%ed%a0%80", "q=%25_%5c", "page=-1", "page=99999", "page=1e3", "sort=x"],
      ...[
        "status=__proto__",
        "domain=%00",
        "request=%00",
        "request=x",
        encodeURI(`next=${MARKUP}`),
      ],
    ];
    const whole = [
      ...["*", "//", "//evil.example", "///", "/\\evil.example", "http://evil.example/reset"],
      ...[
        "https://evil.example:99999/",
        "http://",
        "http://[/",
        "http://[::1]:0/admin",
        "x:/",
        "x",
      ],
      ...[
        "ftp://evil.example/",
        "javascript:alert(1)",
        "/ ",
        "/\t",
        "/\u00e9",
        "/\x7f",
        "/\0",
        "?",
      ],
      ...["/.%00/", "/%2f%2fevil.example", "/a?b?c#d?e", `/${"?".repeat(5000)}`, "/.well-known/x"],
      ...[
        "/.git/config",
        "/.env",
        "/../package.json",
        "/..%2f..%2fserver.ts",
        "/%2e%2e/%2e%2e/etc",
      ],
      ...["/assets/../server.ts", "/assets/%2e%2e/%2e%2e/package.json", "/assets/..%2f..%2fserver"],
      ...["/assets/", "/assets", "/assets/.vite/manifest.json", "/server/index.js", "/index.html"],
      ...[
        "/#a",
        "/#?_data=x",
        "/reset#",
        "/\\",
        "/%5c",
        "/%5C%20x",
        "/%5c:99999",
        "/%5c%5b",
        "/%2f%5c",
      ],
    ];
    const targets = routes.flatMap((route) => [
      ...inPath.flatMap((part) => [fill(route, part), `${fill(route, "x")}/${part}`]),
      ...inQuery.map((query) => `${fill(route, "x")}?${query}`),
    ]);
    const all = [...some([...new Set(targets)]), ...whole];
    await tryAll(
      tally,
      all.flatMap((target, index): RawRequest[] => {
        const headers = signedIn();
        const get: RawRequest = { target, headers };
        const post = { ...get, method: "POST", headers: [...headers, FORM], body: "intent=revoke" };
        const head = { ...get, method: "HEAD" };
        return isLong ? [get, post, head, { target }] : [index % 2 === 0 ? get : post];
      }),
    );
    tally.end();
  });

  it("no file is served that is not an asset, however its path is spelt, and no list of files", async () => {
    const tally = new Tally("paths of files");
    const root = path.resolve(import.meta.dirname, "../..");
    const names = [
      ...["package.json", "package-lock.json", ".env", ".env.example", ".git/config", ".git/HEAD"],
      ...[
        "server.ts",
        "app/config/config.server.ts",
        "db/schema.ts",
        "db/migrations/meta/_journal.json",
      ],
      ...["build/server/index.js", "build/process/server.js", "build/.vite/client-manifest.json"],
      ...["node_modules/express/package.json", "README.md"],
      "/etc/passwd",
    ];
    const files = names.filter((name) => existsSync(path.resolve(root, name)));
    for (const file of ["package.json", "server.ts", "build/server/index.js", ".env.example"])
      expect(files).toContain(file);
    const linesOf = (file: string) => linesToKnow(readFileSync(file, "utf8"));
    const known = new Map(files.map((file) => [file, linesOf(path.resolve(root, file))]));
    const leakIn = ({ body }: RawAnswer) =>
      [...known].find(([, lines]) => lines.some((line) => body.includes(line)))?.[0];

    // What is served shows that a file would be known by its lines.
    const assets = path.join(root, "build/client/assets");
    for (const asset of readdirSync(assets).slice(0, 3)) {
      const lines = linesOf(path.join(assets, asset));
      const answer = await ask({ target: `/assets/${asset}` }, { port });
      expect([asset, answer.status, lines.every((line) => answer.body.includes(line))]).toEqual([
        ...[asset, 200, true],
      ]);
      expect(leakIn(answer)).toBeUndefined();
    }

    const dots = ["..", "%2e%2e", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "..%00", "...", "..;"];
    const slashes = ["/", "%2f", "\\", "%5c", "%252f", "//", "%c0%af"];
    const bases = ["/", "/assets/", "/assets/x/", "/build/", "/build/client/", "/admin/"];
    const climbing = names.flatMap((file) =>
      bases.flatMap((base) =>
        dots.flatMap((dot) =>
          slashes.flatMap((slash) =>
            // Three lead from the assets to the root; more do no harm.
            [1, 2, 3, 5, 9].map((levels) => {
              const inside = file.replace(/^\//, "").replaceAll("/", slash);
              return `${base}${`${dot}${slash}`.repeat(levels)}${inside}`;
            }),
          ),
        ),
      ),
    );
    const plain = names.flatMap((file) => {
      const absolute = path.resolve(root, file);
      const spelt = [file, absolute, `file://${absolute}`, encodeURIComponent(absolute)];
      const named = spelt.flatMap((name) => ["/", "/assets/", "//"].map((base) => base + name));
      const ends = ["", "?.css", "%00.css", "%23.css", "/", "/.", ".data", "%20", "::$DATA", "~"];
      return named.flatMap((target) => ends.map((end) => target + end));
    });
    const folders = [
      "/assets",
      "/assets/",
      "/assets/.",
      "/assets//",
      "/assets/%2e/",
      "/build",
    ].concat(["/build/", "/build/client/", "/app/", "/db/migrations/", "/node_modules/", "/.git/"]);
    const isPlainClimb = (target: string) => /^\/assets\/(\.\.\/|%2e%2e%2f){3}[^.%]/.test(target);
    const targets = [
      ...folders,
      ...plain,
      ...climbing.filter((target, at) => isLong || at % 9 === 0 || isPlainClimb(target)),
    ];
    expect(targets).toContain("/assets/../../../package.json");
    const statuses = new Set<number>();
    await tryAll(
      tally,
      targets.map((target) => ({ target })),
      {
        findFault(answer) {
          statuses.add(answer.status);
          const leak = leakIn(answer);
          if (leak) return `it holds ${leak}`;
          return [400, 404].includes(answer.status) ? undefined : `status ${answer.status}`;
        },
      },
    );
    expect(statuses).toContain(404);
    tally.end();
  });

  it("no header is answered with an error of ours", async () => {
    const tally = new Tally("headers");
    const long = "a".repeat(8000);
    const inHeader = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
      .filter((character) => character === "\t" || /[^\p{Cc}]/u.test(character))
      .join("");
    const name = cookie.split("=")[0] ?? "";
    const session = (value: string): [string, string] => ["Cookie", `${name}=${value}`];
    const base64 = (text: string) => encodeURIComponent(Buffer.from(text).toString("base64"));
    const headers: [string, string][][] = [
      ...[
        ...[
          "%",
          "%zz",
          "====",
          "e30=",
          "\x80\xff",
          "a b",
          '"',
          "\\",
          long,
          "",
          ";;;",
          "=",
          "a=b=c",
        ],
        ...[base64("{"), base64("null"), base64("[]"), base64('{"__proto__":1}'), base64("1e999")],
        ...[
          base64('"\\ud800"'),
          base64('"\\u0000"'),
          base64(`"${"x".repeat(5000)}"`),
          base64('""'),
        ],
      ].map((value) => [session(value)]),
      [["Cookie", `${name}; ${name}=; =x; ${name}=%; __proto__=x; constructor=y`]],
      [["Cookie", long]],
      [session("x"), session("y")],
      ...[
        "*",
        "text/html;q=NaN",
        "application/json;q=",
        ",,,",
        "a/b/c",
        "\xff/\xff",
        long,
        ";",
      ].map((value): [string, string][] => [
        ["Accept", value],
        ["Accept-Language", value],
        ["Accept-Encoding", value],
      ]),
      ...["*;q=0", "identity;q=0", "gzip, br, \xff", "br;q=9", ", ,", "deflate"].map(
        (value): [string, string][] => [["Accept-Encoding", value]],
      ),
      ...["", "x", "-1", "999.999.999.999", "::ffff:1.2.3.4", "[::1]:80", "unknown", "'", long].map(
        (value): [string, string][] => [
          ["X-Forwarded-For", value],
          ["X-Forwarded-Host", value],
          ["X-Forwarded-Proto", value],
          ["X-Forwarded-Port", value],
          ["X-Real-IP", value],
          ["Forwarded", `for=${value};host=${value};proto=${value}`],
        ],
      ),
      [["X-Forwarded-For", Array.from({ length: 2000 }, () => "1.1.1.1").join(",")]],
      ...["", "x", "evil.example:99999", "[", "a b", "\xff", "evil.example/x?y", long].map(
        (value): [string, string][] => [["Host", value]],
      ),
      [
        ["Host", "a"],
        ["Host", "b"],
      ],
      ...["\xe9\xe8", "\u0100", "a b", "a\tb", long, "", "x,y", "null", "gAAAA"].map(
        (value): [string, string][] => [["X-Auth-Token", value]],
      ),
      [
        ["X-Auth-Token", "a"],
        ["X-Auth-Token", "b"],
      ],
      ...["", "null", "x", "//", "http://", "https://[", stack.url.toUpperCase(), long].map(
        (value): [string, string][] => [["Origin", value]],
      ),
      ...[
        "",
        "x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "a/b; charset=x",
        long,
      ].map((value): [string, string][] => [["Content-Type", value]]),
      ...["bytes=0-", "bytes=-1", "bytes=9-1", "x", "bytes=0-1,2-3,4-5"].map(
        (value): [string, string][] => [["Range", value]],
      ),
      ...["x", "*", '"', "Sat, 99 Foo 2026"].map((value): [string, string][] => [
        ["If-None-Match", value],
        ["If-Modified-Since", value],
        ["If-Match", value],
        ["If-Range", value],
      ]),
      [["Expect", "100-continue"]],
      [["Expect", "the unexpected"]],
      [
        ["Upgrade", "websocket"],
        ["Connection", "upgrade, close"],
      ],
      [
        ["Upgrade", "h2c"],
        ["HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"],
        ["Connection", "close, upgrade"],
      ],
      [
        ["X-HTTP-Method-Override", "DELETE"],
        ["X-Original-URL", "/admin"],
        ["X-Rewrite-URL", "/admin"],
      ],
      [["X-Openstack-Request-Id", `req-${MARKUP}`]],
      [
        ["X-Remix-Response", "yes"],
        ["X-Remix-Reload-Document", "true"],
        ["Purpose", "prefetch"],
      ],
      [["User-Agent", "(".repeat(4000)]],
      [["User-Agent", `bot${" bot".repeat(2000)}`]],
      [["Referer", `https://evil.example/${MARKUP}`]],
      [["X-Every-Byte", inHeader]],
      [["X-Control", "a\x01b"]],
      [["X-Nul", "a\0b"]],
      [["X-Folded", "a\r\n b"]],
      [["X-Planted\r\nX", "1"]],
      [["Bad Name", "1"]],
      [["\xff", "1"]],
      [["", "1"]],
      Array.from({ length: 3000 }, (_, index) => [`h${index}`, "1"]),
      Array.from({ length: 90 }, () => ["X-Same", "a".repeat(100)]),
      [["X-Long", "a".repeat(20_000)]],
    ];
    const targets = ["/", `/?token=${linkToken}`, "/reset", "/admin", "/admin/sign-in", "/healthz"];
    await tryAll(
      tally,
      headers.flatMap((given) => [
        ...some(targets).map((target): RawRequest => ({ target, headers: given })),
        { method: "POST", target: "/reset", headers: given, body: "name=x" },
        { method: "PUT", target: "/token/jane", headers: given, body: "{}" },
      ]),
    );
    tally.end();
  });

  it("no request that lies about its length is answered twice, or with an error of ours", async () => {
    const tally = new Tally("lengths that lie");
    const hidden = "GET /admin HTTP/1.1\r\nHost: hidden\r\n\r\n";
    const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
    const bodies: [headers: string, body: string][] = [
      ["Content-Length: 4\r\nTransfer-Encoding: chunked", chunked(hidden)],
      ["Transfer-Encoding: chunked\r\nContent-Length: 4", `0\r\n\r\n${hidden}`],
      ["Content-Length: 0\r\nContent-Length: 44", hidden],
      ["Content-Length: 0, 44", hidden],
      ["Content-Length: +0", hidden],
      ["Content-Length: 0x2c", hidden],
      ["Content-Length: -1", hidden],
      ["Content-Length: 99999999999999999999999", hidden],
      ["Content-Length: 4 4", hidden],
      ["Content-Length : 0", hidden],
      ["Content-Length:\t0\r\n Content-Length: 44", hidden],
      ["Transfer-Encoding: chunked, identity", chunked(hidden)],
      ["Transfer-Encoding: identity, chunked, chunked", chunked(hidden)],
      ["Transfer-Encoding: xchunked", chunked(hidden)],
      ["Transfer-Encoding: chunked\r\nTransfer-Encoding: x", chunked(hidden)],
      ["Transfer-Encoding : chunked", chunked(hidden)],
      ["Transfer-Encoding:\x0bchunked", chunked(hidden)],
      ["Transfer-Encoding: gzip, chunked", chunked(hidden)],
      ["Transfer-Encoding: chunked", `-1\r\n${hidden}`],
      ["Transfer-Encoding: chunked", `fffffffffffffffff\r\n${hidden}`],
      ["Transfer-Encoding: chunked", `4;${"x".repeat(100_000)}\r\nabcd\r\n0\r\n\r\n`],
      ["Transfer-Encoding: chunked", `4\nabcd\n0\n\n${hidden}`],
      ["Transfer-Encoding: chunked", `1\r\nab\r\n0\r\n\r\n${hidden}`],
      ["Transfer-Encoding: chunked", `0\r\nX-Trailer: ${"x".repeat(100_000)}\r\n\r\n`],
      ["Transfer-Encoding: chunked\r\nTrailer: Host", "0\r\nHost: evil.example\r\n\r\n"],
    ];
    const requests = ["POST /reset", "PUT /token/jane", "POST /admin/sign-in", "GET /reset"];
    await Promise.all(
      bodies.flatMap(([headers, body]) =>
        some(requests).map(async (line) => {
          const head = `${line} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${authToken}\r\n`;
          const bytes = Buffer.from(`${head}${headers}\r\n\r\n${body}`, "latin1");
          const { answers } = await exchangeBytes([bytes], { port, timeoutMs: 5000 });
          // The second of two that the server took for two is to be the parser's refusal.
          const [first, ...more] = answers;
          const fault =
            first === undefined
              ? "no answer"
              : (answers.map(findFault).find(Boolean) ??
                (more.some(({ status }) => status !== 400)
                  ? "the hidden request was answered"
                  : ""));
          tally.add(`${line} ${headers}`, fault || undefined);
        }),
      ),
    );
    tally.end();
  });
});

/** `%ED%A0%80` and the like: what JavaScript's own encoder refuses, and attackers do not. */
function percentEncode(text: string): string {
  return [...text]
    .map((character) => {
      const code = character.codePointAt(0) ?? 0;
      const isLone = code >= 0xd800 && code <= 0xdfff;
      const bytes = isLone
        ? Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
        : Buffer.from(character, "utf8");
      return bytes.toString("hex").replace(/../g, "%$&");
    })
    .join("");
}

const asChunks = (body: Buffer) =>
  Buffer.concat([
    Buffer.from(`${body.length.toString(16)}\r\n`),
    body,
    Buffer.from("\r\n0\r\n\r\n"),
  ]);

describe("whatever is sent", () => {
  /** Every form and PUT, as somebody sends them who may. */
  const senders = (): RawRequest[] => [
    { method: "POST", target: `/?token=${linkToken}`, headers: [FORM] },
    { method: "POST", target: "/reset", headers: [FORM] },
    { method: "POST", target: "/admin/sign-in", headers: [FORM] },
    { method: "POST", target: "/admin/users/jane", headers: [FORM, ...signedIn()] },
    { method: "POST", target: "/admin/requests", headers: [FORM, ...signedIn()] },
    { method: "POST", target: `/admin/links/${linkId}`, headers: [FORM, ...signedIn()] },
    { method: "PUT", target: "/token/jane", headers: [["X-Auth-Token", authToken]] },
  ];

  it("a body of up to 64 KiB is read, and one byte more is a 413, however its length is told", async () => {
    const tally = new Tally("sizes of bodies");
    const sizes = [0, 1, MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 2 * MAX_BODY, 1024 * 1024];
    for (const sender of senders()) {
      for (const size of isLong ? sizes : sizes.slice(2)) {
        const isJson = sender.method === "PUT";
        const body = Buffer.from(
          isJson && size > 1 ? `{${" ".repeat(size - 2)}}` : "&".repeat(isJson ? 0 : size),
        );
        const chunked: RawRequest = {
          ...sender,
          headers: [...(sender.headers ?? []), ["Transfer-Encoding", "chunked"]],
          body: asChunks(body),
        };
        for (const request of [{ ...sender, body }, ...(body.length > 0 ? [chunked] : [])]) {
          const answer = await ask(request, { port });
          const tooLarge = body.length > MAX_BODY;
          const wrong = (answer.status === 413) !== tooLarge ? `${answer.status} to ${size}` : "";
          tally.add(`${request.method} ${request.target} ${size}`, findFault(answer) ?? wrong);
        }
      }
    }
    tally.end();
  });

  it("JSON that is not what PUT takes is a 400, whatever it is", async () => {
    const tally = new Tally("JSON bodies");
    const nested = (open: string, close: string, depth: number) =>
      `${open.repeat(depth)}1${close.repeat(depth)}`;
    const wrong: (string | Buffer)[] = [
      ...[
        "{",
        "[]",
        "null",
        "1",
        '"x"',
        "true",
        "{}{}",
        "{,}",
        "{'pin':'1234'}",
        "\0",
        "NaN",
        "//",
      ],
      ...[
        '{"pin":1234}',
        '{"pin":null}',
        '{"pin":["1234"]}',
        '{"pin":{"length":4}}',
        '{"pin":true}',
      ],
      ...['{"pin":""}', '{"pin":"123"}', '{"pin":"12345"}', '{"pin":"12 4"}', '{"pin":" 123"}'],
      ...['{"pin":"\\u0661\\u0662\\u0663\\u0664"}', '{"pin":"123\\n"}', '{"pin":"123\\u0000"}'],
      ...[
        '{"pin":"１２３４"}',
        '{"pin":"-123"}',
        '{"pin":"+123"}',
        '{"pin":"1e10"}',
        '{"pin":"0x12"}',
      ],
      ...['{"password":""}', '{"password":1}', '{"password":{}}', '{"password":"\\u0000"}'],
      ...['{"password":"a\\ud800"}', '{"password":"\\udc00\\ud800"}', '{"password":null}'],
      ...[`{"password":"${"x".repeat(5000)}"}`, nested("[", "]", 30_000)],
      ...[nested('{"pin":', "}", 5000), `{"pin":${nested("[", "]", 30_000)}}`],
      ...['{"pin":"1234","pin":5}', '{"pin":"99999","password":"x","pin":"1"}', "\ufeff{}x"],
      ...[Buffer.from([0xff, 0xfe, 0x7b, 0x00]), Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d])],
      ...[Buffer.from('{"password":"\xed\xa0\x80"}', "latin1"), gzipSync('{"pin":"1234"}')],
    ];
    const harmless = [
      ...["{}", "", " ", '{"__proto__":{"pin":1}}', '{"constructor":{"prototype":{"pin":1}}}'],
      ...['{"toString":1,"hasOwnProperty":null}', `{"x":${nested("[", "]", 30_000)}}`, '{"":0}'],
      ...[`{"${"k".repeat(60_000)}":1}`, '{"pin":"1","pin":"4071"}', "\ufeff{}"],
    ];
    for (const [expected, bodies] of [
      [400, wrong],
      [200, harmless],
    ] as const) {
      for (const body of bodies) {
        const headers: [string, string][] = [["X-Auth-Token", authToken]];
        const request: RawRequest = { method: "PUT", target: "/token/jane", headers, body };
        const answer = await ask(request, { port });
        const unexpected = answer.status === expected ? undefined : `status ${answer.status}`;
        tally.add(request, findFault(answer) ?? unexpected);
      }
    }
    tally.end();
  });

  it("a form that is none is a 4xx, whatever it is", async () => {
    const tally = new Tally("form bodies");
    const boundary = "multipart/form-data; boundary=b";
    const part =
      '--b\r\nContent-Disposition: form-data; name="name"; filename="x"\r\n\r\nx\r\n--b--';
    const typed: [type: string | undefined, body: string | Buffer][] = [
      [boundary, part],
      [boundary, "--b"],
      [boundary, `--b\r\n${"X: y\r\n".repeat(5000)}`],
      ["multipart/form-data", part],
      ["application/json", '{"name":"x"}'],
      ["text/plain", "name=x"],
      ["application/x-www-form-urlencoded; charset=utf-16", Buffer.from("name=x", "utf16le")],
      [undefined, "name=x"],
      [undefined, Buffer.from([0xff, 0xfe, 0xfd])],
    ];
    const bodies: (string | Buffer)[] = [
      ...["=", "&", "===", "%", "%zz", "%%%", "a=%", "a%00=b%00", "\0", "a[b][c]=1", "a[]=1&a[]=2"],
      ...["__proto__=x&constructor=y&toString=z", "__proto__[token]=x", "hasOwnProperty=1"],
      ...["name=a&name=b&email=x@y.z&email=y@x.z&pin=1&pin=2", "index&token=&token=x&_method=PUT"],
      ...["intent=__proto__", "intent=resend&mail_to=%0d%0aBcc:%20x@y.z", "intent=%00", "id=%00"],
      ...[
        "user_name=%00&password=%00&domain=%00&passcode=%00",
        `next=${MARKUP}&user_name=${MARKUP}`,
      ],
      ...["name=%ed%a0%80&email=%ed%a0%80@x.yz&confirm_email=%ed%a0%80@x.yz&pin=1234"],
      ...["name=a%00b&email=a%00b@x.yz&confirm_email=a%00b@x.yz&pin=1234"],
      ...[`name=${percentEncode("\u202e\u2066😀".repeat(90))}&email=x@y.zz&pin=0`],
      ...[`password=${"x".repeat(60_000)}&confirm_password=${"x".repeat(60_000)}`],
      ...[`pin=${PIN}&password=%00&confirm_password=%00`, `pin=${PIN}&password=a%0Ab`],
      ...[`pin=${PIN}&password=%ed%a0%80&confirm_password=%ed%a0%80`],
      ...["pin_from=request&password=keep", "pin=1234&password=typed&initial_password=%00"],
      ...["a=b&".repeat(16_000), `${"k".repeat(60_000)}=v`, "%41".repeat(21_000)],
      ...[Buffer.from("name=\xff\xfe", "latin1"), Buffer.from("name=\xed\xa0\x80", "latin1")],
      gzipSync("name=x&email=x@y.zz"),
    ];
    const requests = senders()
      .filter(({ method }) => method === "POST")
      .flatMap((sender): RawRequest[] => [
        ...bodies.map((body) => ({ ...sender, body })),
        ...typed.map(([type, body]) => ({
          ...sender,
          headers: [
            ...(sender.headers ?? []).filter(([name]) => name !== "Content-Type"),
            ...(type === undefined ? [] : ([["Content-Type", type]] as const)),
          ],
          body,
        })),
        ...["gzip", "br", "deflate", "x"].map((coding) => ({
          ...sender,
          headers: [...(sender.headers ?? []), ["Content-Encoding", coding] as const],
          body: gzipSync("name=x"),
        })),
      ]);
    await tryAll(tally, some(requests));
    tally.end();
  });

  it("the same form sent by many at once is taken each time, and mailed three times", async () => {
    const tally = new Tally("the same reset request at once");
    const fields = { name: "Jane", email: "Jane@example.org", confirm_email: "jane@example.org" };
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => form("/reset", { ...fields, pin: PIN })),
    );
    for (const { status } of answers)
      tally.add("POST /reset", status === 200 ? undefined : `status ${status}`);
    const dump = await stack.dump();
    const requests = dump.slice(dump.indexOf("public.reset_requests")).match(/jane@example\.org/gi);
    expect(requests).toHaveLength(16);
    const table = dump.slice(dump.indexOf("public.mails"));
    const mails = table.slice(0, table.indexOf("public.", 1)).match(/jane@example\.org/gi);
    expect(mails).toHaveLength(3);
    tally.end();
  });

  it("no request made up at random is answered with an error of ours", async () => {
    const tally = new Tally("random requests");
    await fc.assert(
      fc.asyncProperty(fc.array(anyRequest(), { minLength: 6, maxLength: 6 }), async (requests) => {
        const one = new Tally("");
        await tryAll(one, requests);
        tally.tried += one.tried;
        tally.faults.push(...one.faults);
        return one.faults.length === 0;
      }),
      { numRuns: isLong ? 2000 : 40, endOnFailure: !isLong },
    );
    tally.end();
  });

  /** A request with some sense in it: an address there is, fields there are, and values there are not. */
  function anyRequest(): fc.Arbitrary<RawRequest> {
    const oddCharacter = fc.oneof(
      fc.constantFrom(
        "\0",
        "\ud800",
        "\udfff",
        "\u202e",
        "\ufeff",
        "'",
        '"',
        "<",
        "&",
        "%",
        "\\",
        "\n",
      ),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    );
    const text = fc.oneof(
      fc.string({ unit: oddCharacter, maxLength: 20 }),
      fc.string({ unit: oddCharacter, maxLength: 300 }),
      fc.constantFrom(
        MARKUP,
        PIN,
        "jane",
        "keep",
        "typed",
        "random",
        "resend",
        "a@b.cd",
        linkToken,
      ),
    );
    const field = fc.constantFrom(
      ...["token", "pin", "password", "confirm_password", "name", "email", "confirm_email", "next"],
      ...["user_name", "domain", "passcode", "intent", "mail_to", "id", "pin_from", "q", "status"],
      ...["initial_password", "sort", "page", "state", "request", "index", "_routes", "_data", "p"],
    );
    const pairs = fc
      .array(fc.tuple(fc.oneof(field, text), text), { maxLength: 8 })
      .map((all) => all.map((pair) => pair.map(percentEncode).join("=")).join("&"));
    const headerText = fc.string({ unit: "binary", maxLength: 60 }).map((value) =>
      Buffer.from(value)
        .toString("latin1")
        .replace(/[\r\n\0]/g, ""),
    );
    const header = fc.tuple(
      fc.constantFrom("Cookie", "Accept", "Host", "Referer", "X-Forwarded-For", "X-Odd", "Range"),
      headerText,
    );
    const json = fc
      .json({ stringUnit: "binary" })
      .chain((value) => fc.constantFrom(value, `{"pin":${value}}`, `{"password":${value}}`));
    // A session that has ended lets nothing deeper in.
    const known = routes.filter((route) => !route.endsWith("sign-out"));
    return fc
      .record({
        method: fc.constantFrom("GET", "GET", "POST", "POST", "POST", "PUT", "HEAD"),
        route: fc.constantFrom(...known, ...known.map((route) => `${route}.data`)),
        value: text,
        query: pairs,
        headers: fc.uniqueArray(header, { maxLength: 4, selector: ([name]) => name }),
        signedIn: fc.boolean(),
        body: fc.oneof(pairs, json, fc.uint8Array({ maxLength: 200 }).map(Buffer.from)),
      })
      .map(({ method, route, value, query, headers, body, ...given }) => {
        const extra: [string, string][] = [...headers];
        if (given.signedIn && !headers.some(([name]) => name === "Cookie"))
          extra.push(...signedIn());
        if (method === "PUT") extra.push(["X-Auth-Token", authToken]);
        if (method === "POST") extra.push(FORM);
        const target = `${fill(route, percentEncode(value) || "x")}?${query}`;
        return {
          method,
          target,
          headers: extra,
          ...(method === "POST" || method === "PUT" ? { body } : {}),
        };
      });
  }
});

describe("whoever is slow, endless or many", () => {
  it("holds no memory: a burst leaves the process about as large as before", async () => {
    const tally = new Tally("a burst of bodies");
    const filler = Buffer.alloc(MAX_BODY, "a=b&");
    const burst = async (count: number) => {
      const requests = Array.from({ length: count }, (_, index): RawRequest => {
        const [target, body] = [
          ["/reset", filler],
          ["/nowhere", Buffer.alloc(4 * MAX_BODY)],
          ["/admin/sign-in", Buffer.alloc(4 * MAX_BODY, "x")],
          [`/?token=${linkToken}`, filler],
        ][index % 4] as [string, Buffer];
        return { method: "POST", target, headers: [FORM], body };
      });
      await tryAll(tally, requests, { atOnce: 16 });
    };
    await burst(isLong ? 400 : 100); // the heap finds its size
    const before = residentMebibytes();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, residentMebibytes());
    }, 50);
    await burst(isLong ? 8000 : 300);
    clearInterval(watch);
    const after = residentMebibytes();
    process.stdout.write(
      `bad input: resident memory ${before} MiB before the burst, ${most} at most, ${after} after\n`,
    );
    expect(most - before).toBeLessThan(200);
    expect(after - before).toBeLessThan(120);
    tally.end();
  });

  it("is hung up on: a body without end is not read for ever, and not kept", async () => {
    const tally = new Tally("bodies without end");
    const chunk = Buffer.alloc(16 * 1024, "x");
    const asChunk = Buffer.concat([Buffer.from("4000\r\n"), chunk, Buffer.from("\r\n")]);
    const endless = function* (head: string) {
      yield Buffer.from(`${head}\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      for (;;) yield asChunk;
    };
    const form = "Content-Type: application/x-www-form-urlencoded";
    const before = residentMebibytes();
    const heads = [
      `PUT /token/jane HTTP/1.1\r\nX-Auth-Token: ${authToken}`,
      "PUT /token/jane HTTP/1.1",
      `POST /reset HTTP/1.1\r\n${form}`,
      `POST /admin/links/x HTTP/1.1\r\n${form}`,
      `POST /nowhere HTTP/1.1\r\n${form}`,
      "GET /reset HTTP/1.1",
      "DELETE /reset HTTP/1.1",
    ];
    const ends = heads.flatMap((head) =>
      Array.from({ length: isLong ? 20 : 4 }, async () => {
        const end = await exchangeBytes(endless(head), {
          port,
          everyMs: 2,
          timeoutMs: REQUEST_WITHIN_MS + 2000,
        });
        tally.add(head.slice(0, 40), end.closed ? undefined : "never hung up on");
      }),
    );
    await Promise.all(ends);
    expect(residentMebibytes() - before).toBeLessThan(100);
    tally.end();
  });

  it("is hung up on in bounded time, and the others are served meanwhile", async () => {
    const tally = new Tally("slow clients");
    const slowest: number[] = [];
    for (const { what, boundMs, exchange } of await slowClients) {
      const late = exchange.closed && exchange.afterMs <= boundMs ? undefined : "not in time";
      const served = exchange.answers.find(({ status }) => status !== 408 && status !== 400);
      tally.add(what, late ?? (served && `answered with ${served.status}`));
      slowest.push(exchange.afterMs);
    }
    process.stdout.write(
      `bad input: slow clients were hung up on after ${seconds(Math.min(...slowest))} to ${seconds(Math.max(...slowest))}; meanwhile ${probes.length} others were answered, the slowest after ${seconds(Math.max(...probes))}\n`,
    );
    expect(probes.length).toBeGreaterThan(50);
    expect(Math.max(...probes)).toBeLessThan(10_000);
    tally.end();
  });
});

// Node looks twice, 65 s apart, whether bytes still go out: too long for the short form.
if (isLong)
  it("whoever never reads an answer is hung up on as well", { timeout: 300_000 }, async () => {
    const tally = new Tally("clients that read nothing");
    const boundMs = 170_000;
    const page = await ask({ target: "/admin/sign-in" }, { port });
    const script = /"(\/assets\/components-[^"]+\.js)"/.exec(page.body)?.[1] ?? "";
    expect(script).not.toBe("");
    const many = requestBytes({ target: script, headers: [["Connection", "keep-alive"]] });
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect({ port, host: "127.0.0.1" });
        socket.on("error", () => {});
        await new Promise((resolve) => socket.once("connect", resolve));
        socket.pause();
        for (let index = 0; index < 200; index++) socket.write(many);
        return socket;
      }),
    );
    const ports = sockets.map((socket) => socket.localPort ?? 0);
    const startedAt = performance.now();
    while (establishedWith(ports) > 0 && performance.now() - startedAt < boundMs) await sleep(500);
    const left = establishedWith(ports);
    for (const socket of sockets) socket.destroy();
    for (let index = 0; index < ports.length; index++)
      tally.add("reads nothing", index < left ? "still connected" : undefined);
    tally.end();
  });

/** How many of these connections the server still holds open. */
function establishedWith(clientPorts: readonly number[]): number {
  const hex = (number: number) => number.toString(16).toUpperCase().padStart(4, "0");
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return clientPorts.filter((client) =>
    lines.some((line) => line.includes(`:${hex(port)} 0100007F:${hex(client)} 01 `)),
  ).length;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function residentMebibytes(): number {
  const status = readFileSync(`/proc/${stack.server.pid}/status`, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}

interface SlowClient {
  what: string;
  boundMs: number;
  exchange: Exchange;
}

/** How long others waited for their answer while the slow ones were at it. */
const probes: number[] = [];

/** They are at it from the beginning to the end of this file. */
async function sendSlowly(): Promise<SlowClient[]> {
  const drip = function* (head: string, more: string) {
    yield Buffer.from(head);
    for (let index = 0; ; index++) yield Buffer.from(more[index % more.length] ?? "");
  };
  const post = "POST /reset HTTP/1.1\r\nHost: x\r\n";
  const put = `PUT /token/jane HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${authToken}\r\n`;
  const long = "Content-Length: 60000\r\n\r\n";
  const chunked = "Transfer-Encoding: chunked\r\n\r\n";
  const kinds: [what: string, boundMs: number, bytes: () => Iterable<Buffer>][] = [
    ["nothing at all", HEADERS_WITHIN_MS, () => []],
    ["a first line, letter by letter", HEADERS_WITHIN_MS, () => drip("GET /", "a")],
    ["headers, letter by letter", HEADERS_WITHIN_MS, () => drip("GET / HTTP/1.1\r\n", "X: y\r\n")],
    ["half a head", HEADERS_WITHIN_MS, () => [Buffer.from(post)]],
    ["a form, letter by letter", REQUEST_WITHIN_MS, () => drip(post + long, "a=b&")],
    ["a form in chunks", REQUEST_WITHIN_MS, () => drip(post + chunked, "1\r\na\r\n")],
    ["JSON, letter by letter", REQUEST_WITHIN_MS, () => drip(put + long, "{   ")],
    ["half a body", REQUEST_WITHIN_MS, () => [Buffer.from(`${post + long}name=`)]],
  ];
  let over = false;
  const probing = (async () => {
    while (!over) {
      const startedAt = performance.now();
      const answer = await ask({ target: "/reset" }, { port });
      probes.push(answer.status === 200 ? performance.now() - startedAt : Number.POSITIVE_INFINITY);
      await sleep(250);
    }
  })();
  const clients = kinds.flatMap(([what, boundMs, bytes]) =>
    Array.from({ length: isLong ? 100 : 25 }, async (): Promise<SlowClient> => {
      const timeoutMs = boundMs + 5000;
      const exchange = await exchangeBytes(bytes(), { port, everyMs: 700, timeoutMs });
      return { what, boundMs, exchange };
    }),
  );
  const ended = await Promise.all(clients);
  over = true;
  await probing;
  return ended;
}
