import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { request } from "undici";
import { measure } from "../measure";
import { atMost, INITIAL, type Part, PIN } from "../stage";

/** What the page of a link weighs on the wire, and how long it takes. */
export const measurePortal: Part = async (stage) => {
  const { say } = stage;
  say("\nThe portal page");
  const server = await stage.startSetpass(await stage.postgres.createDatabase("setpass_portal"));
  const token = await stage.put(server.url, "page-user", { password: INITIAL, pin: PIN });
  const page = await weighPage(`${server.url}/?token=${token}`);
  const whole = await measure({ count: 200, concurrency: 1, warmUp: 20 }, () =>
    stage.call(`${server.url}/?token=${token}`, { method: "GET", expect: 200 }),
  );
  await server.stop();
  const everything = page.plain + page.script + page.lazy;
  say(`  HTML and CSS, compressed     ${kilobytes(page.plain)} (${page.files} files)`);
  say(`  with its script              ${kilobytes(page.plain + page.script)}`);
  say(`  and the strength hint        ${kilobytes(everything)} (on the first letter typed)`);
  say(`  whole answer, one at a time  median ${whole.medianMs.toFixed(1)} ms`);
  const shown = { digits: 1, unit: "KB" };
  return [
    atMost(15, { ...shown, what: "the portal without JavaScript", value: page.plain / 1000 }),
    atMost(90, { ...shown, what: "the portal with everything", value: everything / 1000 }),
  ];
};

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;

/** Bytes on the wire, as a browser that takes brotli gets them. */
async function weighPage(url: string) {
  const base = new URL(url).origin;
  const html = await fetchCompressed(url);
  const stylesheets = [...html.text.matchAll(/<link[^>]+href="([^"]+\.css)"/g)].map(
    ([, href]) => href,
  );
  const scripts = [...html.text.matchAll(/<script[^>]+src="([^"]+)"/g)].map(([, src]) => src);
  let plain = html.bytes;
  for (const href of stylesheets)
    plain += (await fetchCompressed(new URL(href as string, base).href)).bytes;
  let script = 0;
  const seen = new Set<string>();
  const lazyFiles: string[] = [];
  for (const src of scripts) {
    const file = await fetchCompressed(new URL(src as string, base).href);
    script += file.bytes;
    lazyFiles.push(...importsOf(file.text, new URL(src as string, base)));
  }
  let lazy = 0;
  for (let next = lazyFiles.pop(); next; next = lazyFiles.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const file = await fetchCompressed(next);
    lazy += file.bytes;
    lazyFiles.push(...importsOf(file.text, new URL(next)));
  }
  return { plain, script, lazy, files: 1 + stylesheets.length };
}

/** Addresses of the modules a built script imports, at once or later, and of its workers. */
const importsOf = (text: string, from: URL): string[] =>
  // A worker's too, which is named by its whole path.
  [...text.matchAll(/(?:import\(|from|import|new URL\()\s*["'`](\.{0,2}\/[^"'`]+\.js)["'`]/g)].map(
    ([, path]) => new URL(path as string, from).href,
  );

async function fetchCompressed(url: string): Promise<{ bytes: number; text: string }> {
  const answer = await request(url, { headers: { "Accept-Encoding": "br, gzip" } });
  const body = Buffer.from(await answer.body.arrayBuffer());
  const encoding = answer.headers["content-encoding"];
  const plain =
    encoding === "br" ? brotliDecompressSync(body) : encoding === "gzip" ? gunzipSync(body) : body;
  return { bytes: body.length, text: plain.toString("utf8") };
}
