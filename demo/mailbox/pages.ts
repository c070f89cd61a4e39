import { createHash } from "node:crypto";

/** What the pages show of a mail. */
export interface MailboxMessage {
  readonly id: string;
  readonly receivedAt: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
}

export const escapeHtml = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (character) =>
      ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[character] ?? "",
  );

const STYLE = `
:root { color-scheme: light dark; --page: #f3f5f8; --card: #fff; --ink: #1b2430; --muted: #586374;
  --line: #dde2e9; --accent: #1a56b0; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181f; --card: #1d232d; --ink: #eef1f5; --muted: #a9b3c1; --line: #343d4b; --accent: #8ab8ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
header, main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; padding-bottom: 0; }
header p { margin: 0; color: var(--muted); font-size: .9rem; }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; }
a { color: var(--accent); }
ol { list-style: none; margin: 0; padding: 0; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; overflow: hidden; }
li + li { border-top: 1px solid var(--line); }
li a { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 1rem; padding: .75rem 1rem;
  color: inherit; text-decoration: none; }
li a:hover, li a:focus-visible { background: var(--page); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; }
li strong { overflow-wrap: anywhere; }
li span, dt, .none { color: var(--muted); font-size: .9rem; overflow-wrap: anywhere; }
li span { grid-column: 1 / -1; }
li time { color: var(--muted); font-size: .85rem; white-space: nowrap; }
.none { background: var(--card); border: 1px dashed var(--line); border-radius: 10px; padding: 2rem 1rem;
  text-align: center; margin: 0; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .1rem .75rem; align-items: baseline; margin: .75rem 0 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
nav { display: flex; gap: .5rem; margin-bottom: .75rem; }
nav a { padding: .4rem .9rem; border: 1px solid var(--line); border-radius: 999px; text-decoration: none; }
nav a[aria-current] { background: var(--accent); border-color: var(--accent); color: var(--card); }
iframe { width: 100%; height: 75vh; border: 1px solid var(--line); border-radius: 10px; background: #fff; }
pre { margin: 0; padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
`;

const RELOAD = `
const newest = document.currentScript.dataset.newest;
setInterval(async () => {
  try {
    const messages = await (await fetch("/api/messages")).json();
    if ((messages[0]?.id ?? "") !== newest) location.reload();
  } catch {}
}, 2000);
`;

const sha256 = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

export const PAGE_POLICY = `default-src 'none'; style-src ${sha256(STYLE)}; script-src ${sha256(RELOAD)}; connect-src 'self'; img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none'`;

/** A mail may style itself and open its links in a new tab; it runs nothing and loads nothing. */
export const MAIL_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; sandbox allow-popups allow-popups-to-escape-sandbox";

const page = (options: { title: string; body: string; head?: string }) => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(options.title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
${options.head ?? ""}
</head>
<body>
${options.body}
</body>
</html>
`;

const shownTime = (receivedAt: string) =>
  `<time datetime="${escapeHtml(receivedAt)}">${escapeHtml(receivedAt.slice(11, 19))} UTC</time>`;

export function listPage(messages: readonly MailboxMessage[]): string {
  const rows = messages.map(
    (message) => `<li><a href="/messages/${message.id}">
<strong>${escapeHtml(message.subject || "(no subject)")}</strong>
${shownTime(message.receivedAt)}
<span>To ${escapeHtml(message.to.join(", "))}</span>
</a></li>`,
  );
  return page({
    title: `Mailbox (${messages.length})`,
    head: '<noscript><meta http-equiv="refresh" content="5"></noscript>',
    body: `<header><h1>Mailbox</h1><p>Every mail of the demo ends up here, whoever it is for.</p></header>
<main>
${rows.length > 0 ? `<ol>${rows.join("")}</ol>` : '<p class="none">No mail yet. This page shows the first one by itself.</p>'}
</main>
<script data-newest="${messages[0]?.id ?? ""}">${RELOAD}</script>`,
  });
}

export function messagePage(message: MailboxMessage, view: "html" | "text"): string {
  const tab = (name: "html" | "text", words: string) =>
    `<a href="/messages/${message.id}?view=${name}"${name === view ? ' aria-current="page"' : ""}>${words}</a>`;
  const content =
    view === "html"
      ? `<iframe title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox" src="/messages/${message.id}/html"></iframe>`
      : `<pre>${linked(message.text)}</pre>`;
  return page({
    title: message.subject || "(no subject)",
    body: `<header><h1>${escapeHtml(message.subject || "(no subject)")}</h1><p><a href="/">All mails</a></p></header>
<main>
<dl><dt>From</dt><dd>${escapeHtml(message.from)}</dd>
<dt>To</dt><dd>${escapeHtml(message.to.join(", "))}</dd>
<dt>Came</dt><dd>${shownTime(message.receivedAt)}</dd></dl>
<nav aria-label="Form">${tab("html", "As sent")}${tab("text", "Plain text")}</nav>
${content}
</main>`,
  });
}

/** @returns the mail's own HTML, its links made to open beside the mailbox */
export const mailDocument = (message: MailboxMessage) =>
  message.html
    ? message.html.replace(/<head[^>]*>/i, (head) => `${head}<base target="_blank">`)
    : `<!doctype html><pre>${escapeHtml(message.text)}</pre>`;

export const notFoundPage = () =>
  page({
    title: "Not found",
    body: '<header><h1>There is no such mail</h1><p><a href="/">All mails</a></p></header>',
  });

/** Escapes the text, and makes its web addresses links. */
const linked = (text: string) =>
  text
    .split(/(https?:\/\/[^\s<>"]+)/)
    .map((part, index) =>
      index % 2 === 1
        ? `<a href="${escapeHtml(part)}" target="_blank" rel="noopener noreferrer">${escapeHtml(part)}</a>`
        : escapeHtml(part),
    )
    .join("");
