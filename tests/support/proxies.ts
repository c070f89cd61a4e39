/**
 * Real proxies in front of real servers, configured by the very lines that docs/operating.md gives to
 * operators: so those cannot rot.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endWithParent } from "../../demo/end-with-parent";
import { getFreePort } from "./free-port";
import { makeSelfSignedCertificate } from "./self-signed-certificate";

export interface RunningProxy {
  /** `https://127.0.0.1:port`, with a certificate that nobody trusts. */
  readonly url: string;
  readonly port: number;
  /** What it logged, of requests and of errors. */
  accessLog(): Promise<string>;
  errorLog(): Promise<string>;
  stop(): Promise<void>;
}

/** @returns the one block of docs/operating.md in that language */
async function linesOfDocs(language: "nginx" | "haproxy"): Promise<string> {
  const file = path.resolve(import.meta.dirname, "../../docs/operating.md");
  const text = await readFile(file, "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(
    ([, name]) => name === language,
  );
  if (blocks.length !== 1) throw new Error(`docs/operating.md has ${blocks.length} of ${language}`);
  return blocks[0]?.[2] as string;
}

/** Only what a machine has of its own: ports, and files. @throws Error where the docs have no such thing */
function adapt(text: string, changes: readonly (readonly [string, string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`docs/operating.md lacks ${from}`);
    return before.replaceAll(from, to);
  }, text);
}

/** Debian's `nginx-light` and `haproxy`. */
export const hasProxies = () =>
  ["/usr/sbin/nginx", "/usr/sbin/haproxy"].every((program) => existsSync(program));

/**
 * @param port PUBLIC_URL's
 * @param targetPort where the server listens, or will
 */
export async function startNginx(port: number, targetPort: number): Promise<RunningProxy> {
  const { folder, certificate, key } = await prepare();
  const site = adapt(await linesOfDocs("nginx"), [
    ["listen 443 ssl", `listen 127.0.0.1:${port} ssl`],
    ["/etc/nginx/setpass.crt", certificate],
    ["/etc/nginx/setpass.key", key],
    ["/var/log/nginx/", `${folder}/`],
    ["127.0.0.1:3000", `127.0.0.1:${targetPort}`],
  ]);
  return runNginx({ folder, port }, ["setpass-error.log"], ["setpass.log"], site);
}

/**
 * An nginx before a Keystone, as it ends connections: those that nobody used for a while, and the call it does not like,
 * without an answer. Its log has a line for each call: the number of its connection, the request id, the call.
 *
 * @param keystone.idleMs after how long
 * @param keystone.cutMethod the calls it cuts
 */
export async function startNginxBeforeKeystone(keystone: {
  url: string;
  idleMs: number;
  cutMethod: string;
}): Promise<RunningProxy & { plainUrl: string }> {
  const port = await getFreePort();
  const { folder } = await prepare();
  const proxy = await runNginx(
    { folder, port },
    [],
    ["keystone.log"],
    `log_format calls '$connection $http_x_openstack_request_id $request_method $uri $status';
    server {
      listen 127.0.0.1:${port};
      access_log ${folder}/keystone.log calls;
      keepalive_timeout ${keystone.idleMs}ms;
      if ($request_method = ${keystone.cutMethod}) { return 444; }
      location / { proxy_pass ${keystone.url}; }
    }`,
  );
  return { ...proxy, plainUrl: `http://127.0.0.1:${port}` };
}

async function runNginx(
  { folder, port }: { folder: string; port: number },
  errorLogs: string[],
  accessLogs: string[],
  site: string,
): Promise<RunningProxy> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  // As Debian's nginx.conf has it, but as whoever runs the tests, and in the foreground.
  const whole = `
    ${process.getuid?.() === 0 ? "user root;" : ""}
    daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log ${folder}/error.log error;
    events { worker_connections 768; }
    http { access_log ${folder}/access.log; ${temporary} ${site} }`;
  const file = path.join(folder, "nginx.conf");
  await writeFile(file, whole);
  const read = (names: string[]) =>
    Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8"))).then((texts) =>
      texts.join(""),
    );
  return run("/usr/sbin/nginx", ["-c", file, "-e", path.join(folder, "start.log")], {
    ...{ folder, port },
    accessLog: () => read([...accessLogs, "access.log"]),
    errorLog: () => read([...errorLogs, "error.log", "start.log"]),
  });
}

/**
 * @param port PUBLIC_URL's
 * @param targetPorts where the three replicas listen, or will
 */
export async function startHaproxy(
  port: number,
  targetPorts: readonly number[],
): Promise<RunningProxy> {
  const { folder, certificate, key } = await prepare();
  const pem = path.join(folder, "setpass.pem");
  await writeFile(pem, (await readFile(certificate, "utf8")) + (await readFile(key, "utf8")));
  const [one, two, three] = targetPorts;
  const config = adapt(await linesOfDocs("haproxy"), [
    ["log /dev/log local0", "log stdout format raw local0"],
    ["bind :443", `bind 127.0.0.1:${port}`],
    ["/etc/haproxy/setpass.pem", pem],
    ["192.0.2.11:3000", `127.0.0.1:${one}`],
    ["192.0.2.12:3000", `127.0.0.1:${two}`],
    ["192.0.2.13:3000", `127.0.0.1:${three}`],
  ]);
  const file = path.join(folder, "haproxy.cfg");
  await writeFile(file, config);
  const output = { text: "" };
  return run("/usr/sbin/haproxy", ["-db", "-f", file], {
    ...{ folder, port, output },
    accessLog: async () => output.text,
    errorLog: async () => output.text,
  });
}

async function prepare() {
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-proxy-"));
  const [certificate, key] = [path.join(folder, "proxy.crt"), path.join(folder, "proxy.key")];
  const made = makeSelfSignedCertificate();
  await writeFile(certificate, made.certificate);
  await writeFile(key, made.key);
  return { folder, certificate, key };
}

async function run(
  program: string,
  args: string[],
  proxy: {
    folder: string;
    port: number;
    output?: { text: string };
    accessLog(): Promise<string>;
    errorLog(): Promise<string>;
  },
): Promise<RunningProxy> {
  const { folder, port, output = { text: "" }, accessLog, errorLog } = proxy;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  endWithParent(child, { signal: "SIGTERM" });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output.text += text;
    });
  const giveUpAt = Date.now() + 10_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      child.kill("SIGKILL");
      throw new Error(`${program} does not start:\n${output.text}`);
    }
    await sleep(20);
  }
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    accessLog,
    errorLog,
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await closed;
}

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
